/* SPDX-License-Identifier: BSD-3-Clause */
/* What options mean together, and the words after them.
 * Gets what options.c read; completes it, or says what excludes what.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader.h"
#include "log.h"
#include "options.h"
#include "parse.h"

static int
refuse(const char *text)
{
  log_error("%s", text);
  return EINVAL;
}

/* ------------------------------------------------------------ what goes together */

static int
check_port(const struct options *o)
{
  uint64_t port;

  if (o->port && !o->port[0])
    return refuse("--port: a port is missing");
  if (!o->port || o->port[0] < '0' || o->port[0] > '9') /* or a name of a service */
    return 0;
  return nbdsrv_parse_uint64("--port", o->port, o->vsock ? UINT32_MAX : 65535, &port);
}

static int
check_listening(struct options *o)
{
  bool local = o->unixsocket || o->unixsocket_private;

  if (check_port(o) != 0)
    return EINVAL;
  if (o->single && (o->port || local || o->vsock || o->run))
    return refuse(
        "-s serves one client on stdin and stdout: it cannot listen or --run");
  if (o->single && isatty(STDIN_FILENO))
    return refuse("-s serves a client on stdin: that is a terminal here");
  if (local && o->port)
    return refuse("-U listens on a Unix socket: -p is for TCP and vsock");
  if (o->vsock && local)
    return refuse("--vsock and -U exclude each other");
  if (o->unixsocket_private && !o->run && !o->print_uri && !o->verbose)
    return refuse("-U - makes a socket that nobody knows: it needs --run");
  if (o->run && !o->port && !o->ipaddr && !o->vsock && !o->unixsocket)
    o->unixsocket_private = true;
  return 0;
}

int
options_check(struct options *o)
{
  if (o->action != ACTION_SERVE) {
    if (o->single && o->action == ACTION_DUMP_PLUGIN)
      return refuse("-s and --dump-plugin exclude each other");
    if (!o->plugin && o->action == ACTION_DUMP_PLUGIN)
      return refuse("--dump-plugin needs the name of a plugin");
    if (!o->access_file && o->action == ACTION_CHECK_ACCESS)
      return refuse("--check-access needs the file of rules: --access=FILE");
    return 0;
  }
  if (!o->plugin) {
    log_error("which plugin? try '%s memory 1G', or '%s --help'", o->program,
              o->program);
    return EINVAL;
  }
  if (o->oldstyle && o->tls == TLS_REQUIRE)
    return refuse("-o: the oldstyle handshake knows no TLS");
  if (o->tls == TLS_OFF && o->tls_verify_peer)
    return refuse("--tls-verify-peer needs --tls=on or --tls=require");
  if (o->tls_psk && o->tls_verify_peer)
    log_warning("--tls-verify-peer means nothing with --tls-psk: clients have keys");
  return check_listening(o);
}

/* ------------------------------------------------------ the plugin and its words */

static bool
is_named_object(const char *path)
{
  size_t len = strlen(path);

  return len > 3 && strcmp(path + len - 3, ".so") == 0;
}

/* A word that does not look like the name of a plugin. */
static bool
is_file_name(const char *word)
{
  return !is_named_object(word) && (strchr(word, '/') || strchr(word, '.'));
}

/* A file or block device that is no shared object. */
static bool
is_disk_image(const char *path)
{
  struct stat st;
  char magic[4] = "";
  FILE *fp;
  bool object;

  if (is_named_object(path) || stat(path, &st) == -1 ||
      (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)))
    return false;
  fp = fopen(path, "re");
  if (!fp)
    return true; /* the file plugin says why */
  object = fread(magic, 1, sizeof magic, fp) == sizeof magic &&
           memcmp(magic, "\177ELF", sizeof magic) == 0;
  fclose(fp);
  return !object;
}

int
options_add_word(char ***list, size_t *count, const char *word)
{
  char **longer = realloc(*list, (*count + 1) * sizeof *longer);

  if (!longer)
    return ENOMEM;
  *list = longer;
  longer[*count] = strdup(word);
  if (!longer[*count])
    return ENOMEM;
  ++*count;
  return 0;
}

/* A script stands for the plugin that runs it, and is its first parameter. */
static int
take_script(struct options *o, const char *word)
{
  char *path;
  int error = loader_find_script(word, &o->script_plugin, &path);

  if (error)
    return error;
  o->plugin = o->script_plugin;
  error = options_add_word(&o->params, &o->param_count, path);
  free(path);
  return error;
}

/* nbdsrv disk.img: a file that is no plugin is what the file plugin serves.  The
 * name of a plugin is one, whatever lies in the current directory. */
static int
take_plugin(struct options *o, const char *word)
{
  struct stat st;
  char *param;
  int error;

  o->plugin = word;
  if (!word[0])
    return refuse("the plugin's name is empty");
  if (loader_has_plugin(word))
    return 0;
  if (strchr(word, '=') && access(word, F_OK) == -1) {
    log_error("%s: parameters stand after the name of the plugin", word);
    return EINVAL;
  }
  error = take_script(o, word);
  if (error != ENOENT)
    return error;
  if (stat(word, &st) == -1) {
    if (!is_file_name(word))
      return 0; /* the loader says where it looked */
    log_error("%s: %s: it is neither a plugin nor a disk image", word, strerror(errno));
    return ENOENT;
  }
  if (S_ISDIR(st.st_mode)) {
    log_error("%s is a directory: '%s file dir=%s' serves its files", word, o->program,
              word);
    return EISDIR;
  }
  if (!is_disk_image(word))
    return 0;
  o->plugin = "file";
  if (asprintf(&param, "file=%s", word) == -1)
    return ENOMEM;
  error = options_add_word(&o->params, &o->param_count, param);
  free(param);
  return error;
}

int
options_take_words(struct options *o, char **words, int count)
{
  int error = count > 0 ? take_plugin(o, words[0]) : 0;

  for (int i = 1; i < count && !error; i++)
    error = options_add_word(&o->params, &o->param_count, words[i]);
  return error;
}
