/* SPDX-License-Identifier: BSD-3-Clause */
/* Errors by the names that people write: log, error. */
#ifndef NBDSRV_FILTER_ERRNAME_H
#define NBDSRV_FILTER_ERRNAME_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Those that a client can be told, first of all. */
static const struct errname {
  const char *name;
  int error;
} errnames[] = {
    {"EPERM", EPERM},           {"EIO", EIO},
    {"ENOMEM", ENOMEM},         {"EINVAL", EINVAL},
    {"ENOSPC", ENOSPC},         {"EOVERFLOW", EOVERFLOW},
    {"ENOTSUP", ENOTSUP},       {"ESHUTDOWN", ESHUTDOWN},
    {"EROFS", EROFS},           {"ENOENT", ENOENT},
    {"EACCES", EACCES},         {"EFBIG", EFBIG},
    {"EDQUOT", EDQUOT},         {"ERANGE", ERANGE},
    {"ENODEV", ENODEV},         {"ETIMEDOUT", ETIMEDOUT},
    {"ECONNRESET", ECONNRESET}, {"EPIPE", EPIPE},
    {"EOPNOTSUPP", EOPNOTSUPP},
};

#define ERRNAMES (sizeof errnames / sizeof errnames[0])

/* NULL: it has none here. */
static inline const char *
errname_of(int error)
{
  for (size_t i = 0; i < ERRNAMES; i++)
    if (errnames[i].error == error)
      return errnames[i].name;
  return NULL;
}

/* 0: there is no such name. */
static inline int
errname_parse(const char *name)
{
  for (size_t i = 0; i < ERRNAMES; i++)
    if (strcmp(errnames[i].name, name) == 0)
      return errnames[i].error;
  return 0;
}

#endif
