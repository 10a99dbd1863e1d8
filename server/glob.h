/* SPDX-License-Identifier: BSD-3-Clause */
/* Patterns with * ? [a-z] [!a-z] and \ in front of a character that stands for itself.
 * Their cost is bounded by the product of both lengths, whatever a client sends.
 */
#ifndef NBDSRV_GLOB_H
#define NBDSRV_GLOB_H

#include <stdbool.h>

/* Whether all of text is what pattern means.  ? is one character of UTF-8. */
bool glob_match(const char *pattern, const char *text);

/* A pattern that glob_match understands: sets end, and hold ASCII only. */
bool glob_is_valid(const char *pattern);

/* Takes \ away; a pattern without * ? [ becomes the text that it stands for. */
void glob_unescape(char *pattern);

#endif
