/* SPDX-License-Identifier: BSD-3-Clause */
/* Text of the command line and of parameters to values.  The public parsers
 * (nbdsrv_parse_*) stand in parse.c too.  All return 0 or EINVAL, and on EINVAL
 * they have said why through nbdsrv_error.
 */
#ifndef NBDSRV_PARSE_H
#define NBDSRV_PARSE_H

#include <stddef.h>
#include <stdint.h>

/* The candidate nearest to word, or NULL where none is near enough to be meant. */
const char *parse_nearest(const char *word, const char *const *candidates, size_t n);

/* The index of word in "a|b|c", or EINVAL. */
int parse_enum(const char *what, const char *text, const char *choices, int *value);

/* A number from 0 on: 0.1, 10%, 1:10 or 1/10. */
int parse_ratio(const char *what, const char *text, double *value);

/* Absolute form of path without following links; malloc'ed, NULL: ENOMEM. */
char *parse_absolute_path(const char *path);

#endif
