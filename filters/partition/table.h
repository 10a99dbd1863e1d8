/* SPDX-License-Identifier: BSD-3-Clause */
/* Partition tables: MBR with logical partitions, and GPT. */
#ifndef NBDSRV_PARTITION_TABLE_H
#define NBDSRV_PARTITION_TABLE_H

#include <stdint.h>

/* Reads len bytes at off; 0 or an errno value. */
typedef int (*table_read)(void *opaque, void *buf, uint64_t len, uint64_t off);

/* Where partition number (from 1) lies, in bytes.  size: of the disk; sector: 512,
 * 4096, or 0 to find out.  0 or an errno value, with nbdsrv_error (): what is in the
 * table is not trusted. */
int table_find(table_read read, void *opaque, uint64_t size, unsigned sector,
               unsigned number, uint64_t *offset, uint64_t *length);

#endif
