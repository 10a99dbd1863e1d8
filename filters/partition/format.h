/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers of partition tables, for who reads them and who writes them. */
#ifndef NBDSRV_PARTITION_FORMAT_H
#define NBDSRV_PARTITION_FORMAT_H

#define MBR_SIZE       512u
#define MBR_ENTRIES    446u
#define MBR_ENTRY_SIZE 16u
#define MBR_GPT        0xeeu /* "protective": the real table is a GPT */
#define MBR_EXTENDED   0x0fu /* a chain of logical partitions; one of its ids */
#define MBR_ACTIVE     0x80u

#define GPT_SIGNATURE   "EFI PART"
#define GPT_REVISION    0x00010000u
#define GPT_HEADER_SIZE 92u
#define GPT_ENTRY_LEAST 128u

#endif
