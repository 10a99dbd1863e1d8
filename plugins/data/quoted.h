/* SPDX-License-Identifier: BSD-3-Clause */
/* Strings of the data language, as C writes them. */
#ifndef NBDSRV_DATA_QUOTED_H
#define NBDSRV_DATA_QUOTED_H

#include <stddef.h>
#include <stdint.h>

/* How far it is to the quote that ends what stands at text; SIZE_MAX: there is none. */
size_t quoted_length(const char *text);

/* The bytes that len letters without the quotes mean: no more than that.  NULL, or what
 * is wrong with the letter at *wrong. */
const char *quoted_bytes(const char *text, size_t len, uint8_t *bytes, size_t *size,
                         size_t *wrong);

#endif
