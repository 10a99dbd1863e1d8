# SPDX-License-Identifier: BSD-3-Clause
# A plugin is a line in plugin_LTLIBRARIES and one that names its sources.
module_ldflags = $(AM_LDFLAGS) -module -avoid-version -shared

plugin_LTLIBRARIES += \
	nbdsrv-data-plugin.la \
	nbdsrv-eval-plugin.la \
	nbdsrv-file-plugin.la \
	nbdsrv-full-plugin.la \
	nbdsrv-info-plugin.la \
	nbdsrv-memory-plugin.la \
	nbdsrv-null-plugin.la \
	nbdsrv-ondemand-plugin.la \
	nbdsrv-ones-plugin.la \
	nbdsrv-partitioning-plugin.la \
	nbdsrv-pattern-plugin.la \
	nbdsrv-random-plugin.la \
	nbdsrv-sh-plugin.la \
	nbdsrv-sparse-random-plugin.la \
	nbdsrv-split-plugin.la \
	nbdsrv-tmpdisk-plugin.la \
	nbdsrv-zero-plugin.la

plugin_nothing = plugins/common/nothing.h
plugin_zeroes = plugins/common/zeroes.h $(plugin_nothing)
plugin_disk = \
	plugins/memory/disk.c \
	plugins/memory/disk.h \
	plugins/memory/arena.c \
	plugins/memory/arena.h \
	plugins/memory/bytes.h \
	plugins/memory/chunk.h \
	plugins/memory/flat.c \
	plugins/memory/flat.h \
	plugins/memory/store.c \
	plugins/memory/store-look.c \
	plugins/memory/store.h \
	plugins/memory/tree.c \
	plugins/memory/tree.h
plugin_base64 = plugins/common/base64.c plugins/common/base64.h
plugin_prng = plugins/common/prng.c plugins/common/prng.h
plugin_pieces = \
	plugins/common/pieces.c \
	plugins/common/pieces.h \
	plugins/common/pieces-data.c \
	plugins/common/pieces-data.h \
	$(plugin_file)
plugin_file = \
	plugins/file/file.h \
	plugins/file/open.c \
	plugins/file/data.c \
	plugins/file/holes.c plugins/file/lend.c \
	plugins/file/evict.c
plugin_process = plugins/common/process.c plugins/common/process.h
plugin_environment = filters/common/environment.c filters/common/environment.h
plugin_tmpdir = plugins/common/tmpdir.c plugins/common/tmpdir.h
plugin_mkdisk = \
	plugins/common/mkdisk.c \
	plugins/common/mkdisk.h \
	$(plugin_process) $(plugin_tmpdir) $(plugin_environment) $(plugin_file)
plugin_script = \
	plugins/script/script.h \
	plugins/script/call.c \
	plugins/script/life.c \
	plugins/script/exports.c \
	plugins/script/describe.c \
	plugins/script/data.c \
	plugins/script/extents.c \
	filters/common/errname.h \
	$(plugin_process) $(plugin_tmpdir) $(plugin_environment)

nbdsrv_eval_plugin_la_SOURCES = plugins/eval/eval.c $(plugin_script)
nbdsrv_eval_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_sh_plugin_la_SOURCES = plugins/sh/sh.c $(plugin_script)
nbdsrv_sh_plugin_la_LDFLAGS = $(module_ldflags)

# What data expressions are made of and how; outside.c has the rest.
data_language = \
	plugins/data/emit.c \
	plugins/data/emit.h \
	plugins/data/expr.c \
	plugins/data/expr.h \
	plugins/data/lexer.c \
	plugins/data/lexer.h \
	plugins/data/list.c \
	plugins/data/list.h \
	plugins/data/parser.c \
	plugins/data/parser.h \
	plugins/data/pool.c \
	plugins/data/pool.h \
	plugins/data/quoted.c \
	plugins/data/quoted.h \
	plugins/data/room.c \
	plugins/data/room.h \
	plugins/data/target.c \
	plugins/data/target.h \
	$(plugin_disk)
nbdsrv_data_plugin_la_SOURCES = \
	plugins/data/data.c \
	plugins/data/outside.c \
	plugins/data/outside.h \
	$(data_language) $(plugin_base64) $(plugin_nothing) $(plugin_process)
nbdsrv_data_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_file_plugin_la_SOURCES = plugins/file/file.c plugins/file/ring.c $(plugin_file)
nbdsrv_file_plugin_la_CFLAGS = $(AM_CFLAGS) $(LIBURING_CFLAGS)
nbdsrv_file_plugin_la_LIBADD = $(LIBURING_LIBS)
nbdsrv_file_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_full_plugin_la_SOURCES = plugins/full/full.c $(plugin_zeroes)
nbdsrv_full_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_info_plugin_la_SOURCES = \
	plugins/info/info.c \
	plugins/info/address.c \
	plugins/info/address.h \
	$(plugin_base64) $(plugin_nothing)
nbdsrv_info_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_memory_plugin_la_SOURCES = plugins/memory/memory.c $(plugin_disk) $(plugin_nothing)
nbdsrv_memory_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_null_plugin_la_SOURCES = plugins/null/null.c $(plugin_zeroes)
nbdsrv_null_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_ondemand_plugin_la_SOURCES = plugins/ondemand/ondemand.c $(plugin_mkdisk)
nbdsrv_ondemand_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_ones_plugin_la_SOURCES = plugins/ones/ones.c $(plugin_nothing)
nbdsrv_ones_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_partitioning_plugin_la_SOURCES = \
	plugins/partitioning/partitioning.c \
	plugins/partitioning/partitioning.h \
	plugins/partitioning/mbr.c \
	plugins/partitioning/gpt.c \
	plugins/partitioning/guid.c \
	filters/partition/format.h \
	$(plugin_pieces)
nbdsrv_partitioning_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_pattern_plugin_la_SOURCES = plugins/pattern/pattern.c $(plugin_nothing)
nbdsrv_pattern_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_random_plugin_la_SOURCES = plugins/random/random.c $(plugin_prng) $(plugin_nothing)
nbdsrv_random_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_sparse_random_plugin_la_SOURCES = \
	plugins/sparse-random/sparse-random.c \
	plugins/sparse-random/map.c \
	plugins/sparse-random/map.h \
	$(plugin_prng) $(plugin_nothing)
nbdsrv_sparse_random_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_split_plugin_la_SOURCES = plugins/split/split.c $(plugin_pieces)
nbdsrv_split_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_tmpdisk_plugin_la_SOURCES = plugins/tmpdisk/tmpdisk.c $(plugin_mkdisk)
nbdsrv_tmpdisk_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_zero_plugin_la_SOURCES = plugins/zero/zero.c $(plugin_zeroes)
nbdsrv_zero_plugin_la_LDFLAGS = $(module_ldflags)
