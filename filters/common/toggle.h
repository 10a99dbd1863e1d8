/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters that are true, false, or /PATH: true while that file exists. */
#ifndef NBDSRV_FILTER_TOGGLE_H
#define NBDSRV_FILTER_TOGGLE_H

#include <stdbool.h>
#include <unistd.h>

#include <nbdsrv-filter.h>

struct toggle {
  int on;
  const char *path; /* or NULL */
};

static inline int
toggle_parse(const char *name, const char *text, struct toggle *toggle)
{
  toggle->path = text[0] == '/' ? text : NULL;
  return toggle->path ? 0 : nbdsrv_parse_bool(name, text, &toggle->on);
}

static inline bool
toggle_is_on(const struct toggle *toggle)
{
  return toggle->path ? access(toggle->path, F_OK) == 0 : toggle->on;
}

#endif
