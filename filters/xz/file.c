/* SPDX-License-Identifier: BSD-3-Clause */
/* An xz file, read with liblzma.
 * Gets bytes from the layer below, a piece at a time; hands on an index and blocks.
 */
#include <errno.h>
#include <stdlib.h>

#include "file.h"

#define PIECE (128u * 1024)
/* A file of some million blocks has an index that large in memory. */
#define MOST_INDEX (UINT64_C(64) * 1024 * 1024)
/* What a decoder may want: enough for the largest dictionary that xz itself makes.  It
 * fills no more of that than the block has bytes. */
#define MOST_DECODER (UINT64_C(1600) * 1024 * 1024)

/* From where a decoder takes its input. */
struct input {
  struct nbdsrv_next *next;
  uint64_t off, end;
  uint8_t buf[PIECE];
};

static int
refill(struct input *input, lzma_stream *stream)
{
  uint64_t rest = input->end - input->off;
  int error = nbdsrv_sleep(0); /* is anybody still waiting for it? */

  stream->next_in = input->buf;
  stream->avail_in = rest < PIECE ? (size_t)rest : PIECE;
  if (!error)
    error = nbdsrv_next_read(input->next, input->buf, stream->avail_in, input->off, 0);
  input->off += stream->avail_in;
  return error;
}

static int
explain(lzma_ret ret)
{
  switch (ret) {
  case LZMA_MEM_ERROR:
    return ENOMEM;
  case LZMA_MEMLIMIT_ERROR:
    nbdsrv_error("the index of the xz file is too large");
    return EFBIG;
  case LZMA_FORMAT_ERROR:
    nbdsrv_error("this is no xz file");
    return EINVAL;
  case LZMA_OPTIONS_ERROR:
    nbdsrv_error("the xz file uses what liblzma does not know");
    return EIO;
  default:
    nbdsrv_error("the xz file is broken");
    return EIO;
  }
}

static int
decode_index(struct input *input, lzma_stream *stream)
{
  int error = 0;

  for (;;) {
    lzma_ret ret;

    if (stream->avail_in == 0)
      error = refill(input, stream);
    if (error)
      return error;
    ret = lzma_code(stream, LZMA_RUN);
    if (ret == LZMA_STREAM_END)
      return 0;
    if (ret == LZMA_SEEK_NEEDED && stream->seek_pos <= input->end) {
      input->off = stream->seek_pos;
      stream->avail_in = 0;
    } else if (ret != LZMA_OK)
      return explain(ret);
  }
}

int
xz_load_index(struct nbdsrv_next *next, uint64_t size, lzma_index **index)
{
  lzma_stream stream = LZMA_STREAM_INIT;
  struct input *input = malloc(sizeof *input);
  lzma_ret ret;
  int error;

  *index = NULL;
  if (!input)
    return ENOMEM;
  input->next = next;
  input->off = 0;
  input->end = size;
  ret = lzma_file_info_decoder(&stream, index, MOST_INDEX, size);
  error = ret == LZMA_OK ? decode_index(input, &stream) : explain(ret);
  lzma_end(&stream);
  free(input);
  return error;
}

int
xz_check_blocks(const lzma_index *index, uint64_t most)
{
  lzma_index_iter iter;

  lzma_index_iter_init(&iter, index);
  while (!lzma_index_iter_next(&iter, LZMA_INDEX_ITER_NONEMPTY_BLOCK))
    if (iter.block.uncompressed_size > most) {
      nbdsrv_error("the xz file has a block of %llu bytes, more than xz-max-block",
                   (unsigned long long)iter.block.uncompressed_size);
      return EFBIG;
    }
  return 0;
}

/* ---------------------------------------------------------------------- blocks */

/* The block's header says how it was compressed. */
static int
load_header(struct input *input, const lzma_index_iter *iter, lzma_block *block)
{
  uint8_t header[LZMA_BLOCK_HEADER_SIZE_MAX];
  lzma_ret ret;
  int error = nbdsrv_next_read(input->next, header, 1, input->off, 0);

  if (error)
    return error;
  block->header_size = lzma_block_header_size_decode(header[0]);
  if (header[0] == 0 || block->header_size > input->end - input->off)
    return explain(LZMA_DATA_ERROR);
  error = nbdsrv_next_read(input->next, header, block->header_size, input->off, 0);
  if (error)
    return error;
  block->check = iter->stream.flags->check;
  ret = lzma_block_header_decode(block, NULL, header);
  if (ret != LZMA_OK)
    return explain(ret);
  input->off += block->header_size;
  ret = lzma_block_compressed_size(block, iter->block.unpadded_size);
  if (ret == LZMA_OK && lzma_raw_decoder_memusage(block->filters) > MOST_DECODER)
    ret = LZMA_OPTIONS_ERROR;
  if (ret != LZMA_OK) {
    lzma_filters_free(block->filters, NULL);
    return explain(ret);
  }
  return 0;
}

static int
decode_block(struct input *input, lzma_stream *stream)
{
  for (;;) {
    int error = stream->avail_in == 0 ? refill(input, stream) : 0;
    lzma_ret ret;

    if (error)
      return error;
    ret = lzma_code(stream, input->off == input->end ? LZMA_FINISH : LZMA_RUN);
    if (ret == LZMA_STREAM_END) /* short of what the index says? */
      return stream->avail_out == 0 ? 0 : explain(LZMA_DATA_ERROR);
    if (ret != LZMA_OK)
      return explain(ret);
  }
}

int
xz_load_block(struct nbdsrv_next *next, const lzma_index_iter *iter, uint8_t *data)
{
  lzma_stream stream = LZMA_STREAM_INIT;
  lzma_filter filters[LZMA_FILTERS_MAX + 1];
  lzma_block block = {.version = 1, .filters = filters};
  struct input *input = malloc(sizeof *input);
  int error;

  if (!input)
    return ENOMEM;
  input->next = next;
  input->off = iter->block.compressed_file_offset;
  input->end = input->off + iter->block.total_size;
  error = load_header(input, iter, &block);
  if (!error) {
    lzma_ret ret = lzma_block_decoder(&stream, &block);
    stream.next_out = data;
    stream.avail_out = (size_t)iter->block.uncompressed_size;
    error = ret == LZMA_OK ? decode_block(input, &stream) : explain(ret);
    lzma_end(&stream);
    lzma_filters_free(filters, NULL);
  }
  free(input);
  return error;
}
