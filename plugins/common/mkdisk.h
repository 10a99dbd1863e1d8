/* SPDX-License-Identifier: BSD-3-Clause */
/* Disks that a command makes, served by the functions of the file plugin: what ondemand
 * and tmpdisk share. */
#ifndef NBDSRV_PLUGIN_MKDISK_H
#define NBDSRV_PLUGIN_MKDISK_H

#include <stdatomic.h>

#include <nbdsrv-plugin.h>

#include "../file/file.h"

/* The instance begins with it. */
struct mkdisk {
  uint64_t size;
  const char *type, *label, *command;
  char **vars; /* "name=value" for the command */
  size_t var_count;
  atomic_long ending; /* see struct process */
};

/* Entries of the table of parameters. */
#define MKDISK_PARAMS                                                                  \
  {"size",                                                                             \
   NBDSRV_SIZE,                                                                        \
   NBDSRV_MAGIC | NBDSRV_REQUIRED,                                                     \
   offsetof(struct mkdisk, size),                                                      \
   NULL,                                                                               \
   "of each disk; a command may make another",                                         \
   NULL,                                                                               \
   NULL},                                                                              \
      {"type", NBDSRV_STRING,                                                          \
       0,      offsetof(struct mkdisk, type),                                          \
       NULL,   "file system, as mkfs knows it (ext4)",                                 \
       NULL,   "FS"},                                                                  \
      {"label", NBDSRV_STRING,        0,    offsetof(struct mkdisk, label),            \
       NULL,    "of the file system", NULL, "LABEL"},                                  \
      {"command", NBDSRV_STRING,                                                       \
       0,         offsetof(struct mkdisk, command),                                    \
       NULL,      "shell script that makes the disk, instead of mkfs",                 \
       NULL,      "SCRIPT"},                                                           \
  {                                                                                    \
    "*", NBDSRV_FREE, NBDSRV_REPEAT | NBDSRV_HIDDEN, 0, NULL, NULL, NULL, NULL         \
  }

/* Members of struct nbdsrv_plugin. */
int mkdisk_config(void *inst, const char *key, const char *value);
int mkdisk_ready(void *inst);
void mkdisk_unload(void *inst);
/* As the file, but every client has its own disk, or has it alone. */
int mkdisk_describe(void *handle, struct nbdsrv_info *info);

/* Runs the command, which makes a file of that name.  Blocks; 0 or an errno value, with
 * nbdsrv_error (). */
int mkdisk_make(struct mkdisk *m, const char *disk);

/* A handle of the file plugin on a disk that is there. */
int mkdisk_open(const char *disk, const struct nbdsrv_client *client,
                struct open_file **handle);

#endif
