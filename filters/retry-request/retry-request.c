/* SPDX-License-Identifier: BSD-3-Clause */
/* The retry-request filter: tries an operation that failed once more.
 * Gets every operation; hands it down until it succeeds or has been tried enough.
 */
#include "../common/call.h"
#include "../common/pass.h"

struct settings {
  uint32_t retries;
  uint64_t delay; /* nanoseconds */
  int open;
};

static const struct nbdsrv_param params[] = {
    {"retry-request-retries", NBDSRV_UINT32, 0, offsetof(struct settings, retries), "2",
     "how often an operation is tried again", NULL, NULL},
    {"retry-request-delay", NBDSRV_DURATION, 0, offsetof(struct settings, delay), "2",
     "time before each retry", NULL, NULL},
    {"retry-request-open", NBDSRV_BOOL, 0, offsetof(struct settings, open), "true",
     "retry also when a client connects", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

/* A name that is not there will not come by waiting. */
static int
retry_request_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  const struct settings *s = inst;
  int error = pass_open(inst, client, handle);

  for (uint32_t n = 0; error && error != ENOENT && s->open && n < s->retries; n++) {
    int interrupted = nbdsrv_sleep(s->delay);
    if (interrupted)
      return interrupted;
    nbdsrv_next_close(client->next); /* a layer of several may have been opened */
    error = pass_open(inst, client, handle);
  }
  return error;
}

/* ENOTSUP to fast zeroing is an answer. */
static int
try_again(void *handle, const struct call *call)
{
  const struct pass *pass = handle;
  const struct settings *s = pass->settings;
  int error = call_below(pass->next, call);

  for (uint32_t n = 0; error && error != ESHUTDOWN && n < s->retries; n++) {
    int interrupted;

    if (error == ENOTSUP && (call->flags & NBDSRV_FLAG_FAST_ZERO))
      break;
    interrupted = nbdsrv_sleep(s->delay);
    if (interrupted)
      return interrupted;
    error = call_below(pass->next, call);
  }
  return error;
}

CALL_MEMBERS(retry_request, try_again)

static struct nbdsrv_plugin filter = {
    .name = "retry-request",
    .summary = "tries operations that failed once more",
    .params = params,
    .instance_size = sizeof(struct settings),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .open = retry_request_open,
    .close = free,
    .read = retry_request_read,
    .write = retry_request_write,
    .flush = retry_request_flush,
    .trim = retry_request_trim,
    .zero = retry_request_zero,
    .cache = retry_request_cache,
    .extents = retry_request_extents,
};

NBDSRV_FILTER(filter)
