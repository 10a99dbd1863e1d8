/* SPDX-License-Identifier: BSD-3-Clause */
/* Entries of the log, written.
 * Gets entries from log.c; each becomes one line of the file, written at once, and
 * one run of the script.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <nbdsrv-filter.h>

#include "../common/script.h"
#include "log.h"

void
log_add(struct log_entry *entry, char quote, const char *key, const char *fmt, ...)
{
  struct log_field *field = &entry->fields[entry->count++];
  va_list args;

  field->key = key;
  field->quote = quote;
  va_start(args, fmt);
  if (vasprintf(&field->value, fmt, args) == -1)
    field->value = NULL;
  va_end(args);
}

/* How many bytes a control character has, of ASCII or behind it; 0: it is none. */
static unsigned
control_length(const char *s)
{
  const unsigned char *c = (const unsigned char *)s;

  if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
    return 2;
  return c[0] < ' ' || c[0] == 0x7f;
}

/* As a shell reads it back; control characters do not break the line. */
void
log_quote(FILE *out, const char *s)
{
  unsigned control;

  putc('"', out);
  for (; *s; s++)
    if (strchr("\\\"$`", *s))
      fprintf(out, "\\%c", *s);
    else if ((control = control_length(s)) > 0) {
      putc('?', out);
      s += control - 1;
    } else
      putc(*s, out);
  putc('"', out);
}

static void
put_field(FILE *out, const struct log_field *field)
{
  const char *value = field->value ? field->value : "";

  fprintf(out, " %s=", field->key);
  if (field->quote == '"')
    log_quote(out, value);
  else if (field->quote == '(')
    fprintf(out, "(%s)", value);
  else
    fputs(value, out);
}

static void
put_time(FILE *out)
{
  struct timeval now;
  struct tm tm;
  char text[32];

  gettimeofday(&now, NULL);
  localtime_r(&now.tv_sec, &tm);
  strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
  fprintf(out, "%s.%06ld", text, (long)now.tv_usec);
}

static void
write_line(int fd, const struct log_entry *entry)
{
  char *line = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&line, &size);

  if (!out)
    return;
  put_time(out);
  if (entry->connection)
    fprintf(out, " connection=%u", entry->connection);
  fprintf(out, " %s%s", entry->type == LOG_LEAVE ? "..." : "", entry->action);
  if (entry->id)
    fprintf(out, " id=%llu", (unsigned long long)entry->id);
  for (unsigned i = 0; i < entry->count; i++)
    put_field(out, &entry->fields[i]);
  fputs(entry->type == LOG_ENTER ? " ...\n" : "\n", out);
  if (fclose(out) == 0 && write(fd, line, size) == -1) {
    /* A full disk does not stop the service. */
  }
  free(line);
}

/* One more variable; without memory it is left out. */
static void __attribute__((__format__(__printf__, 3, 4)))
add_var(char **vars, unsigned *count, const char *fmt, ...)
{
  va_list args;

  va_start(args, fmt);
  if (vasprintf(&vars[*count], fmt, args) != -1)
    ++*count;
  va_end(args);
  vars[*count] = NULL;
}

static void
run_script(struct log_target *target, const struct log_entry *entry)
{
  static const char *const types[] = {"ENTER", "LEAVE", "PRINT"};
  char *vars[LOG_FIELDS + 5];
  unsigned n = 0;
  int status, error;

  add_var(vars, &n, "act=%s", entry->action);
  add_var(vars, &n, "type=%s", types[entry->type]);
  if (entry->connection)
    add_var(vars, &n, "connection=%u", entry->connection);
  if (entry->id)
    add_var(vars, &n, "id=%llu", (unsigned long long)entry->id);
  for (unsigned i = 0; i < entry->count; i++)
    if (entry->fields[i].value)
      add_var(vars, &n, "%s=%s", entry->fields[i].key, entry->fields[i].value);

  pthread_mutex_lock(&target->script_lock);
  error = script_run(target->script, vars, NULL, 0, &status);
  pthread_mutex_unlock(&target->script_lock);
  if (error)
    nbdsrv_debug("logscript: %s", strerror(error));
  while (n > 0)
    free(vars[--n]);
}

void
log_put(struct log_target *target, struct log_entry *entry)
{
  if (target->fd != -1)
    write_line(target->fd, entry);
  if (target->script)
    run_script(target, entry);
  for (unsigned i = 0; i < entry->count; i++)
    free(entry->fields[i].value);
}
