/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes out of base64 text. */
#ifndef NBDSRV_PLUGIN_BASE64_H
#define NBDSRV_PLUGIN_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* How many bytes the text may turn out to be, at most. */
size_t base64_room(const char *text);

/* Blanks are skipped.  0, or EINVAL: another letter, no padding, bits left over. */
int base64_decode(const char *text, uint8_t *bytes, size_t *len);

#endif
