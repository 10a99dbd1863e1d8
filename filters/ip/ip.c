/* SPDX-License-Identifier: BSD-3-Clause */
/* The ip filter: turns clients away by where they come from and who they are.
 * Looks at each client once: when it has connected, or, where a list has names of
 * certificates, when it asks for exports.
 */
#include <errno.h>

#include "rules.h"

struct ip {
  struct ip_list allow, deny;
};

static const struct nbdsrv_param params[] = {
    {"allow", NBDSRV_FREE, NBDSRV_REPEAT, 0, NULL, "who is let in, whatever deny says",
     NULL, "LIST"},
    {"deny", NBDSRV_FREE, NBDSRV_REPEAT, 0, NULL, "who else is not", NULL, "LIST"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

/* -D ip.rules=1 */
NBDSRV_PUBLIC int ip_debug_rules;

static int
ip_config(void *inst, const char *key, const char *value)
{
  struct ip *ip = inst;

  if (ip_debug_rules)
    nbdsrv_debug("%s: %s", key, value);
  return ip_list_add(key[0] == 'a' ? &ip->allow : &ip->deny, key, value);
}

static void
ip_unload(void *inst)
{
  struct ip *ip = inst;

  ip_list_free(&ip->allow);
  ip_list_free(&ip->deny);
}

static int
judge(const struct ip *ip, const struct nbdsrv_client *client)
{
  if (ip_list_matches(&ip->allow, client) || !ip_list_matches(&ip->deny, client))
    return 0;
  nbdsrv_error("this client is denied");
  return EPERM;
}

static bool
is_late(const struct ip *ip)
{
  return ip->allow.wants_name || ip->deny.wants_name;
}

static int
ip_admit(void *inst, const struct nbdsrv_client *client)
{
  const struct ip *ip = inst;

  return is_late(ip) ? 0 : judge(ip, client);
}

static int
ip_list(void *inst, struct nbdsrv_exports *exports)
{
  const struct ip *ip = inst;
  int error = is_late(ip) ? judge(ip, nbdsrv_exports_client(exports)) : 0;

  return error ? error : nbdsrv_next_list(exports);
}

static int
ip_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  const struct ip *ip = inst;
  int error = is_late(ip) ? judge(ip, client) : 0;

  (void)handle; /* nothing is asked of it */
  return error ? error : nbdsrv_next_open(client->next, client);
}

static struct nbdsrv_plugin filter = {
    .name = "ip",
    .summary = "turns clients away by address, user, process or certificate",
    .params = params,
    .instance_size = sizeof(struct ip),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .config = ip_config,
    .unload = ip_unload,
    .admit = ip_admit,
    .list = ip_list,
    .open = ip_open,
};

NBDSRV_FILTER(filter)
