# SPDX-License-Identifier: BSD-3-Clause
# A plugin is a line in plugin_LTLIBRARIES and one that names its sources.
module_ldflags = $(AM_LDFLAGS) -module -avoid-version -shared

plugin_LTLIBRARIES += \
	nbdsrv-file-plugin.la \
	nbdsrv-memory-plugin.la \
	nbdsrv-null-plugin.la

nbdsrv_file_plugin_la_SOURCES = \
	plugins/file/file.c \
	plugins/file/file.h \
	plugins/file/open.c \
	plugins/file/data.c \
	plugins/file/holes.c plugins/file/lend.c \
	plugins/file/evict.c
nbdsrv_file_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_memory_plugin_la_SOURCES = \
	plugins/memory/memory.c \
	plugins/memory/arena.c \
	plugins/memory/arena.h \
	plugins/memory/bytes.h \
	plugins/memory/chunk.h \
	plugins/memory/flat.c \
	plugins/memory/flat.h \
	plugins/memory/store.c \
	plugins/memory/store.h \
	plugins/memory/store-look.c \
	plugins/memory/tree.c \
	plugins/memory/tree.h
nbdsrv_memory_plugin_la_LDFLAGS = $(module_ldflags)
nbdsrv_null_plugin_la_SOURCES = plugins/null/null.c
nbdsrv_null_plugin_la_LDFLAGS = $(module_ldflags)
