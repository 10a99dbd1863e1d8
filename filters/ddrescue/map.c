/* SPDX-License-Identifier: BSD-3-Clause */
/* GNU ddrescue's mapfile, read.
 * Gets lines of text: comments, the state of the rescue, and blocks, each with offset,
 * length and status; hands on which bytes were rescued.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nbdsrv-filter.h>

#include "map.h"

/* Decimal, 0x or 0 and octal, as in C; *text is moved behind it and blanks. */
static bool
take_number(const char **text, uint64_t *number)
{
  char *end;

  if (!isdigit((unsigned char)**text))
    return false;
  errno = 0;
  *number = strtoull(*text, &end, 0);
  if (errno || *number > INT64_MAX || !isspace((unsigned char)*end))
    return false;
  *text = end + strspn(end, " \t");
  return true;
}

static bool
is_status(const char *text, const char *statuses)
{
  return text[0] != '\0' && strchr(statuses, text[0]) &&
         strchr(" \t\r\n", text[1]); /* or the end */
}

static int
add_range(struct map *map, uint64_t start, uint64_t end)
{
  struct map_range *last = map->count ? &map->ranges[map->count - 1] : NULL;

  if (last && last->end == start) {
    last->end = end;
    return 0;
  }
  if ((map->count & (map->count - 1)) == 0) { /* full at powers of two */
    struct map_range *larger =
        realloc(map->ranges, (map->count ? map->count * 2 : 1) * sizeof *larger);
    if (!larger)
      return ENOMEM;
    map->ranges = larger;
  }
  map->ranges[map->count++] = (struct map_range){start, end};
  return 0;
}

/* A block: *reached is where the one before it ended. */
static int
add_block(struct map *map, const char *line, uint64_t *reached)
{
  uint64_t start, length;

  if (!take_number(&line, &start) || !take_number(&line, &length) ||
      !is_status(line, "?*/-+") || start < *reached || length > INT64_MAX - start)
    return EINVAL;
  *reached = start + length;
  return line[0] == '+' && length > 0 ? add_range(map, start, *reached) : 0;
}

int
map_read(struct map *map, FILE *file, const char *name)
{
  char *line = NULL;
  size_t size = 0, number = 0;
  uint64_t reached = 0, position;
  bool has_state = false;
  int error = 0;

  *map = (struct map){0};
  while (!error && getline(&line, &size, file) != -1) {
    const char *text = line + strspn(line, " \t\r\n");

    number++;
    if (text[0] == '#' || text[0] == '\0')
      continue;
    if (has_state)
      error = add_block(map, text, &reached);
    else if (!take_number(&text, &position) || !is_status(text, "?*/-FG+"))
      error = EINVAL;
    has_state = true;
  }
  if (!error && ferror(file))
    error = EIO;
  free(line);
  if (error == EINVAL)
    nbdsrv_error("%s: line %zu is not that of a ddrescue mapfile", name, number);
  else if (error)
    nbdsrv_error("%s: %s", name, strerror(error));
  else if (!has_state) {
    nbdsrv_error("%s: no ddrescue mapfile, nothing is in it", name);
    error = EINVAL;
  }
  return error;
}

void
map_free(struct map *map)
{
  free(map->ranges);
}

bool
map_look(const struct map *map, uint64_t off, uint64_t *end)
{
  size_t low = 0, high = map->count;

  while (low < high) { /* the first range that ends behind off */
    size_t middle = low + (high - low) / 2;
    if (map->ranges[middle].end <= off)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == map->count) {
    *end = UINT64_MAX;
    return false;
  }
  if (map->ranges[low].start > off) {
    *end = map->ranges[low].start;
    return false;
  }
  *end = map->ranges[low].end;
  return true;
}
