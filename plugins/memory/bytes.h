/* SPDX-License-Identifier: BSD-3-Clause */
/* Copying and clearing the bytes of a disk.
 *
 * Two clients that read and write the same bytes at once race, as on any disk: which
 * bytes a read finds then is their affair.  What one client was told to be done and
 * another then asks for is ordered by the sockets between, which the thread sanitizer
 * cannot see.  So it is kept from looking at these bytes, and at nothing else.
 */
#ifndef NBDSRV_MEMORY_BYTES_H
#define NBDSRV_MEMORY_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BYTES_UNSEEN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define BYTES_UNSEEN 1
#endif

#ifdef BYTES_UNSEEN

/* memcpy itself would be seen; volatile keeps these loops from becoming one. */
__attribute__((no_sanitize("thread"))) static inline void
bytes_copy(void *to, const void *from, size_t len)
{
  volatile uint8_t *t = to;
  const volatile uint8_t *f = from;

  while (len-- > 0)
    *t++ = *f++;
}

__attribute__((no_sanitize("thread"))) static inline void
bytes_clear(void *at, size_t len)
{
  volatile uint8_t *t = at;

  while (len-- > 0)
    *t++ = 0;
}

#else

static inline void
bytes_copy(void *to, const void *from, size_t len)
{
  memcpy(to, from, len);
}

static inline void
bytes_clear(void *at, size_t len)
{
  memset(at, 0, len);
}

#endif

#endif
