/* SPDX-License-Identifier: BSD-3-Clause */
/* A script's extents: lines of "offset length type".
 * Gets requests from the server; gives it what the lines say.
 */
#include "config.h"

#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANK " \t\r"

/* A number, or words with commas between; words that are not known mean nothing. */
static uint32_t
parse_type(char *text)
{
  uint32_t type = 0;
  char *save;

  if (text && isdigit((unsigned char)text[0]))
    return (uint32_t)strtoul(text, NULL, 0) & (NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO);
  for (char *word = text ? strtok_r(text, ",", &save) : NULL; word;
       word = strtok_r(NULL, ",", &save))
    if (strcmp(word, "hole") == 0)
      type |= NBDSRV_EXTENT_HOLE;
    else if (strcmp(word, "zero") == 0)
      type |= NBDSRV_EXTENT_ZERO;
  return type;
}

static int
add_line(char *line, struct nbdsrv_extents *extents)
{
  char *save, *offset = strtok_r(line, BLANK, &save);
  char *length = offset ? strtok_r(NULL, BLANK, &save) : NULL;
  char *type = length ? strtok_r(NULL, BLANK, &save) : NULL;
  uint64_t off, len;
  int error;

  if (!offset) /* an empty line */
    return 0;
  if (!length) {
    nbdsrv_error("extents: '%s' is no offset and length", line);
    return EIO;
  }
  error = nbdsrv_parse_size("extents: offset", offset, &off);
  if (!error)
    error = nbdsrv_parse_size("extents: length", length, &len);
  if (error || len == 0)
    return error ? EIO : 0;
  return nbdsrv_extents_add(extents, off, len, parse_type(type));
}

static int
add_lines(char *text, struct nbdsrv_extents *extents)
{
  char *line = text, *end;
  int error = 0;

  for (; *line && !error; line = end) {
    end = line + strcspn(line, "\n");
    if (*end)
      *end++ = '\0';
    error = add_line(line, extents);
  }
  return error == ERANGE ? 0 : error;
}

int
script_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
               struct nbdsrv_extents *extents)
{
  struct script_handle *h = handle;
  char length[24], offset[24], *text;
  const char *const args[SCRIPT_ARGS] = {h->handle, length, offset,
                                         flags & NBDSRV_FLAG_REQ_ONE ? "req_one" : ""};
  int error;

  snprintf(length, sizeof length, "%" PRIu64, len);
  snprintf(offset, sizeof offset, "%" PRIu64, off);
  switch (script_ask_lines(h->script, "extents", args, &text, &error)) {
  case SCRIPT_OK:
    error = add_lines(text, extents);
    break;
  case SCRIPT_MISSING:
    nbdsrv_error("extents is missing, though can_extents said yes");
    error = EIO;
    break;
  default:
    break;
  }
  free(text);
  return error;
}
