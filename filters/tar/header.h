/* SPDX-License-Identifier: BSD-3-Clause */
/* The headers of a tar file: ustar, GNU's and pax. */
#ifndef NBDSRV_TAR_HEADER_H
#define NBDSRV_TAR_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK    512u
#define TAR_NAME_MAX 256 /* of a name in the header itself: 155 + '/' + 100 */

enum tar_kind {
  TAR_END,       /* a block of zeroes */
  TAR_FILE,      /* a regular file */
  TAR_SPARSE,    /* one without its holes */
  TAR_EMPTY,     /* a link, a directory ... */
  TAR_OTHER,     /* something else */
  TAR_LONG_NAME, /* what follows is the next entry's name */
  TAR_PAX,       /* what follows are records about the next entry */
  TAR_PAX_ALL,   /* about all entries */
};

struct tar_header {
  enum tar_kind kind;
  uint64_t size; /* of what follows, without padding */
  bool has_map;  /* TAR_SPARSE: before that there are blocks of a map */
  char name[TAR_NAME_MAX + 1];
};

/* What comes before an entry, and has precedence over its header. */
struct tar_extended {
  char *name; /* malloc'ed, or NULL */
  uint64_t size;
  bool has_size, sparse;
};

/* false: this is no header. */
bool tar_header_parse(const uint8_t block[TAR_BLOCK], struct tar_header *header);

/* Whether another block of the map follows this one. */
bool tar_map_goes_on(const uint8_t block[TAR_BLOCK]);

/* Takes over what pax records say.  0, EINVAL or ENOMEM. */
int tar_pax_parse(const char *records, size_t len, struct tar_extended *extended);

#endif
