/* SPDX-License-Identifier: BSD-3-Clause */
/* The lists of the ip filter's allow= and deny=. */
#ifndef NBDSRV_FILTER_IP_RULES_H
#define NBDSRV_FILTER_IP_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include <nbdsrv-filter.h>

struct ip_rule;

struct ip_list {
  struct ip_rule *rules;
  size_t count;
  bool wants_name; /* a rule is about certificates, which admit () cannot know */
};

/* Adds what stands between commas.  0, EINVAL (said) or ENOMEM. */
int ip_list_add(struct ip_list *list, const char *key, const char *value);
void ip_list_free(struct ip_list *list);

bool ip_list_matches(const struct ip_list *list, const struct nbdsrv_client *client);

#endif
