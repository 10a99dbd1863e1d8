# SPDX-License-Identifier: BSD-3-Clause
# The benchmark's programs: built by `make bench-programs`, not installed.
EXTRA_PROGRAMS += bench/load bench/reference
CLEANFILES += bench/load bench/reference

bench_load_SOURCES = bench/load.c bench/client.c bench/client.h
bench_load_CFLAGS = $(AM_CFLAGS) -pthread
bench_reference_SOURCES = bench/reference.c
bench_reference_CFLAGS = $(AM_CFLAGS) -pthread

bench-programs: bench/load bench/reference
.PHONY: bench-programs

EXTRA_DIST += bench/run.py bench/README.md
