/* SPDX-License-Identifier: BSD-3-Clause */
/* Strings of the protocol are UTF-8 without NUL: checks those that come, and mends
 * those that go.
 */
#ifndef NBDSRV_UTF8_H
#define NBDSRV_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Well-formed (nothing overlong, no surrogates) and without NUL. */
bool utf8_is_valid(const char *bytes, size_t len);

/* Copies a text for people to a buffer of that many bytes, cut between characters; a
 * byte that is not UTF-8 becomes '?'.  The length of the copy; no NUL is added.  to may
 * be text itself. */
size_t utf8_mend(char *to, size_t room, const char *text);

#endif
