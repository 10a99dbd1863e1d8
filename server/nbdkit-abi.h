/* SPDX-License-Identifier: BSD-3-Clause */
/* nbdkit's plugin interface as its binaries see it: layout, numbers, nothing else.
 *
 * The members stand in the order in which nbdkit 1.0 to 1.48 added them; a plugin
 * has as many as struct_size covers.  Two of the API's versions exist: they differ in
 * which set of data calls is filled in.
 */
#ifndef NBDSRV_NBDKIT_ABI_H
#define NBDSRV_NBDKIT_ABI_H

#include <stdint.h>

#define NBDKIT_LATEST_API 2

/* Thread models: the larger, the more parallel. */
#define NBDKIT_SERIALIZE_CONNECTIONS  0
#define NBDKIT_SERIALIZE_ALL_REQUESTS 1
#define NBDKIT_SERIALIZE_REQUESTS     2
#define NBDKIT_PARALLEL               3

#define NBDKIT_MAY_TRIM  (1u << 0)
#define NBDKIT_FUA       (1u << 1)
#define NBDKIT_REQ_ONE   (1u << 2)
#define NBDKIT_FAST_ZERO (1u << 3)

/* Answers of can_fua and can_cache. */
#define NBDKIT_FUA_NONE      0
#define NBDKIT_FUA_EMULATE   1
#define NBDKIT_FUA_NATIVE    2
#define NBDKIT_CACHE_NONE    0
#define NBDKIT_CACHE_EMULATE 1
#define NBDKIT_CACHE_NATIVE  2

struct nbdkit_extents; /* in truth struct nbdsrv_extents */
struct nbdkit_exports; /* in truth struct nbdsrv_exports */

struct nbdkit_extent {
  uint64_t offset, length;
  uint32_t type;
};

struct nbdkit_plugin {
  uint64_t struct_size;
  int api_version;
  int thread_model_max;

  const char *name, *longname, *version, *description;
  void (*load)(void);
  void (*unload)(void);
  int (*config)(const char *key, const char *value);
  int (*config_complete)(void);
  const char *config_help;
  void *(*open)(int readonly);
  void (*close)(void *handle);
  int64_t (*get_size)(void *handle);
  int (*can_write)(void *handle);
  int (*can_flush)(void *handle);
  int (*is_rotational)(void *handle);
  int (*can_trim)(void *handle);

  /* API version 1. */
  int (*pread_v1)(void *handle, void *buf, uint32_t count, uint64_t offset);
  int (*pwrite_v1)(void *handle, const void *buf, uint32_t count, uint64_t offset);
  int (*flush_v1)(void *handle);
  int (*trim_v1)(void *handle, uint32_t count, uint64_t offset);
  int (*zero_v1)(void *handle, uint32_t count, uint64_t offset, int may_trim);

  int errno_is_preserved;
  void (*dump_plugin)(void);
  int (*can_zero)(void *handle);
  int (*can_fua)(void *handle);

  /* API version 2. */
  int (*pread)(void *handle, void *buf, uint32_t count, uint64_t offset,
               uint32_t flags);
  int (*pwrite)(void *handle, const void *buf, uint32_t count, uint64_t offset,
                uint32_t flags);
  int (*flush)(void *handle, uint32_t flags);
  int (*trim)(void *handle, uint32_t count, uint64_t offset, uint32_t flags);
  int (*zero)(void *handle, uint32_t count, uint64_t offset, uint32_t flags);

  const char *magic_config_key;
  int (*can_multi_conn)(void *handle);
  int (*can_extents)(void *handle);
  int (*extents)(void *handle, uint32_t count, uint64_t offset, uint32_t flags,
                 struct nbdkit_extents *extents);
  int (*can_cache)(void *handle);
  int (*cache)(void *handle, uint32_t count, uint64_t offset, uint32_t flags);
  int (*thread_model)(void);
  int (*can_fast_zero)(void *handle);
  int (*preconnect)(int readonly);
  int (*get_ready)(void);
  int (*after_fork)(void);
  int (*list_exports)(int readonly, int is_tls, struct nbdkit_exports *exports);
  const char *(*default_export)(int readonly, int is_tls);
  const char *(*export_description)(void *handle);
  void (*cleanup)(void);
  int (*block_size)(void *handle, uint32_t *minimum, uint32_t *preferred,
                    uint32_t *maximum);
};

#if UINTPTR_MAX == UINT64_MAX
_Static_assert(sizeof(struct nbdkit_plugin) == 384, "the layout since nbdkit 1.30");
#endif

#endif
