/* SPDX-License-Identifier: BSD-3-Clause */
/* The layer below as libext2fs wants to have its disks. */
#ifndef NBDSRV_EXT2_IO_H
#define NBDSRV_EXT2_IO_H

#include <ext2fs/ext2fs.h>

#include <nbdsrv-filter.h>

struct io_disk {
  struct nbdsrv_next *next;
  uint64_t size;
};

/* Room for the name by which the manager is told of a disk. */
#define IO_NAME 32

/* To be given to ext2fs_open2 () with the name, while the disk stays. */
io_manager io_manager_of(const struct io_disk *disk, char name[IO_NAME]);

#endif
