# SPDX-License-Identifier: BSD-3-Clause
# Fuzz targets: built by `make fuzz-programs`, run for SECONDS_EACH by `make fuzz`,
# in a tree that was configured with --enable-fuzz.  ./dev fuzz does all of it.
EXTRA_DIST += tests/fuzz/seeds.py tests/fuzz/nbd.dict tests/fuzz/data.dict

if FUZZ
fuzz_programs = tests/fuzz/client tests/fuzz/data tests/fuzz/files tests/fuzz/stream tests/fuzz/pieces tests/fuzz/rules
EXTRA_PROGRAMS += $(fuzz_programs)
CLEANFILES += $(fuzz_programs)

tests_fuzz_client_SOURCES = tests/fuzz/client.c tests/fuzz/start.c tests/fuzz/start.h \
	$(server_sources)
tests_fuzz_client_LDADD = $(GNUTLS_LIBS)
tests_fuzz_client_CPPFLAGS = $(server_nbdsrv_CPPFLAGS) -I$(top_srcdir) \
	-DMODULES='"$(abs_top_builddir)/.libs"'
tests_fuzz_client_CFLAGS = $(server_nbdsrv_CFLAGS)
tests_fuzz_client_LDFLAGS = $(server_nbdsrv_LDFLAGS) -fsanitize=fuzzer

tests_fuzz_stream_SOURCES = tests/fuzz/stream.c tests/fuzz/start.c tests/fuzz/start.h \
	tests/fuzz/judge.c tests/fuzz/judge.h \
	tests/fuzz/memory-transport.c tests/fuzz/memory-transport.h server/tls-none.c \
	$(server_parts)
tests_fuzz_stream_CPPFLAGS = $(tests_fuzz_client_CPPFLAGS)
tests_fuzz_stream_CFLAGS = $(server_nbdsrv_CFLAGS)
tests_fuzz_stream_LDFLAGS = $(tests_fuzz_client_LDFLAGS)

tests_fuzz_pieces_SOURCES = tests/fuzz/pieces.c tests/fuzz/hold.h filters/partition/table.c $(server_sources)
tests_fuzz_pieces_LDADD = $(GNUTLS_LIBS)
tests_fuzz_pieces_CPPFLAGS = $(tests_fuzz_client_CPPFLAGS)
tests_fuzz_pieces_CFLAGS = $(server_nbdsrv_CFLAGS)
tests_fuzz_pieces_LDFLAGS = $(tests_fuzz_client_LDFLAGS)

tests_fuzz_rules_SOURCES = tests/fuzz/rules.c tests/fuzz/hold.h $(access_rule_sources) \
	server/parse.c server/utf8.c
tests_fuzz_rules_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_fuzz_rules_LDFLAGS = $(tests_fuzz_client_LDFLAGS)

tests_fuzz_data_SOURCES = tests/fuzz/data.c tests/data-outside.c tests/data-outside.h \
	$(data_language) server/extents.c
tests_fuzz_data_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_fuzz_data_LDFLAGS = $(tests_fuzz_client_LDFLAGS)

tests_fuzz_files_SOURCES = tests/fuzz/files.c tests/fuzz/hold.h filters/ddrescue/map.c \
	filters/luks/crypt.c filters/luks/header.c filters/tar/find.c filters/tar/header.c
tests_fuzz_files_LDADD = $(GNUTLS_LIBS)
tests_fuzz_files_CPPFLAGS = $(AM_CPPFLAGS) $(GNUTLS_CFLAGS) -I$(top_srcdir)
tests_fuzz_files_LDFLAGS = $(tests_fuzz_client_LDFLAGS)

fuzz-programs: $(fuzz_programs)

SECONDS_EACH = 30
fuzz: fuzz-programs
	for p in $(fuzz_programs); do \
	  dict=$(srcdir)/$$p.dict; test -f $$dict || dict=$(srcdir)/tests/fuzz/nbd.dict; \
	  $(PYTHON) -B $(srcdir)/tests/fuzz/seeds.py $$p.seeds && $(MKDIR_P) $$p.corpus && \
	  $$p -max_total_time=$(SECONDS_EACH) -timeout=20 -rss_limit_mb=4096 -max_len=65536 \
	    -print_final_stats=1 -verbosity=0 -artifact_prefix=$$p- \
	    -dict=$$dict $$p.corpus $$p.seeds || exit 1; \
	done
endif
.PHONY: fuzz fuzz-programs
