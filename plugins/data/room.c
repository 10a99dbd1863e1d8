/* SPDX-License-Identifier: BSD-3-Clause */
/* How much memory may be used, so that a slip in an expression does not take down the
 * machine.
 */
#include "room.h"

#include <stdio.h>
#include <unistd.h>

uint64_t
room_now(void)
{
  uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
  FILE *f = fopen("/proc/meminfo", "re");
  unsigned long long kib;
  char line[128];

  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
      all = kib * 1024;
  if (f)
    fclose(f);
  return all / 8 * 7;
}
