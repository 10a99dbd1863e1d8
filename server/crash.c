/* SPDX-License-Identifier: BSD-3-Clause */
/* A crash of somebody else's code, told apart from one of ours.
 * Gets the path of the object from loader.c; signal handlers find it in a variable.
 */
#include "config.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crash.h"

static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
#define FATAL_COUNT (sizeof fatal / sizeof fatal[0])

static struct sigaction before[FATAL_COUNT];
static char line[1024]; /* made beforehand: the handler may call little */

static void
on_crash(int sig)
{
  (void)sig;
  if (write(STDERR_FILENO, line, strlen(line)) == -1) {
    /* There is nobody left to tell. */
  }
  _exit(1);
}

void
crash_guard(const char *path)
{
  struct sigaction action = {.sa_handler = on_crash};

  snprintf(line, sizeof line, "nbdsrv: error: %s crashed while it was loaded\n", path);
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < FATAL_COUNT; i++)
    sigaction(fatal[i], &action, &before[i]);
}

void
crash_unguard(void)
{
  for (size_t i = 0; i < FATAL_COUNT; i++)
    sigaction(fatal[i], &before[i], NULL);
}
