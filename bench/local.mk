# SPDX-License-Identifier: BSD-3-Clause
# The benchmark's programs: built by `make bench-programs` and for the tests, not
# installed.
check_PROGRAMS += bench/load bench/reference

bench_load_SOURCES = bench/load.c bench/load.h bench/options.c bench/options.h bench/uri.c \
	bench/client.c bench/client.h bench/handshake.c bench/answers.c bench/pattern.c \
	bench/stream.c bench/stream.h bench/stats.c bench/stats.h bench/report.c bench/report.h
bench_load_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS) -pthread
bench_load_LDADD = $(GNUTLS_LIBS)
if HAVE_GNUTLS
bench_load_SOURCES += bench/tls.c
else
bench_load_SOURCES += bench/tls-none.c
endif
bench_reference_LDFLAGS = -pthread
bench_reference_SOURCES = bench/reference.c
# Its connections share memory without locks, on purpose: not for sanitizers.
bench_reference_CFLAGS = $(NBDSRV_CFLAGS) -pthread

bench-programs: bench/load bench/reference
.PHONY: bench-programs

EXTRA_DIST += bench/README.md bench/bench.svg bench/run.py bench/backends.py bench/cases.py bench/measure.py \
	bench/picture.py bench/processes.py bench/results.py
