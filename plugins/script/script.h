/* SPDX-License-Identifier: BSD-3-Clause */
/* What the plugins sh and eval share: an export whose every call runs a script. */
#ifndef NBDSRV_SCRIPT_H
#define NBDSRV_SCRIPT_H

#include <stdatomic.h>
#include <stdbool.h>

#include <nbdsrv-plugin.h>

#include "../common/process.h"

/* The instance begins with it. */
struct script {
  char *program; /* sh: gets the methods as its first argument; eval: NULL */
  char *tmpdir;  /* made before the first call */
  char **env;    /* of the server, with tmpdir */
  atomic_bool needs_shell;
  atomic_long ending; /* see struct process */
  bool started;       /* clients may be there */
  bool asked_threads;
  uint32_t threads; /* enum nbdsrv_thread_model */
};

/* The handle of a connection. */
struct script_handle {
  struct script *script;
  char *handle; /* what open printed */
  char *export_name;
  char *description; /* or NULL */
  bool readonly;
  bool is_default;    /* the client named no export */
  bool zero_by_write; /* zero is here only to say that it is not fast */
  bool fua_by_flush;
};

enum script_status {
  SCRIPT_OK,
  SCRIPT_MISSING, /* the script does not have this method */
  SCRIPT_FALSE,   /* only of questions */
  SCRIPT_ERROR    /* said */
};

#define SCRIPT_ARGS 5

struct script_call {
  const char *method;
  const char *args[SCRIPT_ARGS]; /* up to NULL */
  bool is_question;              /* yes or no */
  const void *input;
  size_t input_size;
  struct process_output out; /* data not given: text, to be freed whatever comes back */
  int error;                 /* SCRIPT_ERROR: an errno value */
};

/* The most that is read of what a script prints that is not data. */
#define SCRIPT_MOST_TEXT ((size_t)16 * 1024 * 1024)

/* Defined by each plugin: whether it has texts rather than a program, and the text of a
 * method (NULL: there is none). */
extern const bool script_has_texts;
const char *script_text(const struct script *s, const char *method);

/* call.c: what a data call fails with: names that the protocol has no number for say
 * no more than that it failed. */
int script_client_error(int error);
/* Runs a method.  Blocks. */
enum script_status script_call(struct script *s, struct script_call *call);
/* For methods whose output is a text, or lines.  *text: malloc'ed, NULL unless
 * SCRIPT_OK. */
enum script_status script_ask_lines(struct script *s, const char *method,
                                    const char *const args[SCRIPT_ARGS], char **text,
                                    int *error);
/* Without a newline at the end. */
enum script_status script_ask(struct script *s, const char *method,
                              const char *const args[SCRIPT_ARGS], char **text,
                              int *error);
/* For methods that print nothing: 0 where it is missing, too. */
int script_tell(struct script *s, const char *method,
                const char *const args[SCRIPT_ARGS]);
/* Whether there is a text for the method; never of a program, which would have to be
 * run to know. */
bool script_has(const struct script *s, const char *method);
/* Before the first call; does nothing later. */
int script_prepare(struct script *s);

/* life.c: members of struct nbdsrv_plugin. */
int script_config(struct script *s, const char *key, const char *value);
int script_ready(void *inst);
int script_start(void *inst);
void script_stop(void *inst);
void script_unload(void *inst);
uint32_t script_threads(void *inst);
void script_dump(void *inst);
int script_admit(void *inst, const struct nbdsrv_client *client);

/* exports.c */
int script_list(void *inst, struct nbdsrv_exports *exports);
int script_open(void *inst, const struct nbdsrv_client *client, void **handle);
void script_close(void *handle);

/* describe.c */
int script_describe(void *handle, struct nbdsrv_info *info);

/* data.c */
int script_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags);
int script_write(void *handle, const void *buf, uint64_t len, uint64_t off,
                 uint32_t flags);
int script_flush(void *handle, uint32_t flags);
int script_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int script_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int script_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags);

/* extents.c */
int script_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
                   struct nbdsrv_extents *extents);

/* What both plugins put into their struct nbdsrv_plugin. */
#define SCRIPT_MEMBERS                                                                 \
  .thread_model = NBDSRV_THREADS_PARALLEL, .threads = script_threads,                  \
  .start = script_start, .stop = script_stop, .dump_instance = script_dump,            \
  .admit = script_admit, .list = script_list, .open = script_open,                     \
  .close = script_close, .describe = script_describe, .read = script_read,             \
  .write = script_write, .flush = script_flush, .trim = script_trim,                   \
  .zero = script_zero, .cache = script_cache, .extents = script_extents

#endif
