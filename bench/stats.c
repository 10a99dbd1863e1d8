/* SPDX-License-Identifier: BSD-3-Clause */
/* Percentiles, and CPU time, memory and threads of a process with its children: some
 * servers fork for each client.
 */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "stats.h"

void
histogram_merge(struct histogram *to, const struct histogram *from)
{
  to->total += from->total;
  for (unsigned i = 0; i < HISTOGRAM_ROWS * HISTOGRAM_PARTS; i++)
    to->counts[i] += from->counts[i];
}

double
histogram_at(const struct histogram *h, double part)
{
  uint64_t wanted = (uint64_t)((double)h->total * part), seen = 0;

  for (unsigned i = 0; i < HISTOGRAM_ROWS * HISTOGRAM_PARTS; i++) {
    unsigned row = i / HISTOGRAM_PARTS;
    uint64_t low = i % HISTOGRAM_PARTS, width = 1;

    seen += h->counts[i];
    if (seen <= wanted)
      continue;
    if (row > 0) {
      width = (uint64_t)1 << (row - 1);
      low = (HISTOGRAM_PARTS + low) * width;
    }
    return (double)low + (double)width / 2;
  }
  return 0;
}

uint64_t
stats_now_ns(void)
{
  struct timespec ts;

  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Calls each for the process and all that descend from it. */
static void
for_family(pid_t pid, void (*each)(pid_t pid, void *arg), void *arg)
{
  char path[64];
  struct dirent *task;
  DIR *dir;

  each(pid, arg);
  snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  dir = opendir(path);
  if (!dir)
    return;
  while ((task = readdir(dir))) {
    FILE *fp;
    int child;

    if (task->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", (int)pid, task->d_name);
    fp = fopen(path, "r");
    while (fp && fscanf(fp, "%d", &child) == 1)
      for_family(child, each, arg);
    if (fp)
      fclose(fp);
  }
  closedir(dir);
}

static void
add_cpu(pid_t pid, void *arg)
{
  double *sum = arg;
  clockid_t clock;
  struct timespec ts;

  if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &ts) == 0)
    *sum += (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double
stats_cpu_seconds(pid_t pid)
{
  double sum = 0;

  if (pid != 0)
    for_family(pid, add_cpu, &sum);
  return sum;
}

static void
add_footprint(pid_t pid, void *arg)
{
  long *sums = arg, value;
  char path[64], line[256];
  FILE *fp;

  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  fp = fopen(path, "r");
  while (fp && fgets(line, sizeof line, fp)) {
    if (sscanf(line, "VmRSS: %ld", &value) == 1)
      sums[0] += value;
    if (sscanf(line, "Threads: %ld", &value) == 1)
      sums[1] += value;
  }
  if (fp)
    fclose(fp);
}

void
stats_footprint(pid_t pid, long *rss_kib, long *threads)
{
  long sums[2] = {0, 0};

  if (pid != 0)
    for_family(pid, add_footprint, sums);
  *rss_kib = sums[0];
  *threads = sums[1];
}
