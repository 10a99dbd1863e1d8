/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters of operations.
 * Gets operations from stats.c as they end, from any thread; prints what became of
 * them at the end.
 */
#include "counter.h"

static void
add(atomic_uint_fast64_t *to, uint64_t n)
{
  atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

static uint64_t
get(const atomic_uint_fast64_t *from)
{
  return atomic_load_explicit(from, memory_order_relaxed);
}

void
counter_add(struct counter *c, uint64_t len, uint64_t off, uint64_t ns)
{
  unsigned bits = len ? 63 - (unsigned)__builtin_clzll(len) : 0;
  unsigned zeroes = off ? (unsigned)__builtin_ctzll(off) : COUNTER_BITS;

  add(&c->ops, 1);
  add(&c->bytes, len);
  add(&c->ns, ns);
  if (len == 0)
    return;
  add(&c->sizes[bits], 1);
  add(&c->size_bytes[bits], len);
  add(&c->aligned[bits][zeroes], 1);
}

void
counter_bytes(double bytes, char *text, size_t size)
{
  static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  unsigned i = 0;

  if (bytes < 1024) {
    snprintf(text, size, "%.0f bytes", bytes);
    return;
  }
  for (bytes /= 1024; bytes >= 1024 && i < 5; i++)
    bytes /= 1024;
  snprintf(text, size, "%.2f %s", bytes, units[i]);
}

static double
rate(uint64_t bytes, uint64_t ns)
{
  return ns ? (double)bytes / ((double)ns / 1e9) : 0;
}

void
counter_print_sum(const char *name, uint64_t ops, uint64_t bytes, uint64_t ns,
                  FILE *out)
{
  char size[32], speed[32];

  counter_bytes((double)bytes, size, sizeof size);
  counter_bytes(rate(bytes, ns), speed, sizeof speed);
  fprintf(out, "%s: %llu ops, %.6f s, %s, %s/s", name, (unsigned long long)ops,
          (double)ns / 1e9, size, speed);
}

static double
percent(uint64_t part, uint64_t whole)
{
  return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* How many of the requests of a size begin at a multiple of each power of two; those
 * of which all do are not worth a line but the last one. */
static void
print_alignment(const struct counter *c, unsigned bits, FILE *out)
{
  uint64_t all = get(&c->sizes[bits]), more = all;

  for (unsigned zeroes = 0; zeroes < COUNTER_BITS && more > 0; zeroes++) {
    uint64_t exactly = get(&c->aligned[bits][zeroes]);

    if (exactly == 0)
      continue;
    fprintf(out, "         %2u bit aligned: %5.1f%% (%llu)\n", zeroes,
            percent(more, all), (unsigned long long)more);
    more -= exactly;
  }
}

static void
print_size(const struct counter *c, unsigned bits, FILE *out)
{
  char size[32];

  counter_bytes((double)get(&c->size_bytes[bits]), size, sizeof size);
  fprintf(out, "    %2u bits: %4.1f%% (%llu reqs, %s total)\n", bits,
          percent(get(&c->sizes[bits]), get(&c->ops)),
          (unsigned long long)get(&c->sizes[bits]), size);
  print_alignment(c, bits, out);
}

/* The most frequent sizes first, until they make up the threshold. */
static void
print_sizes(const struct counter *c, unsigned threshold, FILE *out)
{
  uint64_t printed = 0, printed_bytes = 0, ops = get(&c->ops);
  char done[COUNTER_BITS] = {0}, size[32];

  fprintf(out, "  Request size and alignment breakdown:\n");
  while (percent(printed, ops) < threshold) {
    unsigned best = COUNTER_BITS;

    for (unsigned i = 0; i < COUNTER_BITS; i++)
      if (!done[i] && get(&c->sizes[i]) > 0 &&
          (best == COUNTER_BITS || get(&c->sizes[i]) > get(&c->sizes[best])))
        best = i;
    if (best == COUNTER_BITS)
      return;
    done[best] = 1;
    printed += get(&c->sizes[best]);
    printed_bytes += get(&c->size_bytes[best]);
    print_size(c, best, out);
  }
  if (printed < ops) {
    counter_bytes((double)(get(&c->bytes) - printed_bytes), size, sizeof size);
    fprintf(out, "    other sizes: %4.1f%% (%llu reqs, %s total)\n",
            percent(ops - printed, ops), (unsigned long long)(ops - printed), size);
  }
}

void
counter_print(const struct counter *c, uint64_t ns, unsigned threshold, FILE *out)
{
  char speed[32];

  if (get(&c->ops) == 0)
    return;
  counter_print_sum(c->name, get(&c->ops), get(&c->bytes), get(&c->ns), out);
  counter_bytes(rate(get(&c->bytes), ns), speed, sizeof speed);
  fprintf(out, " op, %s/s total\n", speed);
  if (threshold > 0 && get(&c->bytes) > 0)
    print_sizes(c, threshold, out);
}
