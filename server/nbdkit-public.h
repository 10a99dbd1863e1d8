/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions that nbdkit plugins import, declared as their binaries call them. */
#ifndef NBDSRV_NBDKIT_PUBLIC_H
#define NBDSRV_NBDKIT_PUBLIC_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "nbdkit-abi.h"
#include "nbdsrv-plugin.h"

void nbdkit_error(const char *fmt, ...) NBDSRV_PRINTF(1, 2);
void nbdkit_verror(const char *fmt, va_list args) NBDSRV_PRINTF(1, 0);
void nbdkit_debug(const char *fmt, ...) NBDSRV_PRINTF(1, 2);
void nbdkit_vdebug(const char *fmt, va_list args) NBDSRV_PRINTF(1, 0);
void nbdkit_set_error(int error);
void nbdkit_debug_hexdump(const void *buf, size_t len, const char *prefix,
                          uint64_t start);
void nbdkit_debug_hexdiff(const void *buf1, const void *buf2, size_t len,
                          const char *prefix, uint64_t start);

int64_t nbdkit_parse_size(const char *text);
int nbdkit_parse_bool(const char *text);
int nbdkit_parse_int(const char *what, const char *text, int *result);
int nbdkit_parse_unsigned(const char *what, const char *text, unsigned *result);
int nbdkit_parse_int8_t(const char *what, const char *text, int8_t *result);
int nbdkit_parse_uint8_t(const char *what, const char *text, uint8_t *result);
int nbdkit_parse_int16_t(const char *what, const char *text, int16_t *result);
int nbdkit_parse_uint16_t(const char *what, const char *text, uint16_t *result);
int nbdkit_parse_int32_t(const char *what, const char *text, int32_t *result);
int nbdkit_parse_uint32_t(const char *what, const char *text, uint32_t *result);
int nbdkit_parse_int64_t(const char *what, const char *text, int64_t *result);
int nbdkit_parse_uint64_t(const char *what, const char *text, uint64_t *result);
int nbdkit_parse_probability(const char *what, const char *text, double *result);
int nbdkit_parse_delay(const char *what, const char *text, unsigned *sec,
                       unsigned *nsec);
int nbdkit_read_password(const char *value, char **password);
int nbdkit_stdio_safe(void);
char *nbdkit_absolute_path(const char *path);
char *nbdkit_realpath(const char *path);

int nbdkit_nanosleep(unsigned sec, unsigned nsec);
void nbdkit_shutdown(void);
void nbdkit_disconnect(int force);

const char *nbdkit_name(void);
const char *nbdkit_timestamp(void);

const char *nbdkit_export_name(void);
int nbdkit_is_tls(void);
int nbdkit_peer_name(struct sockaddr *addr, socklen_t *addrlen);
int64_t nbdkit_peer_pid(void);
int64_t nbdkit_peer_uid(void);
int64_t nbdkit_peer_gid(void);
char *nbdkit_peer_security_context(void);
char *nbdkit_peer_tls_dn(void);
char *nbdkit_peer_tls_issuer_dn(void);

const char *nbdkit_strdup_intern(const char *text);
const char *nbdkit_strndup_intern(const char *text, size_t len);
const char *nbdkit_printf_intern(const char *fmt, ...) NBDSRV_PRINTF(1, 2);
const char *nbdkit_vprintf_intern(const char *fmt, va_list args) NBDSRV_PRINTF(1, 0);

int nbdkit_add_extent(struct nbdkit_extents *extents, uint64_t offset, uint64_t length,
                      uint32_t type);
struct nbdkit_extents *nbdkit_extents_new(uint64_t start, uint64_t end);
void nbdkit_extents_free(struct nbdkit_extents *extents);
size_t nbdkit_extents_count(const struct nbdkit_extents *extents);
struct nbdkit_extent nbdkit_get_extent(const struct nbdkit_extents *extents, size_t i);
int nbdkit_add_export(struct nbdkit_exports *exports, const char *name,
                      const char *description);
int nbdkit_use_default_export(struct nbdkit_exports *exports);
void nbdkit_exports_free(struct nbdkit_exports *exports);

#endif
