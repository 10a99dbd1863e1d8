/* SPDX-License-Identifier: BSD-3-Clause */
/* Words of a file of rules, and of a question about it: KEY=VALUE, with quotes. */
#ifndef NBDSRV_ACCESS_WORD_H
#define NBDSRV_ACCESS_WORD_H

#include <stdbool.h>
#include <stddef.h>

#define ACCESS_MOST_KEY 63
#define ACCESS_MOST_VALUE                                                              \
  4096 /* characters without quotes: as long as a name may be                          \
        */

struct access_word {
  const char *begin; /* as it stands there, for messages */
  size_t length;
  bool has_value;
  char key[ACCESS_MOST_KEY + 1]; /* or the whole of a word without = */
  /* As a pattern: what was quoted has \ in front of each sign. */
  char value[2 * ACCESS_MOST_VALUE + 1];
};

/* The next word of the line at *in, which then goes behind it; false at the end of the
 * line or in front of a comment, and where a word is malformed: *why is set then. */
bool access_next_word(const char **in, struct access_word *word, const char **why);

#endif
