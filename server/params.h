/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters of the command line into the instances of a stack of layers. */
#ifndef NBDSRV_PARAMS_H
#define NBDSRV_PARAMS_H

#include <stddef.h>

struct layer;

/* Gives each of params (key=value or bare) to the outermost layer that knows it,
 * fills in the defaults, checks that what is required is there.  The first bare
 * word goes to the plugin's NBDSRV_MAGIC parameter.  0, or an errno value after
 * one line that names the parameter and, if one is near, the one meant. */
int params_apply(struct layer *top, char **params, size_t count);

/* Frees what params_apply put into the instance of a layer. */
void params_free(struct layer *layer);

#endif
