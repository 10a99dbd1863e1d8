/* SPDX-License-Identifier: BSD-3-Clause */
/* One entry of the log: to a line of the file and to variables of the script. */
#ifndef NBDSRV_LOG_ENTRY_H
#define NBDSRV_LOG_ENTRY_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#define LOG_FIELDS 16

enum log_type { LOG_ENTER, LOG_LEAVE, LOG_PRINT };

struct log_entry {
  enum log_type type;
  const char *action;  /* "Read" ... */
  uint32_t connection; /* 0: none */
  uint64_t id;         /* 0: none */
  unsigned count;
  struct log_field {
    const char *key;
    char *value; /* malloc'ed, or NULL where memory was short */
    char quote;  /* '"': a string; '(': a list; 0: neither */
  } fields[LOG_FIELDS];
};

struct log_target {
  int fd;                      /* -1: no file */
  const char *script;          /* NULL: none */
  pthread_mutex_t script_lock; /* one runs at a time, in the order of the entries */
};

/* Adds a field to an entry. */
void log_add(struct log_entry *entry, char quote, const char *key, const char *fmt, ...)
    __attribute__((__format__(__printf__, 4, 5)));

/* Prints a string as a shell reads it back. */
void log_quote(FILE *out, const char *s);

/* Writes the entry and frees its fields. */
void log_put(struct log_target *target, struct log_entry *entry);

#endif
