# SPDX-License-Identifier: BSD-3-Clause
# The server.  The sources stand in the order in which a request meets them.
bin_PROGRAMS += server/nbdsrv

# Without transport.c, which a fuzz target has a stand-in for.
server_parts = \
	server/options.c server/options-check.c server/options.h \
	server/help.c server/help.h \
	server/dump.c \
	server/params.c server/params.h \
	server/parse.c server/parse.h \
	server/log.c server/log.h \
	server/loader.c server/loader.h \
	server/crash.c server/crash.h \
	server/daemon.c server/daemon.h \
	server/run.c server/run.h \
	server/server.c server/server.h \
	server/listen.c server/uri.c server/accept.c server/listen.h \
	server/connection.c server/connection.h \
	server/transport.h \
	server/tls-mode.c server/tls.h \
	server/handshake.c server/handshake.h \
	server/access.c server/access.h \
	server/access-file.c \
	server/access-parse.c server/access-rules.h \
	server/access-value.c server/access-value.h \
	server/access-word.c server/access-word.h \
	server/access-match.c \
	server/access-check.c \
	server/address.c server/address.h \
	server/dn.c server/dn.h \
	server/glob.c server/glob.h \
	server/option.c server/option.h \
	server/option-data.c server/option-data.h \
	server/metacontext.c \
	server/open.c \
	server/export.c server/export.h \
	server/request.c server/request.h \
	server/check.c \
	server/dispatch.c server/dispatch.h \
	server/workers.c server/workers.h \
	server/execute.c \
	server/layer.c server/layer.h \
	server/layer-call.c \
	server/emulate.c server/emulate.h \
	server/extents.c server/extents.h \
	server/reply.c server/reply.h \
	server/send.c \
	server/utf8.c server/utf8.h \
	server/nbdkit.c server/nbdkit.h server/nbdkit-abi.h \
	server/nbdkit-dump.c \
	server/nbdkit-handle.c \
	server/nbdkit-data.c \
	server/nbdkit-functions.c server/nbdkit-public.h \
	server/nbdkit-context.c \
	server/protocol.h server/wire.h server/clock.h
server_sources = $(server_parts) server/transport.c
tls_sources = \
	server/tls.c server/tls-session.h \
	server/tls-credentials.c \
	server/tls-psk.c \
	server/tls-handshake.c \
	server/tls-peer.c \
	server/tls-receive.c \
	server/tls-send.c
if HAVE_GNUTLS
server_sources += $(tls_sources)
else
server_sources += server/tls-none.c
EXTRA_DIST += $(tls_sources)
endif

server_nbdsrv_SOURCES = server/main.c $(server_sources)
server_nbdsrv_CPPFLAGS = \
	$(AM_CPPFLAGS) \
	-DPLUGINDIR='"$(plugindir)"' -DFILTERDIR='"$(filterdir)"' \
	-DNBDKIT_PLUGINDIR='"$(nbdkit_plugindir)"' \
	-DBINDIR='"$(bindir)"' -DSBINDIR='"$(sbindir)"' -DLIBDIR='"$(libdir)"' \
	-DMANDIR='"$(mandir)"' -DSYSCONFDIR='"$(sysconfdir)"' \
	-DHOST_CPU='"$(host_cpu)"' -DHOST_OS='"$(host_os)"'
server_nbdsrv_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS) -pthread
server_nbdsrv_LDADD = $(GNUTLS_LIBS)
# Plugins find the server's functions in the program.
server_nbdsrv_LDFLAGS = $(AM_LDFLAGS) -pthread -rdynamic
