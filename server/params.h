/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters of the command line into the instances of a stack of layers. */
#ifndef NBDSRV_PARAMS_H
#define NBDSRV_PARAMS_H

#include <stddef.h>

struct layer;

/* Gives each of params (key=value or bare) to the outermost layer that knows it.
 * Bare words go to the plugin's NBDSRV_MAGIC parameter.  0, or an errno value after
 * one line that names the parameter and, if one is near, the one meant. */
int params_give(struct layer *top, char **params, size_t count);

/* Also fills in the defaults and checks that what is required is there. */
int params_apply(struct layer *top, char **params, size_t count);

/* Frees what they put into the instance of a layer. */
void params_free(struct layer *layer);

#endif
