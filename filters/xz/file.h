/* SPDX-License-Identifier: BSD-3-Clause */
/* An xz file: where its blocks are, and what they hold. */
#ifndef NBDSRV_XZ_FILE_H
#define NBDSRV_XZ_FILE_H

#include <lzma.h>
#include <stdint.h>

#include <nbdsrv-filter.h>

/* All return 0 or an errno value with nbdsrv_error (). */

/* *index is freed with lzma_index_end ().  size: of the file. */
int xz_load_index(struct nbdsrv_next *next, uint64_t size, lzma_index **index);

/* No block is larger. */
int xz_check_blocks(const lzma_index *index, uint64_t most);

/* Decompresses the block that the iterator stands at: iter->block.uncompressed_size
 * bytes. */
int xz_load_block(struct nbdsrv_next *next, const lzma_index_iter *iter, uint8_t *data);

#endif
