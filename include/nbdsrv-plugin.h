/* SPDX-License-Identifier: BSD-3-Clause */
/* The interface between nbdsrv and a plugin.  See nbdsrv-plugin(3).
 *
 * A plugin is a shared object that says what lies behind an export.  It fills
 * one struct nbdsrv_plugin and names it with NBDSRV_PLUGIN (variable).
 *
 * The ABI only ever grows: new members are added at the end of a struct, never
 * moved and never removed.  Structs that the server hands to a plugin start
 * with a size member; a plugin that was built against a later header than the
 * server must look at it before it touches the members added since.
 *
 * Lengths and offsets are in bytes, 64 bits wide, and checked by the server
 * before a data call: offset + length never exceeds the size that the plugin
 * described, and length is never zero.
 */
#ifndef NBDSRV_PLUGIN_H
#define NBDSRV_PLUGIN_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifdef __cplusplus
#define NBDSRV_EXTERN_C extern "C"
extern "C" {
#else
#define NBDSRV_EXTERN_C
#endif

#define NBDSRV_ABI 1

#define NBDSRV_PUBLIC            __attribute__((__visibility__("default")))
#define NBDSRV_PRINTF(fmt, args) __attribute__((__format__(__printf__, fmt, args)))

/* ------------------------------------------------------------ parameters */

/* What a parameter's text is turned into, and the type of the member of the
 * instance that receives it. */
enum nbdsrv_param_type {
  NBDSRV_STRING = 1, /* const char *: as given; the server's until the instance goes */
  NBDSRV_PATH = 2,   /* const char *: made absolute, so that it survives daemonizing */
  NBDSRV_BOOL = 3,   /* int: 1 or 0 from true/false, yes/no, on/off, 1/0 */
  NBDSRV_SIZE = 4,   /* uint64_t, bytes: 512, 4k, 1.5M, 1G, 2T, 8s (sectors) */
  NBDSRV_UINT64 = 5, /* uint64_t */
  NBDSRV_INT64 = 6,  /* int64_t */
  NBDSRV_UINT32 = 7, /* uint32_t */
  NBDSRV_INT32 = 8,  /* int32_t */
  NBDSRV_DURATION = 9,  /* uint64_t, nanoseconds: 10 (seconds), 10ms, 5us, 1.5s */
  NBDSRV_FRACTION = 10, /* double, 0 to 1: 0.1, 10%, 1e-4, 1:1000 */
  NBDSRV_ENUM = 11,     /* int: the index of the word in choices */
  NBDSRV_FREE = 12      /* no member: handed to config () */
};

#define NBDSRV_REQUIRED (1u << 0) /* refuse to start without it */
#define NBDSRV_MAGIC    (1u << 1) /* may be given as the bare first argument */
#define NBDSRV_REPEAT   (1u << 2) /* may be given more than once (NBDSRV_FREE only) */
#define NBDSRV_HIDDEN   (1u << 3) /* not shown by --help: an alias, an old spelling */

/* Stands in arrays, so it never grows. */
struct nbdsrv_param {
  const char *name; /* of the key; NULL ends the table */
  uint32_t type;    /* enum nbdsrv_param_type */
  uint32_t flags;
  size_t offset;          /* of the member in the instance */
  const char *fallback;   /* default, as a user would write it; NULL: zero */
  const char *help;       /* one line */
  const char *choices;    /* NBDSRV_ENUM: words separated by '|' */
  const char *value_name; /* for --help: "FILE"; NULL: made from the type */
};

/* ------------------------------------------------- flags, abilities, types */

/* Flags of data calls.  The low bits have the values of the protocol. */
#define NBDSRV_FLAG_FUA       (1u << 0)  /* on stable storage before it returns */
#define NBDSRV_FLAG_NO_HOLE   (1u << 1)  /* zero: allocate, do not punch */
#define NBDSRV_FLAG_REQ_ONE   (1u << 3)  /* extents: the first one is enough */
#define NBDSRV_FLAG_FAST_ZERO (1u << 4)  /* zero: ENOTSUP unless faster than writing */
#define NBDSRV_FLAG_NOWAIT    (1u << 16) /* do not block: EAGAIN if you would have to */

/* Operations, in masks: inline_ops, nowait_ops, own_ops, hook_ops. */
#define NBDSRV_OP_READ    (1u << 0)
#define NBDSRV_OP_WRITE   (1u << 1)
#define NBDSRV_OP_FLUSH   (1u << 3)
#define NBDSRV_OP_TRIM    (1u << 4)
#define NBDSRV_OP_CACHE   (1u << 5)
#define NBDSRV_OP_ZERO    (1u << 6)
#define NBDSRV_OP_EXTENTS (1u << 7)
#define NBDSRV_OP_ALL     0xfbu

/* Abilities: struct nbdsrv_info, can.  The server presets WRITE, FLUSH, TRIM, ZERO,
 * CACHE and EXTENTS if the plugin has the member; describe () clears or adds.
 *
 * Without ZERO, zeroes are written; without EXTENTS, all is data.
 * FAST_ZERO: zero () obeys NBDSRV_FLAG_FAST_ZERO.
 * FUA: write, trim and zero obey NBDSRV_FLAG_FUA; else a flush follows them.
 * MULTI_CONN: a flush covers the writes of all connections.
 * SPARSE: extents () is cheap, the server asks it before large reads. */
#define NBDSRV_CAN_WRITE      (1u << 0)
#define NBDSRV_CAN_FLUSH      (1u << 1)
#define NBDSRV_CAN_TRIM       (1u << 2)
#define NBDSRV_CAN_ZERO       (1u << 3)
#define NBDSRV_CAN_FAST_ZERO  (1u << 4)
#define NBDSRV_CAN_FUA        (1u << 5)
#define NBDSRV_CAN_CACHE      (1u << 6)
#define NBDSRV_CAN_EXTENTS    (1u << 7)
#define NBDSRV_CAN_MULTI_CONN (1u << 8)
#define NBDSRV_CAN_SPARSE     (1u << 9)
#define NBDSRV_IS_ROTATIONAL  (1u << 10)
/* Without NBDSRV_CAN_FUA: do not offer FUA by way of a flush either. */
#define NBDSRV_NO_FUA (1u << 11)
/* Do not offer zeroing, not even emulated. */
#define NBDSRV_NO_ZERO (1u << 12)

/* Thread models.  The value 0 is the safe one. */
enum nbdsrv_thread_model {
  NBDSRV_THREADS_SERIALIZE_ALL = 0,         /* one call into the plugin at any time */
  NBDSRV_THREADS_SERIALIZE_CONNECTIONS = 1, /* one connection open at any time */
  NBDSRV_THREADS_SERIALIZE_REQUESTS = 2,    /* one request at a time on a handle */
  NBDSRV_THREADS_PARALLEL = 3               /* any number of requests at once */
};

/* Extent types of base:allocation, values of the protocol.  0 is data. */
#define NBDSRV_EXTENT_HOLE (1u << 0) /* not allocated: a write may meet ENOSPC */
#define NBDSRV_EXTENT_ZERO (1u << 1) /* reads as zeroes */

/* ---------------------------------------------- what the server hands over */

struct nbdsrv_next;    /* filters: the layer below; nbdsrv-filter.h */
struct nbdsrv_op;      /* filters: an operation on its way; nbdsrv-filter.h */
struct nbdsrv_extents; /* collects extents: nbdsrv_extents_add */
struct nbdsrv_exports; /* collects export names: nbdsrv_exports_add */

/* Who is asking.  The server's; valid during open (), strings included. */
struct nbdsrv_client {
  uint32_t size;
  uint32_t connection;         /* a number, from 1, as in the log */
  const char *export_name;     /* "" is the default export */
  int readonly;                /* the server was told to serve read-only */
  int tls;                     /* 1: inside TLS */
  const struct sockaddr *peer; /* NULL where there is none (stdin) */
  socklen_t peer_len;
  int64_t uid, gid, pid;    /* of a Unix peer; -1: not known */
  const char *tls_user;     /* PSK identity, or NULL */
  const char *tls_dn;       /* distinguished name of the certificate, or NULL */
  const char *tls_issuer;   /* and of its issuer, or NULL */
  struct nbdsrv_next *next; /* filters only: what nbdsrv_next_open () opens */
  const char *security;     /* security context of the peer (SELinux), or NULL */
};

/* One description of an opened export.  Preset by the server before the call. */
struct nbdsrv_info {
  uint32_t size;            /* of this struct */
  uint32_t can;             /* NBDSRV_CAN_* */
  uint64_t export_size;     /* bytes, at most 2^63 - 1; a plugin must set it */
  uint32_t block_minimum;   /* 0: none stated; else a power of two, 1 to 65536 */
  uint32_t block_preferred; /* 0: none stated; else a power of two, 512 to 32 MiB */
  uint32_t block_maximum;   /* 0: none stated; largest payload */
  uint32_t inline_ops;      /* operations that never block: answered on the spot */
  uint32_t nowait_ops;      /* operations that obey NBDSRV_FLAG_NOWAIT */
  uint32_t own_ops;         /* preset: data calls that have a member; filters clear what
                               this connection need not pass through */
  uint32_t hook_ops;        /* filters: operations that before () and after () want */
  const char *description;  /* for people, or NULL; the layer's until close () */
  const char *canonical_name;  /* NBD_INFO_NAME, or NULL; the layer's until close () */
  const char *const *contexts; /* metadata contexts beside base:allocation, NULL at the
                                  end, or NULL; the layer's until close () */
  /* Operations that the storage does one at a time anyway, as a file system that locks
   * the file while it is written to: the server's threads take turns at them, a batch
   * at a time, instead of meeting at that lock.  Turns are per canonical_name. */
  uint32_t turn_ops;
  uint32_t pad;
};

#define NBDSRV_LOAN_MAX 16

/* Memory or a file range lent to answer a read without a copy. */
struct nbdsrv_loan {
  uint32_t size;
  uint32_t count; /* of iov: 1 to NBDSRV_LOAN_MAX, together exactly len bytes;
                     or 0 for a file range */
  int fd;         /* count 0: a file whose bytes are in memory already ... */
  uint32_t pad;
  uint64_t fd_offset; /* ... from here on */
  /* A part whose iov_base is NULL is a hole that reads as zeroes. */
  struct iovec iov[NBDSRV_LOAN_MAX];
  /* Called once, from any thread, when nothing of the loan is needed any more.
   * NULL if there is nothing to give back. */
  void (*release)(void *handle, struct nbdsrv_loan *loan);
  void *opaque; /* the plugin's */
};

/* A request on its way to an asynchronous plugin.  The server's, valid until
 * nbdsrv_complete ().  buf is where a read puts its data and where a write's
 * lies; extents is set for an extents request. */
struct nbdsrv_request {
  uint32_t size;
  uint32_t op;    /* one NBDSRV_OP_* */
  uint32_t flags; /* NBDSRV_FLAG_* */
  uint32_t pad;
  uint64_t length, offset;
  void *buf;
  struct nbdsrv_extents *extents;
  void *opaque[2]; /* the plugin's, until it completes the request */
};

/* ------------------------------------------------------------- the plugin */

/* Results: unless said otherwise 0 or an errno value (never -1).  A sentence
 * added with nbdsrv_error () before returning reaches the log and, where the
 * protocol allows it, the client.
 *
 * Threads: table, config, ready, start, stop and list run on one thread at a
 * time.  The others follow thread_model.
 */
struct nbdsrv_plugin {
  /* Set by NBDSRV_PLUGIN and NBDSRV_FILTER; leave alone. */
  uint32_t abi;
  uint32_t size;

  const char *name;    /* required: letters, digits, '-' */
  const char *version; /* or NULL */
  const char *summary; /* one line, or NULL */
  const char *help;    /* text added to --help, or NULL */

  const struct nbdsrv_param *params; /* or NULL: takes none */
  size_t instance_size;  /* zeroed, then filled from the parameters; 0: inst is NULL */
  uint32_t thread_model; /* enum nbdsrv_thread_model; the least parallel layer of a
                            stack decides for all */
  uint32_t pad;

  /* A parameter of type NBDSRV_FREE, or, where the table has an entry named "*"
   * of that type, any key that no other entry names.  Keys come in the order of
   * the command line. Return ENOENT for a key that "*" does not want.  value is the
   * server's until the instance goes. */
  int (*config)(void *inst, const char *key, const char *value);

  /* All parameters are in: check them, open what is needed.  Before the fork,
   * with the privileges that the server was started with; its current
   * directory is the user's.  The last chance to refuse. */
  int (*ready)(void *inst);

  /* After the fork and the change of user: threads may be started. */
  int (*start)(void *inst);

  /* The server ends, no handle is open.  Called whenever ready () succeeded. */
  void (*stop)(void *inst);

  /* Names for NBD_OPT_LIST: call nbdsrv_exports_add () for each.  Missing: the
   * default export alone. */
  int (*list)(void *inst, struct nbdsrv_exports *exports);

  /* A client asks for an export.  *handle is the plugin's and is given to every
   * call below; it is preset with inst, so that a plugin without state of its
   * own per connection leaves open () out.  ENOENT: there is no such export. */
  int (*open)(void *inst, const struct nbdsrv_client *client, void **handle);

  /* Size, abilities, block sizes, contexts, in one call after open ().  Required
   * of a plugin; a filter without it looks like what lies below. */
  int (*describe)(void *handle, struct nbdsrv_info *info);

  /* The connection ends; nothing is in flight on the handle. */
  void (*close)(void *handle);

  /* Data.  flags: NBDSRV_FLAG_*, only such that describe () offered.  buf is the
   * server's and good until the call returns.  EAGAIN under NBDSRV_FLAG_NOWAIT
   * means "ask again where I may block"; the same call comes again then, so what was
   * done in part must do no harm when it is done again.
   * Absent: no read, nothing can be read (EIO) unless there is lend or submit;
   * no write, the export is read-only; no flush, none is offered; no trim, none
   * is offered; no zero, zeroes are written, as they are where zero returns
   * ENOTSUP; no cache, data is read and dropped; no extents, all is data. */
  int (*read)(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags);
  int (*write)(void *handle, const void *buf, uint64_t len, uint64_t off,
               uint32_t flags);
  int (*flush)(void *handle, uint32_t flags);
  int (*trim)(void *handle, uint64_t len, uint64_t off, uint32_t flags);
  int (*zero)(void *handle, uint64_t len, uint64_t off, uint32_t flags);
  int (*cache)(void *handle, uint64_t len, uint64_t off, uint32_t flags);

  /* Calls nbdsrv_extents_add () in ascending order, without gaps, from an extent
   * that contains off on.  It may stop early (at least one extent) and may run
   * past off + len.  nbdsrv_extents_context () says what is asked about. */
  int (*extents)(void *handle, uint64_t len, uint64_t off, uint32_t flags,
                 struct nbdsrv_extents *extents);

  /* A read without a copy.  Never blocks.  EAGAIN: not this one, use read ().
   * The memory stays mapped until release (); its content may change.  Only asked
   * in place of a read of this very layer. */
  int (*lend)(void *handle, uint64_t len, uint64_t off, struct nbdsrv_loan *loan);

  /* Asynchronous: takes the request and returns at once; nbdsrv_complete () ends
   * it later, from any thread, even before submit () returns.  A result other
   * than 0 means it was not taken and fails it.  Used for operations of own_ops
   * that have no member above, and for those of nowait_ops after their member has
   * returned EAGAIN; then EAGAIN means that the member is to be called again where it
   * may block.  submit_ops says which these are. */
  int (*submit)(void *handle, struct nbdsrv_request *request);
  uint32_t submit_ops; /* NBDSRV_OP_* */
  uint32_t pad2;

  /* Optional: a thread model that depends on the parameters, after ready ().
   * Returns enum nbdsrv_thread_model. */
  uint32_t (*threads)(void *inst);

  /* Adds key=value lines to --dump-plugin, on stdout.  inst is NULL. */
  void (*dump)(void);

  /* Filters only (nbdsrv-filter.h): hooks around an operation of what lies below. */
  int (*before)(void *handle, struct nbdsrv_op *op);
  void (*after)(void *handle, struct nbdsrv_op *op, int *error);

  /* A client has connected, and not a byte was exchanged with it, TLS included:
   * client has no export_name yet ("").  Anything but 0 turns it away.  Be quick. */
  int (*admit)(void *inst, const struct nbdsrv_client *client);

  /* The counterpart: a client that was let in by admit (), or by its absence, is
   * gone, and all that it had open.  Also if another layer turned it away. */
  void (*leave)(void *inst, const struct nbdsrv_client *client);

  /* As dump (), for a plugin whose parameters say what it is, a script say: called
   * in its place after config (), without ready ().  If there are threads () as well,
   * they are asked then, too. */
  void (*dump_instance)(void *inst);

  /* The instance goes: the last call, also where ready () failed or was never
   * called.  Undoes what config () did. */
  void (*unload)(void *inst);

  /* After one or many submit () calls from the thread that made them: time to start
   * what these have only gathered. */
  void (*kick)(void *handle);

  /* New members are only ever added here. */
};

/* Defines the one symbol that the server looks for. */
#define NBDSRV_PLUGIN(plugin) NBDSRV_ENTRY(plugin, nbdsrv_plugin_init)

#define NBDSRV_ENTRY(layer, symbol)                                                    \
  NBDSRV_EXTERN_C NBDSRV_PUBLIC struct nbdsrv_plugin *symbol(void);                    \
  struct nbdsrv_plugin *symbol(void)                                                   \
  {                                                                                    \
    (layer).abi = NBDSRV_ABI;                                                          \
    (layer).size = (uint32_t)sizeof(layer);                                            \
    return &(layer);                                                                   \
  }

/* ------------------------------------- functions that the server gives to all */

/* Adds a sentence to the error that the running call is about to return.  Goes
 * to the log, with the plugin's name and the connection's number in front.  No
 * newline.  Any thread that runs a call of the plugin. */
extern void nbdsrv_error(const char *fmt, ...) NBDSRV_PRINTF(1, 2);
extern void nbdsrv_verror(const char *fmt, va_list args) NBDSRV_PRINTF(1, 0);

/* A line for the log under -v.  Any thread. */
extern void nbdsrv_debug(const char *fmt, ...) NBDSRV_PRINTF(1, 2);
extern void nbdsrv_vdebug(const char *fmt, va_list args) NBDSRV_PRINTF(1, 0);

/* 1 under -v, so that a costly debug line need not be made. Any thread. */
extern int nbdsrv_verbose(void);

/* Adds an extent [offset, offset + length) of that type.  Parts before the range
 * asked for are cut off, neighbours of one type joined.  0; ERANGE: enough, stop;
 * EINVAL: a gap or an overlap; ENOMEM.  Only inside extents (). */
extern int nbdsrv_extents_add(struct nbdsrv_extents *extents, uint64_t offset,
                              uint64_t length, uint32_t type);

/* Which context an extents call asks about: 0 is base:allocation, n the n-th
 * (from 1) of nbdsrv_info.contexts. */
extern uint32_t nbdsrv_extents_context(const struct nbdsrv_extents *extents);

/* Adds a name (UTF-8, at most 4096 bytes, copied) with a description or NULL. */
extern int nbdsrv_exports_add(struct nbdsrv_exports *exports, const char *name,
                              const char *description);

/* The client that wants the list, without export_name ("").  Only in list (). */
extern const struct nbdsrv_client *
nbdsrv_exports_client(const struct nbdsrv_exports *exports);

/* Ends a request taken by submit ().  error is 0 or an errno value; text is for
 * people, or NULL; copied.  Any thread, once for each request. */
extern void nbdsrv_complete(struct nbdsrv_request *request, int error,
                            const char *text);

/* Parsers as the parameter table uses them; 0 or EINVAL with nbdsrv_error (). */
extern int nbdsrv_parse_size(const char *what, const char *text, uint64_t *size);
extern int nbdsrv_parse_bool(const char *what, const char *text, int *value);
extern int nbdsrv_parse_duration(const char *what, const char *text, uint64_t *ns);
extern int nbdsrv_parse_fraction(const char *what, const char *text, double *value);
extern int nbdsrv_parse_int64(const char *what, const char *text, int64_t min,
                              int64_t max, int64_t *value);
extern int nbdsrv_parse_uint64(const char *what, const char *text, uint64_t max,
                               uint64_t *value);

/* A password as parameters give them: the text itself, "-" (asked on the
 * terminal), "+FILE" or "-FD".  *password is malloc'ed.  In config () and ready (). */
extern int nbdsrv_read_password(const char *value, char **password);

/* Sleeps that long, less if the server ends or this client goes away: ESHUTDOWN
 * then, 0 after a whole sleep.  In calls that may block; with 0 in any, as a question
 * for long loops. */
extern int nbdsrv_sleep(uint64_t ns);

/* The thread model of the whole stack, enum nbdsrv_thread_model.  From start () on,
 * inside any call. */
extern uint32_t nbdsrv_thread_model(void);

/* 1 if stdin and stdout are free for the plugin's use in config () and ready (). */
extern int nbdsrv_stdio_safe(void);

/* Asks the server to end, as SIGTERM does.  Any thread. */
extern void nbdsrv_shutdown(void);

/* 1 once the server is ending: what may take for ever has to come to an end, before
 * the server leaves it behind.  Any thread. */
extern int nbdsrv_is_ending(void);

/* Ends this client: force 1 at once; 0 after what is in flight, while new requests fail
 * with ESHUTDOWN, so that it learns why it has to go.  Inside a call for a connection.
 */
extern void nbdsrv_disconnect(int force);

#ifdef __cplusplus
}
#endif

#endif
