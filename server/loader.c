/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds and loads the shared objects of plugins and filters.
 * Gets names of the command line; hands modules to main.c, which makes layers of
 * them.
 */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash.h"
#include "loader.h"
#include "log.h"
#include "nbdkit.h"
#include "parse.h"

const char *
loader_plugin_dir(void)
{
  const char *dir = getenv("NBDSRV_PLUGINDIR");
  return dir ? dir : PLUGINDIR;
}

const char *
loader_filter_dir(void)
{
  const char *dir = getenv("NBDSRV_FILTERDIR");
  return dir ? dir : FILTERDIR;
}

/* --------------------------------------------------------------- finding it */

/* A name for people: control characters escaped. */
static char *
printable(const char *name)
{
  char *copy = malloc(4 * strlen(name) + 1), *p = copy;

  if (!copy)
    return NULL;
  for (; *name; name++)
    if (iscntrl((unsigned char)*name))
      p += sprintf(p, "\\x%02x", (unsigned char)*name);
    else
      *p++ = *name;
  *p = '\0';
  return copy;
}

/* Remembers names of installed modules, for the hint in unknown (). */
struct known {
  char *names[256];
  size_t count;
};

static void
collect(struct known *known, const char *dir, const char *prefix, const char *suffix)
{
  DIR *d = opendir(dir);
  struct dirent *e;

  while (d && (e = readdir(d)) != NULL && known->count < 256) {
    size_t len = strlen(e->d_name), pl = strlen(prefix), sl = strlen(suffix);
    if (len <= pl + sl || strncmp(e->d_name, prefix, pl) != 0 ||
        strcmp(e->d_name + len - sl, suffix) != 0)
      continue;
    known->names[known->count] = strndup(e->d_name + pl, len - pl - sl);
    known->count += known->names[known->count] != NULL;
  }
  if (d)
    closedir(d);
}

/* One line for a name that leads nowhere. */
static void
unknown(const char *name, bool filter)
{
  struct known known = {0};
  char *shown = printable(name), hint[512];
  const char *nearest;

  if (!shown)
    return;

  collect(&known, filter ? loader_filter_dir() : loader_plugin_dir(), "nbdsrv-",
          filter ? "-filter.so" : "-plugin.so");
  if (!filter)
    collect(&known, NBDKIT_PLUGINDIR, "nbdkit-", "-plugin.so");
  nearest = parse_nearest(name, (const char *const *)known.names, known.count);
  if (name[0] && name[strlen(name) - 1] == '\r')
    snprintf(hint, sizeof hint, "the script's lines end in CR LF: convert it");
  else if (nearest)
    snprintf(hint, sizeof hint, "did you mean '%s'?", nearest);
  else if (filter)
    snprintf(hint, sizeof hint, "filters built for nbdkit cannot be loaded");
  else
    snprintf(hint, sizeof hint,
             "a package nbdkit-plugin-%s or nbdkit-%s-plugin may have it", shown,
             shown);
  if (filter)
    log_error("no filter '%s': %s/nbdsrv-%s-filter.so is not there; %s; see nbdsrv(1)",
              shown, loader_filter_dir(), shown, hint);
  else
    log_error("no plugin '%s': neither %s/nbdsrv-%s-plugin.so nor "
              "%s/nbdkit-%s-plugin.so is there; %s; see nbdsrv(1)",
              shown, loader_plugin_dir(), shown, NBDKIT_PLUGINDIR, shown, hint);
  for (size_t i = 0; i < known.count; i++)
    free(known.names[i]);
  free(shown);
}

static char *
in_dir(const char *dir, const char *prefix, const char *name, const char *kind)
{
  char *path;

  if (asprintf(&path, "%s/%s-%s-%s.so", dir, prefix, name, kind) == -1)
    return NULL;
  if (access(path, F_OK) == 0)
    return path;
  free(path);
  return NULL;
}

/* malloc'ed, or NULL. */
static char *
find_short_name(const char *name, bool filter)
{
  char *path;

  if (filter)
    return in_dir(loader_filter_dir(), "nbdsrv", name, "filter");
  path = in_dir(loader_plugin_dir(), "nbdsrv", name, "plugin");
  return path ? path : in_dir(NBDKIT_PLUGINDIR, "nbdkit", name, "plugin");
}

static bool
is_short_name(const char *name)
{
  size_t len = strlen(name);

  return !strchr(name, '/') && !(len > 3 && strcmp(name + len - 3, ".so") == 0);
}

bool
loader_has_plugin(const char *name)
{
  char *path = is_short_name(name) ? find_short_name(name, false) : NULL;

  free(path);
  return path != NULL;
}

/* -------------------------------------------------------------------- scripts */

/* The plugin in "#!/usr/bin/nbdkit PLUGIN", malloc'ed, or NULL. */
static char *
script_plugin(char *line)
{
  static const char blank[] = " \t\r\n";
  char *save,
      *program = strncmp(line, "#!", 2) == 0 ? strtok_r(line + 2, blank, &save) : NULL;
  char *word = program ? strtok_r(NULL, blank, &save) : NULL;
  char *slash = program ? strrchr(program, '/') : NULL;

  if (!slash || !word || word[0] == '-' || strtok_r(NULL, blank, &save) ||
      (strcmp(slash, "/nbdkit") != 0 && strcmp(slash, "/nbdsrv") != 0))
    return NULL;
  return strdup(word);
}

int
loader_find_script(const char *name, char **plugin, char **path)
{
  char line[256] = "";
  FILE *fp;

  if (!is_short_name(name))
    return ENOENT;
  if (asprintf(path, "%s/nbdkit-%s-plugin", NBDKIT_PLUGINDIR, name) == -1)
    return ENOMEM;
  fp = fopen(*path, "re");
  if (!fp) {
    free(*path);
    return ENOENT;
  }
  *plugin = fgets(line, sizeof line, fp) ? script_plugin(line) : NULL;
  fclose(fp);
  if (*plugin)
    return 0;
  log_error("%s does not begin with a line like '#!/usr/bin/nbdkit python'", *path);
  free(*path);
  return EINVAL;
}

/* ------------------------------------------------------------- taking it in */

typedef struct nbdsrv_plugin *(*init_function)(void);

/* How much of an instance a parameter fills. */
static size_t
param_room(const struct nbdsrv_param *p)
{
  switch (p->type) {
  case NBDSRV_FREE:
    return 0;
  case NBDSRV_BOOL:
  case NBDSRV_ENUM:
  case NBDSRV_UINT32:
  case NBDSRV_INT32:
    return sizeof(int32_t);
  case NBDSRV_STRING:
  case NBDSRV_PATH:
    return sizeof(char *);
  default:
    return sizeof(uint64_t);
  }
}

static int
check_plugin(const struct module *module)
{
  const struct nbdsrv_plugin *ops = &module->ops;
  const char *name = ops->name;

  if (!name || !name[0] ||
      name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")]) {
    log_error("%s: it has no name, or one with other characters than letters, digits "
              "and '-'",
              module->path);
    return EINVAL;
  }
  if (!module->filter && !ops->describe) {
    log_error("%s: plugin %s has no describe ()", module->path, name);
    return EINVAL;
  }
  for (const struct nbdsrv_param *p = ops->params; p && p->name; p++)
    if (p->type != NBDSRV_FREE && (param_room(p) > ops->instance_size ||
                                   p->offset > ops->instance_size - param_room(p))) {
      log_error("%s: parameter %s lies outside the instance", module->path, p->name);
      return EINVAL;
    }
  return 0;
}

static int
take_own(struct module *module, init_function init)
{
  const struct nbdsrv_plugin *given = init();
  size_t least = offsetof(struct nbdsrv_plugin, summary);

  if (!given || given->abi != NBDSRV_ABI || given->size < least) {
    log_error("%s: built for plugin ABI %u, this server has %u: rebuild it",
              module->path, given ? given->abi : 0, NBDSRV_ABI);
    return EINVAL;
  }
  /* Members that an older object does not have are absent, newer ones unknown. */
  memcpy(&module->ops, given,
         given->size < sizeof module->ops ? given->size : sizeof module->ops);
  return check_plugin(module);
}

/* Says so where it is nbdkit's and of no use. */
static bool
refuse_foreign(const struct module *module)
{
  if (dlsym(module->object, "filter_init"))
    log_error("%s is a filter of nbdkit: their interface changes with every release, "
              "only this server's own filters can be loaded",
              module->path);
  else if (module->filter && dlsym(module->object, "plugin_init"))
    log_error("%s is a plugin of nbdkit, not a filter", module->path);
  else
    return false;
  return true;
}

static int
take_foreign(struct module *module, void *plugin_init)
{
  int error;

  /* Interpreters' own modules count on finding the interpreter's symbols. */
  dlopen(module->path, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
  error = nbdkit_bridge_load(module, plugin_init);
  return error ? error : check_plugin(module);
}

static int
take_in(struct module *module)
{
  init_function plugin = (init_function)dlsym(module->object, "nbdsrv_plugin_init");
  init_function filter = (init_function)dlsym(module->object, "nbdsrv_filter_init");
  void *nbdkit = dlsym(module->object, "plugin_init");

  if (module->filter ? filter != NULL : plugin != NULL)
    return take_own(module, module->filter ? filter : plugin);
  if (filter || plugin) {
    log_error("%s is a %s, not a %s", module->path, filter ? "filter" : "plugin",
              module->filter ? "filter" : "plugin");
    return EINVAL;
  }
  if (refuse_foreign(module))
    return EINVAL;
  if (nbdkit)
    return take_foreign(module, nbdkit);
  log_error("%s is a shared object but no %s for nbdsrv", module->path,
            module->filter ? "filter" : "plugin");
  return EINVAL;
}

static int
open_object(struct module *module)
{
  struct stat st;
  char why[1024];

  if (stat(module->path, &st) == -1) {
    log_error("%s: %s", module->path, strerror(errno));
    return errno;
  }
  if (!S_ISREG(st.st_mode)) {
    log_error("%s is no file that could be a %s", module->path,
              module->filter ? "filter" : "plugin");
    return EINVAL;
  }
  module->object = dlopen(module->path, RTLD_NOW);
  if (module->object)
    return 0;
  snprintf(why, sizeof why, "%s", dlerror());
  /* Symbols are missing: see what it is all the same. */
  module->object = dlopen(module->path, RTLD_LAZY);
  if (!module->object || !refuse_foreign(module))
    log_error("cannot load %s", why);
  return EINVAL;
}

int
loader_load(const char *name, bool filter, struct module **result)
{
  struct module *module = calloc(1, sizeof *module);
  int error = 0;

  if (!module)
    return ENOMEM;
  module->filter = filter;
  module->name = strdup(name);
  if (is_short_name(name))
    module->path = find_short_name(name, filter);
  else /* dlopen looks elsewhere for a name without a slash */
    module->path = parse_absolute_path(name);
  if (!module->path) {
    unknown(name, filter);
    error = ENOENT;
  }
  if (!error) {
    crash_guard(module->path);
    error = open_object(module);
    if (!error)
      error = take_in(module);
    crash_unguard();
  }
  if (error) {
    loader_unload(module);
    return error;
  }
  log_debug("%s %s is %s", filter ? "filter" : "plugin", module->ops.name,
            module->path);
  *result = module;
  return 0;
}

void
loader_begin(struct module *module)
{
  if (!module->bridge)
    return;
  crash_guard(module->path);
  nbdkit_bridge_begin(module);
  crash_unguard();
}

void
loader_unload(struct module *module)
{
  /* valgrind and the sanitizers want the symbols for their reports at exit. */
  if (module->bridge)
    nbdkit_bridge_unload(module);
  else if (module->object && !getenv("NBDSRV_KEEP_LOADED"))
    dlclose(module->object);
  free(module->name);
  free(module->path);
  free(module);
}
