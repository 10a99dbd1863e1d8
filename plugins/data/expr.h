/* SPDX-License-Identifier: BSD-3-Clause */
/* Expressions of the data language: what to put where, not yet done.
 *
 * An expression stands for a run of bytes of a known length.  It never changes, and may
 * be part of several others.  It takes no more memory than its text did, however many
 * bytes it stands for.
 */
#ifndef NBDSRV_DATA_EXPR_H
#define NBDSRV_DATA_EXPR_H

#include <stdbool.h>
#include <stdint.h>

#include "pool.h"

enum expr_kind {
  EXPR_HOLE,   /* zeroes */
  EXPR_BYTES,  /* bytes */
  EXPR_LIST,   /* parts, later ones over earlier ones, zeroes between */
  EXPR_REPEAT, /* body, over and over */
  EXPR_SLICE,  /* body from start on */
  EXPR_FILE,   /* the content of a file, read when it is needed */
  EXPR_STREAM  /* what a program prints or a device gives; see outside.h */
};

struct expr {
  enum expr_kind kind;
  uint16_t depth;       /* of expressions inside each other */
  bool from_outside;    /* a slice of it may end beyond its end */
  bool is_script;       /* STREAM */
  bool dense;           /* LIST: each part begins where the one before it ends */
  uint64_t size;        /* STREAM: what was read so far */
  const uint8_t *bytes; /* BYTES; STREAM: read so far */
  union {
    const struct expr *body; /* REPEAT, SLICE */
    struct expr_part *parts; /* LIST, in the order of the text */
    const char *text;        /* FILE: path; STREAM: path or script */
  };
  union {
    uint64_t start; /* SLICE */
    size_t count;   /* LIST */
  };
};

struct expr_part {
  uint64_t at;
  const struct expr *expr;
};

#define EXPR_MOST    ((uint64_t)INT64_MAX) /* bytes: no disk is larger */
#define EXPR_DEEPEST 500u
#define EXPR_TINY    64u /* bytes: not worth an expression of their own */

/* These return 0, ENOMEM, ERANGE: more than EXPR_MOST bytes, ELOOP: deeper than
 * EXPR_DEEPEST, or EINVAL: no such slice.  What is plainly simpler is made simpler. */

/* The bytes stay the caller's, in the same pool; zeroes become a hole. */
int expr_bytes(struct pool *pool, const uint8_t *bytes, uint64_t size, struct expr **e);
int expr_hole(struct pool *pool, uint64_t size, struct expr **e);
int expr_repeat(struct pool *pool, struct expr *body, uint64_t n, struct expr **e);
/* From start to before end, UINT64_MAX: to the end.  What is from outside is cut where
 * it ends. */
int expr_slice(struct pool *pool, struct expr *body, uint64_t start, uint64_t end,
               struct expr **e);

bool expr_is_zeroes(const uint8_t *bytes, uint64_t size);

#endif
