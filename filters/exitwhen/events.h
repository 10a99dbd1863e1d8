/* SPDX-License-Identifier: BSD-3-Clause */
/* Events that end the server. */
#ifndef NBDSRV_EXITWHEN_EVENTS_H
#define NBDSRV_EXITWHEN_EVENTS_H

#include <limits.h>
#include <stdbool.h>

enum event_kind {
  EVENT_CREATED, /* a file is there */
  EVENT_DELETED, /* a file is not there */
  EVENT_PIPE,    /* the other end of a pipe is closed */
  EVENT_PROCESS, /* a process has ended */
  EVENT_SCRIPT   /* a script returns 88 */
};

struct event {
  enum event_kind kind;
  int fd; /* PIPE; PROCESS: a pidfd, or -1: it has ended already */
  const char *script;
  char path[PATH_MAX]; /* CREATED, DELETED */
};

/* Adds what the parameter says; 0 or an errno value with nbdsrv_error (). */
int event_parse(struct event *event, const char *key, const char *value);
/* Closes what parsing opened. */
void event_release(struct event *event);

/* True: it has happened. A script may take its time. */
bool event_happened(const struct event *event);

#endif
