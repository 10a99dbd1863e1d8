/* SPDX-License-Identifier: BSD-3-Clause */
/* A data call as a value, so that it can be made again: retry, retry-request. */
#ifndef NBDSRV_FILTER_CALL_H
#define NBDSRV_FILTER_CALL_H

#include <nbdsrv-filter.h>

struct call {
  uint32_t op, flags; /* NBDSRV_OP_*, NBDSRV_FLAG_* */
  uint64_t len, off;
  union {
    void *in;        /* read */
    const void *out; /* write */
  } buf;
  struct nbdsrv_extents *extents;
};

/* Makes it.  Extents are only added if all went well. */
int call_below(struct nbdsrv_next *next, const struct call *call);

/* The seven data calls of a filter, name_read () to name_extents (), by way of one
 * function: int make (void *handle, const struct call *call). */
#define CALL_MEMBERS(name, make)                                                       \
  static int name##_read(void *handle, void *buf, uint64_t len, uint64_t off,          \
                         uint32_t flags)                                               \
  {                                                                                    \
    return make(handle,                                                                \
                &(struct call){NBDSRV_OP_READ, flags, len, off, {.in = buf}, NULL});   \
  }                                                                                    \
  static int name##_write(void *handle, const void *buf, uint64_t len, uint64_t off,   \
                          uint32_t flags)                                              \
  {                                                                                    \
    return make(handle,                                                                \
                &(struct call){NBDSRV_OP_WRITE, flags, len, off, {.out = buf}, NULL}); \
  }                                                                                    \
  static int name##_flush(void *handle, uint32_t flags)                                \
  {                                                                                    \
    return make(handle, &(struct call){.op = NBDSRV_OP_FLUSH, .flags = flags});        \
  }                                                                                    \
  static int name##_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)     \
  {                                                                                    \
    return make(handle,                                                                \
                &(struct call){NBDSRV_OP_TRIM, flags, len, off, {NULL}, NULL});        \
  }                                                                                    \
  static int name##_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)     \
  {                                                                                    \
    return make(handle,                                                                \
                &(struct call){NBDSRV_OP_ZERO, flags, len, off, {NULL}, NULL});        \
  }                                                                                    \
  static int name##_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)    \
  {                                                                                    \
    return make(handle,                                                                \
                &(struct call){NBDSRV_OP_CACHE, flags, len, off, {NULL}, NULL});       \
  }                                                                                    \
  static int name##_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,  \
                            struct nbdsrv_extents *extents)                            \
  {                                                                                    \
    return make(handle,                                                                \
                &(struct call){NBDSRV_OP_EXTENTS, flags, len, off, {NULL}, extents});  \
  }

#endif
