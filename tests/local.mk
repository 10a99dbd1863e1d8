# SPDX-License-Identifier: BSD-3-Clause
# The tests: scripts that print TAP, and programs of unit tests.
TEST_EXTENSIONS = .py
tap_driver = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
# A test that hangs is interrupted, so that it ends its servers and shows their logs.
test_limit = timeout --foreground -s INT -k 10 "$${NBDSRV_TEST_LIMIT:-300}"
PY_LOG_DRIVER = $(tap_driver)
# A failed test counts once; one that breaks off is missed in the plan.
PY_LOG_DRIVER_FLAGS = --ignore-exit
PY_LOG_COMPILER = $(test_limit) $(PYTHON)
PY_LOG_FLAGS = -B
LOG_DRIVER = $(tap_driver)
LOG_COMPILER = $(test_limit)
AM_TESTS_ENVIRONMENT = \
	NBDSRV='$(abs_top_builddir)/nbdsrv'; export NBDSRV; \
	srcdir='$(abs_top_srcdir)'; export srcdir; \
	builddir='$(abs_top_builddir)'; export builddir; \
	CC='$(CC)'; export CC; \
	PKG_CONFIG='$(PKG_CONFIG)'; export PKG_CONFIG; \
	MAKE='$(MAKE)'; export MAKE; \
	CK_TAP_LOG_FILE_NAME=-; export CK_TAP_LOG_FILE_NAME; \
	CK_VERBOSITY=silent; export CK_VERBOSITY; \
	NBDSRV_KEEP_LOADED=1; export NBDSRV_KEEP_LOADED;

python_tests = \
	tests/handshake-greeting.py \
	tests/handshake-options.py \
	tests/handshake-export.py \
	tests/handshake-open.py \
	tests/handshake-metacontext.py \
	tests/handshake-limits.py \
	tests/handshake-masks.py \
	tests/tls-handshake.py \
	tests/tls-certificates.py \
	tests/tls-names.py \
	tests/tls-options.py \
	tests/tls-transmission.py \
	tests/tls-reload.py \
	tests/doc-tls.py \
	tests/tls-rekey.py \
	tests/tls-clients.py \
	tests/transmission-read.py \
	tests/transmission-write.py \
	tests/transmission-commands.py \
	tests/transmission-errors.py \
	tests/transmission-block-status.py \
	tests/transmission-sparse-read.py \
	tests/transmission-end.py \
	tests/transmission-block-size.py \
	tests/transmission-flush-fua.py \
	tests/transmission-zero.py \
	tests/transmission-async.py \
	tests/extended-headers.py \
	tests/protocol.py \
	tests/dispatch-threads.py \
	tests/plugin-lender.py \
	tests/access-check.py \
	tests/access-exports.py \
	tests/access-reload.py \
	tests/access-tls.py \
	tests/peer-identity.py \
	tests/bench.py \
	tests/cli.py \
	tests/cli-daemon.py \
	tests/cli-listen.py \
	tests/cli-nbdkit.py \
	tests/cli-run.py \
	tests/completion.py \
	tests/install.py \
	tests/clients-libnbd.py \
	tests/clients-qemu.py \
	tests/clients-tools.py \
	tests/data-roundtrip.py \
	tests/resource-bounds.py \
	tests/hostile.py \
	tests/stress-model.py \
	tests/abi-binary.py \
	tests/abi-layout.py \
	tests/doc-filter-example.py \
	tests/doc-plugin-example.py \
	tests/plugin-eval.py \
	tests/plugin-data.py \
	tests/plugin-file.py \
	tests/plugin-file-block.py \
	tests/plugin-file-dir.py \
	tests/plugin-file-uncached.py \
	tests/plugin-full.py \
	tests/plugin-info.py \
	tests/plugin-memory.py \
	tests/plugin-null.py \
	tests/plugin-ondemand.py \
	tests/plugin-ones.py \
	tests/plugin-partitioning.py \
	tests/plugin-pattern.py \
	tests/plugin-random.py \
	tests/plugin-sh.py \
	tests/plugin-sparse-random.py \
	tests/plugin-split.py \
	tests/plugin-tmpdisk.py \
	tests/plugin-zero.py \
	tests/filter-blocksize.py \
	tests/filter-blocksize-policy.py \
	tests/filter-cache.py \
	tests/filter-cacheextents.py \
	tests/filter-checkwrite.py \
	tests/filter-count.py \
	tests/filter-cow.py \
	tests/filter-ddrescue.py \
	tests/filter-delay.py \
	tests/filter-error.py \
	tests/filter-evil.py \
	tests/filter-exitlast.py \
	tests/filter-exitwhen.py \
	tests/filter-exportname.py \
	tests/filter-extentlist.py \
	tests/filter-fua.py \
	tests/filter-ip.py \
	tests/filter-limit.py \
	tests/filter-log.py \
	tests/filter-multi-conn.py \
	tests/filter-nocache.py \
	tests/filter-noextents.py \
	tests/filter-nofilter.py \
	tests/filter-noparallel.py \
	tests/filter-nozero.py \
	tests/filter-offset.py \
	tests/filter-openonce.py \
	tests/filter-partition.py \
	tests/filter-pause.py \
	tests/filter-protect.py \
	tests/filter-rate.py \
	tests/filter-readahead.py \
	tests/filter-readonly.py \
	tests/filter-retry.py \
	tests/filter-retry-request.py \
	tests/filter-rotational.py \
	tests/filter-scan.py \
	tests/filter-spinning.py \
	tests/filter-stack.py \
	tests/filter-stats.py \
	tests/filter-swab.py \
	tests/filter-tar.py \
	tests/filter-time-limit.py \
	tests/filter-tls-fallback.py \
	tests/filter-truncate.py

TESTS += $(python_tests)
if HAVE_ZLIB
TESTS += tests/filter-gzip.py
endif
if HAVE_BZIP2
TESTS += tests/filter-bzip2.py
endif
if HAVE_EXT2FS
TESTS += tests/filter-ext2.py
endif
if HAVE_LUKS
TESTS += tests/filter-luks.py
endif
if HAVE_LIBLZMA
TESTS += tests/filter-xz.py
endif
EXTRA_DIST += tests/filter-gzip.py tests/filter-bzip2.py tests/filter-xz.py tests/packed.py tests/luksfiles.py \
	tests/filter-ext2.py tests/filter-luks.py
EXTRA_DIST += $(python_tests) tests/access.py tests/blockmodel.py tests/compile.py tests/dataexpr.py tests/gnutlslib.py tests/harness.py tests/rawnbd.py tests/rawtls.py tests/tlsfiles.py \
	tests/opener.py tests/scriptlib.py
EXTRA_DIST += tests/README.md tests/protocol.md tests/tsan.supp tests/abi examples

# What nbdkit's plugins find here, compared with what they find under nbdkit.
nbdkit_tests = \
	tests/nbdkit-load.py \
	tests/nbdkit-callbacks.py \
	tests/nbdkit-exports.py \
	tests/nbdkit-filters.py \
	tests/nbdkit-functions.py \
	tests/nbdkit-threads.py \
	tests/nbdkit-dropin.py \
	tests/nbdkit-plugins.py \
	tests/nbdkit-natives.py \
	tests/nbdkit-scripts.py \
	tests/nbdkit-languages.py
if HAVE_NBDKIT
TESTS += $(nbdkit_tests)
endif
EXTRA_DIST += $(nbdkit_tests) tests/nbdkitlib.py tests/nbdkit-plugins

# Plugins that tests ask how the server calls them.
check_LTLIBRARIES = tests/identity.la tests/recorder.la tests/submitter.la tests/opener.la
tests_identity_la_SOURCES = tests/plugin-identity.c
tests_identity_la_LDFLAGS = $(module_ldflags) -rpath $(plugindir)
tests_recorder_la_SOURCES = tests/plugin-recorder.c
tests_recorder_la_LDFLAGS = $(module_ldflags) -rpath $(plugindir)
tests_submitter_la_SOURCES = tests/plugin-submitter.c
tests_submitter_la_LDFLAGS = $(module_ldflags) -rpath $(plugindir)
tests_opener_la_SOURCES = tests/plugin-opener.c
tests_opener_la_LDFLAGS = $(module_ldflags) -rpath $(plugindir)

# Unit tests: what has no I/O of its own.
if HAVE_CHECK
unit_tests = \
	tests/unit-data \
	tests/unit-access \
	tests/unit-extents \
	tests/unit-option-data \
	tests/unit-memory-store \
	tests/unit-params \
	tests/unit-parse \
	tests/unit-partition-table \
	tests/unit-rate-bucket \
	tests/unit-statemap
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif

access_rule_sources = \
	server/access-parse.c server/access-value.c server/access-word.c \
	server/access-match.c server/address.c server/dn.c server/glob.c
tests_unit_access_SOURCES = tests/unit-access.c tests/unit.c tests/unit.h \
	$(access_rule_sources) server/parse.c server/utf8.c
tests_unit_access_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_access_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_access_LDADD = $(CHECK_LIBS)

tests_unit_data_SOURCES = tests/unit-data.c tests/unit.c tests/unit.h \
	tests/data-outside.c tests/data-outside.h $(data_language) server/extents.c
tests_unit_data_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_data_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_data_LDADD = $(CHECK_LIBS)
tests_unit_memory_store_SOURCES = tests/unit-memory-store.c tests/unit.c tests/unit.h plugins/memory/store.c \
	plugins/memory/store-look.c plugins/memory/tree.c plugins/memory/arena.c server/extents.c
tests_unit_memory_store_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_memory_store_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_memory_store_LDADD = $(CHECK_LIBS)
tests_unit_extents_SOURCES = tests/unit-extents.c tests/unit.c tests/unit.h server/extents.c
tests_unit_extents_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_extents_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_extents_LDADD = $(CHECK_LIBS)

tests_unit_option_data_SOURCES = tests/unit-option-data.c tests/unit.c tests/unit.h \
	server/option-data.c server/utf8.c
tests_unit_option_data_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_option_data_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_option_data_LDADD = $(CHECK_LIBS)

tests_unit_partition_table_SOURCES = tests/unit-partition-table.c tests/unit.c \
	tests/unit.h filters/partition/table.c
tests_unit_partition_table_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_partition_table_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_partition_table_LDADD = $(CHECK_LIBS)

tests_unit_params_SOURCES = tests/unit-params.c tests/unit.c tests/unit.h \
	server/params.c server/parse.c
tests_unit_params_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_params_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_params_LDADD = $(CHECK_LIBS)

tests_unit_parse_SOURCES = tests/unit-parse.c tests/unit.c tests/unit.h server/parse.c
tests_unit_parse_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_parse_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_parse_LDADD = $(CHECK_LIBS)

tests_unit_rate_bucket_SOURCES = tests/unit-rate-bucket.c tests/unit.c tests/unit.h \
	filters/rate/bucket.c
tests_unit_rate_bucket_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_rate_bucket_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_rate_bucket_LDADD = $(CHECK_LIBS)

tests_unit_statemap_SOURCES = tests/unit-statemap.c tests/unit.c tests/unit.h \
	filters/common/statemap.c
tests_unit_statemap_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_statemap_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_statemap_LDADD = $(CHECK_LIBS)
