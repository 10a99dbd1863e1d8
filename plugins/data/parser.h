/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes an expression of text in the data language. */
#ifndef NBDSRV_DATA_PARSER_H
#define NBDSRV_DATA_PARSER_H

#include "expr.h"

/* What $name stands for; NULL: nothing. */
typedef const char *parser_lookup(void *opaque, const char *name);

/* 0, or an errno value that has been reported, but for ENOMEM. */
int parser_parse(struct pool *pool, const char *text, parser_lookup *lookup,
                 void *opaque, struct expr **e);

#endif
