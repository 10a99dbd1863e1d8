/* SPDX-License-Identifier: BSD-3-Clause */
/* KEY=VALUE of a rule. */
#ifndef NBDSRV_ACCESS_VALUE_H
#define NBDSRV_ACCESS_VALUE_H

#include "access-rules.h"

struct access_word;

/* Fills an empty test from a word, whose value it spoils.  0; EINVAL: *why says what
 * does not fit; ENOMEM. */
int access_parse_value(struct access_word *word, struct access_test *test,
                       const char **why);
/* Also one that is half filled, with the others of its key. */
void access_test_free(struct access_test *test);

#endif
