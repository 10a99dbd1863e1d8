/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes on their way from the layer below to a temporary file. */
#ifndef NBDSRV_FILTER_UNPACK_STREAM_H
#define NBDSRV_FILTER_UNPACK_STREAM_H

#include "unpack.h"

#define UNPACK_CHUNK (128u * 1024)

struct unpack_stream {
  struct nbdsrv_next *next;
  uint64_t off, size; /* packed: what is got next, and the end */
  int fd;
  uint64_t put; /* unpacked: so much is there */
  uint8_t in[UNPACK_CHUNK];
};

#endif
