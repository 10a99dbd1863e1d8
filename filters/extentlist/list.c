/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of extents: from text to an array that can be searched. */
#include "config.h"

#include "list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nbdsrv-filter.h>

static int
parse_type(const char *what, const char *text, uint32_t *type)
{
  uint64_t number;

  if (strcmp(text, "hole,zero") == 0 || strcmp(text, "zero,hole") == 0)
    *type = NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO;
  else if (strcmp(text, "hole") == 0)
    *type = NBDSRV_EXTENT_HOLE;
  else if (strcmp(text, "zero") == 0)
    *type = NBDSRV_EXTENT_ZERO;
  else {
    if (nbdsrv_parse_uint64(what, text, 3, &number) != 0)
      return EINVAL;
    *type = (uint32_t)number;
  }
  return 0;
}

static int
parse_line(const char *what, char *line, struct listed *entry)
{
  char *state, *offset = strtok_r(line, " \t\r\n", &state);
  char *length = strtok_r(NULL, " \t\r\n", &state);
  char *type = strtok_r(NULL, " \t\r\n", &state);

  if (!length || strtok_r(NULL, " \t\r\n", &state)) {
    nbdsrv_error("%s: a line is not 'offset length [type]'", what);
    return EINVAL;
  }
  if (nbdsrv_parse_size(what, offset, &entry->offset) != 0 ||
      nbdsrv_parse_size(what, length, &entry->length) != 0)
    return EINVAL;
  entry->type = 0;
  return type ? parse_type(what, type, &entry->type) : 0;
}

static int
append(struct listed **list, size_t *count, size_t *room, const struct listed *entry)
{
  if (*count == *room) {
    size_t more = *room ? 2 * *room : 64;
    struct listed *grown = realloc(*list, more * sizeof *grown);
    if (!grown)
      return ENOMEM;
    *list = grown;
    *room = more;
  }
  (*list)[(*count)++] = *entry;
  return 0;
}

static int
by_offset(const void *a, const void *b)
{
  const struct listed *x = a, *y = b;

  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int
check_overlaps(const char *name, const struct listed *list, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    uint64_t end = i + 1 < count ? list[i + 1].offset : INT64_MAX;
    if (list[i].length > end - list[i].offset) {
      nbdsrv_error("%s: extents overlap, or are too long, at %llu", name,
                   (unsigned long long)list[i].offset);
      return EINVAL;
    }
  }
  return 0;
}

int
list_read(FILE *in, const char *name, struct listed **list, size_t *count)
{
  char *line = NULL, what[256];
  size_t size = 0, room = 0;
  unsigned number = 0;
  int error = 0;

  *list = NULL;
  *count = 0;
  while (!error && getline(&line, &size, in) != -1) {
    struct listed entry;

    snprintf(what, sizeof what, "%.200s, line %u", name, ++number);
    if (line[strspn(line, " \t\r\n")] == '\0')
      continue;
    error = parse_line(what, line, &entry);
    if (!error && entry.length > 0)
      error = append(list, count, &room, &entry);
  }
  free(line);
  if (!error && *count > 0)
    qsort(*list, *count, sizeof **list, by_offset);
  if (!error)
    error = check_overlaps(name, *list, *count);
  if (error) {
    free(*list);
    *list = NULL;
  }
  return error;
}

size_t
list_find(const struct listed *list, size_t count, uint64_t off)
{
  size_t low = 0, high = count;

  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (list[middle].offset + list[middle].length <= off)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}
