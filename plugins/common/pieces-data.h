/* SPDX-License-Identifier: BSD-3-Clause */
/* A client's handle on a disk of pieces, shared by pieces.c and pieces-data.c. */
#ifndef NBDSRV_PLUGIN_PIECES_DATA_H
#define NBDSRV_PLUGIN_PIECES_DATA_H

#include "pieces.h"

struct open_piece {
  const struct piece *piece;
  void *handle; /* of the file plugin; NULL: not a file */
};

struct pieces_handle {
  const struct pieces *pieces;
  size_t count;
  struct open_piece list[];
};

#endif
