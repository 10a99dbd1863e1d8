/* SPDX-License-Identifier: BSD-3-Clause */
/* The blocksize-policy filter: states block sizes, and refuses what breaks them.
 * Looks at operations only where it may refuse them.
 */
#include "../common/pass.h"

enum policy { ALLOW, ERROR };

struct policy_settings {
  int policy;
  uint64_t minimum, preferred, maximum; /* 0: as below */
  uint64_t write_disconnect;            /* 0: never */
};

struct handle {
  struct pass pass;          /* first */
  uint32_t minimum, maximum; /* what clients were told; 0: nothing */
};

static const struct nbdsrv_param params[] = {
    {"blocksize-error-policy", NBDSRV_ENUM, 0, offsetof(struct policy_settings, policy),
     "allow", "whether requests that break the sizes fail", "allow|error", NULL},
    {"blocksize-minimum", NBDSRV_SIZE, 0, offsetof(struct policy_settings, minimum),
     NULL, "smallest block to state", NULL, NULL},
    {"blocksize-preferred", NBDSRV_SIZE, 0, offsetof(struct policy_settings, preferred),
     NULL, "preferred block to state", NULL, NULL},
    {"blocksize-maximum", NBDSRV_SIZE, 0, offsetof(struct policy_settings, maximum),
     NULL, "largest request to state", NULL, NULL},
    {"blocksize-write-disconnect", NBDSRV_SIZE, 0,
     offsetof(struct policy_settings, write_disconnect), NULL,
     "a larger write ends the connection", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
check_power(const char *what, uint64_t size, uint64_t least, uint64_t most)
{
  if (size == 0 || (size >= least && size <= most && (size & (size - 1)) == 0))
    return 0;
  nbdsrv_error("%s must be a power of two from %llu to %llu", what,
               (unsigned long long)least, (unsigned long long)most);
  return EINVAL;
}

static int
policy_ready(void *inst)
{
  const struct policy_settings *p = inst;
  int error = check_power("blocksize-minimum", p->minimum, 1, 65536);

  if (!error)
    error = check_power("blocksize-preferred", p->preferred, 512, 32u << 20);
  if (!error && p->preferred && p->preferred < p->minimum) {
    nbdsrv_error("blocksize-preferred is less than blocksize-minimum");
    error = EINVAL;
  }
  if (!error && (p->maximum > UINT32_MAX ||
                 (p->maximum != UINT32_MAX && p->minimum && p->maximum % p->minimum))) {
    nbdsrv_error("blocksize-maximum must be a multiple of blocksize-minimum, below 4G");
    error = EINVAL;
  }
  return error;
}

static int
policy_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  return pass_open_size(inst, client, sizeof(struct handle), handle);
}

/* The layer below may state one of them only. */
static int
policy_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;
  const struct policy_settings *p = h->pass.settings;

  if (p->minimum)
    info->block_minimum = (uint32_t)p->minimum;
  if (p->preferred)
    info->block_preferred = (uint32_t)p->preferred;
  if (p->maximum)
    info->block_maximum = (uint32_t)p->maximum;
  if (info->block_preferred && info->block_preferred < info->block_minimum)
    info->block_preferred = info->block_minimum;
  h->minimum = info->block_minimum;
  h->maximum = info->block_maximum;
  info->hook_ops = (p->policy == ERROR ? NBDSRV_OP_ALL & ~NBDSRV_OP_FLUSH : 0) |
                   (p->write_disconnect ? NBDSRV_OP_WRITE : 0);
  return 0;
}

static int
policy_before(void *handle, struct nbdsrv_op *op)
{
  const struct handle *h = handle;
  const struct policy_settings *p = h->pass.settings;

  if (op->op == NBDSRV_OP_WRITE && p->write_disconnect &&
      op->length > p->write_disconnect) {
    nbdsrv_error("a write of %llu bytes ends the connection",
                 (unsigned long long)op->length);
    nbdsrv_disconnect(1);
    return ESHUTDOWN;
  }
  if (p->policy == ALLOW)
    return 0;
  if (h->minimum > 1 && ((op->offset | op->length) & (h->minimum - 1))) {
    nbdsrv_error("offset %llu or length %llu is no multiple of the minimum, %u",
                 (unsigned long long)op->offset, (unsigned long long)op->length,
                 h->minimum);
    return EINVAL;
  }
  if (h->maximum && (op->op & (NBDSRV_OP_READ | NBDSRV_OP_WRITE)) &&
      op->length > h->maximum) {
    nbdsrv_error("length %llu is more than the maximum, %u",
                 (unsigned long long)op->length, h->maximum);
    return EINVAL;
  }
  return 0;
}

static struct nbdsrv_plugin filter = {
    .name = "blocksize-policy",
    .summary = "states block sizes, and refuses what breaks them",
    .params = params,
    .instance_size = sizeof(struct policy_settings),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = policy_ready,
    .open = policy_open,
    .describe = policy_describe,
    .close = free,
    .before = policy_before,
};

NBDSRV_FILTER(filter)
