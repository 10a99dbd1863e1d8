/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints a result as text for people or as one line of JSON. */
#include "config.h"

#include <stdio.h>

#include "report.h"

void
report_load(const struct result *r, int json)
{
  double per_request = r->done ? 1e6 / (double)r->done : 0;
  double per_second = r->seconds > 0 ? 1 / r->seconds : 0;
  double mean = (double)r->done / r->connections;
  double share = mean > 0 ? (double)r->least_done / mean : 0;
  double extents = r->done ? (double)r->extents / (double)r->done : 0;

  printf(json ? "{\"requests_per_s\": %.1f, \"mb_per_s\": %.2f, "
                "\"server_cpu_us\": %.4f, \"client_cpu_us\": %.4f, \"requests\": %llu, "
                "\"seconds\": %.4f, \"slowest_connection\": %.3f, \"extents\": %.1f"
              : "%.0f requests/s, %.1f MB/s, CPU per request: server %.3f us, client "
                "%.3f us\n%llu requests in %.2f s, the slowest connection made %.2f of "
                "the mean, %.0f extents per request\n",
         (double)r->done * per_second, (double)r->bytes * per_second / 1e6,
         r->server_cpu * per_request, r->client_cpu * per_request,
         (unsigned long long)r->done, r->seconds, share, extents);
  printf(json ? ", \"p50_us\": %.2f, \"p90_us\": %.2f, \"p99_us\": %.2f, "
                "\"p999_us\": %.2f}\n"
              : "latency: median %.1f us, 90%% %.1f us, 99%% %.1f us, 99.9%% %.1f us\n",
         histogram_at(&r->latency, 0.5) / 1e3, histogram_at(&r->latency, 0.9) / 1e3,
         histogram_at(&r->latency, 0.99) / 1e3, histogram_at(&r->latency, 0.999) / 1e3);
}

void
report_idle(double threads, double rss_kib, int json)
{
  printf(json ? "{\"threads\": %.3f, \"rss_kib\": %.2f}\n"
              : "for each connection %.3f threads and %.2f KiB resident\n",
         threads, rss_kib);
}
