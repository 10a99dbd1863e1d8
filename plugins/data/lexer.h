/* SPDX-License-Identifier: BSD-3-Clause */
/* Cuts text of the data language into tokens. */
#ifndef NBDSRV_DATA_LEXER_H
#define NBDSRV_DATA_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool.h"

enum token_type {
  TOKEN_END,
  TOKEN_BYTES,    /* 0x55, le16:1, "abc": bytes or word, size */
  TOKEN_MOVE,     /* @1 */
  TOKEN_FORWARD,  /* @+1 */
  TOKEN_BACK,     /* @-1 */
  TOKEN_ALIGN,    /* @^1 */
  TOKEN_FILE,     /* <name: text */
  TOKEN_SCRIPT,   /* <(script): text */
  TOKEN_OPEN,     /* ( */
  TOKEN_CLOSE,    /* ) */
  TOKEN_REPEAT,   /* *1 */
  TOKEN_SLICE,    /* [1:2]: number, end */
  TOKEN_ASSIGN,   /* -> \name: text */
  TOKEN_NAME,     /* \name: text */
  TOKEN_VARIABLE, /* $name: text */
};

struct token {
  enum token_type type;
  size_t begin;         /* where it stands */
  uint64_t number;      /* of a move, repeat or slice */
  uint64_t end;         /* of a slice; UINT64_MAX: none given */
  const uint8_t *bytes; /* in the pool; NULL: they are in word */
  uint8_t word[8];
  size_t size;
  const char *text; /* in the pool */
};

struct lexer {
  struct pool *pool;
  const char *what; /* for messages: the variable, or NULL */
  const char *text;
  size_t at;
};

/* 0, ENOMEM, or EINVAL, which has been reported. */
int lexer_next(struct lexer *lexer, struct token *token);

/* Reports something wrong at a place of the text.  EINVAL. */
int lexer_fail(const struct lexer *lexer, size_t at, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4)));

#endif
