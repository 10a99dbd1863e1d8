# SPDX-License-Identifier: BSD-3-Clause
# A filter is a line in filter_LTLIBRARIES and two that name its sources and flags.
filter_ldflags = $(AM_LDFLAGS) -module -avoid-version -shared
filter_script = filters/common/script.c filters/common/script.h \
	filters/common/environment.c filters/common/environment.h

filter_call = filters/common/call.c filters/common/call.h filters/common/extents.h
filter_compare = filters/common/compare.c filters/common/compare.h
filter_blocks = \
	filters/common/disks.c filters/common/disks.h \
	filters/common/blocks.c filters/common/blocks.h filters/common/extents.h \
	filters/common/rangelock.c filters/common/rangelock.h \
	filters/common/statemap.c filters/common/statemap.h \
	filters/common/tempfile.c filters/common/tempfile.h \
	filters/common/toggle.h filters/common/pass.h

filter_LTLIBRARIES += \
	nbdsrv-blocksize-filter.la \
	nbdsrv-blocksize-policy-filter.la \
	nbdsrv-cache-filter.la \
	nbdsrv-cacheextents-filter.la \
	nbdsrv-checkwrite-filter.la \
	nbdsrv-count-filter.la \
	nbdsrv-cow-filter.la \
	nbdsrv-ddrescue-filter.la \
	nbdsrv-delay-filter.la \
	nbdsrv-error-filter.la \
	nbdsrv-evil-filter.la \
	nbdsrv-exitlast-filter.la \
	nbdsrv-exitwhen-filter.la \
	nbdsrv-exportname-filter.la \
	nbdsrv-extentlist-filter.la \
	nbdsrv-fua-filter.la \
	nbdsrv-ip-filter.la \
	nbdsrv-limit-filter.la \
	nbdsrv-log-filter.la \
	nbdsrv-multi-conn-filter.la \
	nbdsrv-nocache-filter.la \
	nbdsrv-noextents-filter.la \
	nbdsrv-nofilter-filter.la \
	nbdsrv-noparallel-filter.la \
	nbdsrv-nozero-filter.la \
	nbdsrv-offset-filter.la \
	nbdsrv-openonce-filter.la \
	nbdsrv-partition-filter.la \
	nbdsrv-pause-filter.la \
	nbdsrv-protect-filter.la \
	nbdsrv-rate-filter.la \
	nbdsrv-readahead-filter.la \
	nbdsrv-readonly-filter.la \
	nbdsrv-retry-filter.la \
	nbdsrv-retry-request-filter.la \
	nbdsrv-rotational-filter.la \
	nbdsrv-scan-filter.la \
	nbdsrv-spinning-filter.la \
	nbdsrv-stats-filter.la \
	nbdsrv-swab-filter.la \
	nbdsrv-tar-filter.la \
	nbdsrv-time-limit-filter.la \
	nbdsrv-tls-fallback-filter.la \
	nbdsrv-truncate-filter.la

nbdsrv_blocksize_filter_la_SOURCES = filters/blocksize/blocksize.c \
	filters/blocksize/pieces.h filters/common/rangelock.c filters/common/rangelock.h filters/common/pass.h filters/common/extents.h
nbdsrv_blocksize_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_blocksize_policy_filter_la_SOURCES = filters/blocksize-policy/blocksize-policy.c \
	filters/common/pass.h
nbdsrv_blocksize_policy_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_cache_filter_la_SOURCES = filters/cache/cache.c filters/cache/cache.h \
	filters/cache/writeback.c filters/cache/reclaim.c $(filter_blocks)
nbdsrv_cache_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_cacheextents_filter_la_SOURCES = filters/cacheextents/cacheextents.c \
	filters/common/pass.h
nbdsrv_cacheextents_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_checkwrite_filter_la_SOURCES = filters/checkwrite/checkwrite.c \
	$(filter_compare) filters/common/pass.h
nbdsrv_checkwrite_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_count_filter_la_SOURCES = filters/count/count.c
nbdsrv_count_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_cow_filter_la_SOURCES = filters/cow/cow.c $(filter_blocks)
nbdsrv_cow_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_ddrescue_filter_la_SOURCES = filters/ddrescue/ddrescue.c \
	filters/ddrescue/map.c filters/ddrescue/map.h \
	filters/common/extents.h filters/common/pass.h
nbdsrv_ddrescue_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_delay_filter_la_SOURCES = filters/delay/delay.c filters/common/pass.h
nbdsrv_delay_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_error_filter_la_SOURCES = filters/error/error.c filters/common/errname.h \
	filters/common/path.h
nbdsrv_error_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_evil_filter_la_SOURCES = filters/evil/evil.c filters/evil/bits.c \
	filters/evil/bits.h filters/common/pass.h $(plugin_prng)
nbdsrv_evil_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_evil_filter_la_LIBADD = -lm
nbdsrv_exitlast_filter_la_SOURCES = filters/exitlast/exitlast.c
nbdsrv_exitlast_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_exitwhen_filter_la_SOURCES = filters/exitwhen/exitwhen.c \
	filters/exitwhen/events.c filters/exitwhen/events.h \
	filters/common/path.h $(filter_script)
nbdsrv_exitwhen_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_exportname_filter_la_SOURCES = filters/exportname/exportname.c $(filter_script)
nbdsrv_exportname_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_extentlist_filter_la_SOURCES = filters/extentlist/extentlist.c \
	filters/extentlist/list.c filters/extentlist/list.h
nbdsrv_extentlist_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_fua_filter_la_SOURCES = filters/fua/fua.c filters/common/pass.h
nbdsrv_fua_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_ip_filter_la_SOURCES = filters/ip/ip.c filters/ip/rules.c filters/ip/rules.h \
	server/address.c server/address.h server/dn.c server/dn.h
nbdsrv_ip_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_limit_filter_la_SOURCES = filters/limit/limit.c
nbdsrv_limit_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_log_filter_la_SOURCES = filters/log/log.c filters/log/entry.c filters/log/log.h \
	filters/common/errname.h $(filter_script)
nbdsrv_log_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_multi_conn_filter_la_SOURCES = filters/multi-conn/multi-conn.c filters/common/pass.h
nbdsrv_multi_conn_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_nocache_filter_la_SOURCES = filters/nocache/nocache.c filters/common/pass.h
nbdsrv_nocache_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_noextents_filter_la_SOURCES = filters/noextents/noextents.c
nbdsrv_noextents_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_nofilter_filter_la_SOURCES = filters/nofilter/nofilter.c
nbdsrv_nofilter_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_noparallel_filter_la_SOURCES = filters/noparallel/noparallel.c
nbdsrv_noparallel_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_nozero_filter_la_SOURCES = filters/nozero/nozero.c filters/common/pass.h
nbdsrv_nozero_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_offset_filter_la_SOURCES = filters/offset/offset.c filters/common/window.h \
	filters/common/extents.h filters/common/pass.h
nbdsrv_offset_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_openonce_filter_la_SOURCES = filters/openonce/openonce.c \
	$(filter_call) filters/common/pass.h
nbdsrv_openonce_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_partition_filter_la_SOURCES = filters/partition/partition.c \
	filters/partition/table.c filters/partition/table.h filters/partition/format.h filters/common/window.h \
	filters/common/extents.h filters/common/pass.h
nbdsrv_partition_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_pause_filter_la_SOURCES = filters/pause/pause.c $(filter_call) filters/common/pass.h
nbdsrv_pause_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_protect_filter_la_SOURCES = filters/protect/protect.c \
	$(filter_compare) filters/common/pass.h
nbdsrv_protect_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_rate_filter_la_SOURCES = filters/rate/rate.c filters/rate/bucket.c \
	filters/rate/bucket.h filters/common/clock.h filters/common/pass.h
nbdsrv_rate_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_readahead_filter_la_SOURCES = filters/readahead/readahead.c filters/common/pass.h
nbdsrv_readahead_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_readonly_filter_la_SOURCES = filters/readonly/readonly.c
nbdsrv_readonly_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_retry_filter_la_SOURCES = filters/retry/retry.c filters/retry/client.c \
	filters/retry/client.h $(filter_call)
nbdsrv_retry_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_retry_request_filter_la_SOURCES = filters/retry-request/retry-request.c \
	$(filter_call) filters/common/pass.h
nbdsrv_retry_request_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_rotational_filter_la_SOURCES = filters/rotational/rotational.c
nbdsrv_rotational_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_scan_filter_la_SOURCES = filters/scan/scan.c filters/common/pass.h
nbdsrv_scan_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_spinning_filter_la_SOURCES = filters/spinning/spinning.c $(filter_call) \
	filters/common/clock.h filters/common/pass.h
nbdsrv_spinning_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_stats_filter_la_SOURCES = filters/stats/stats.c \
	filters/stats/counter.c \
	filters/stats/counter.h filters/common/clock.h
nbdsrv_stats_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_swab_filter_la_SOURCES = filters/swab/swab.c filters/common/pass.h
nbdsrv_swab_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_tar_filter_la_SOURCES = filters/tar/tar.c filters/tar/find.c \
	filters/tar/find.h filters/tar/header.c filters/tar/header.h \
	filters/common/window.h filters/common/extents.h filters/common/pass.h
nbdsrv_tar_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_time_limit_filter_la_SOURCES = filters/time-limit/time-limit.c \
	filters/common/clock.h filters/common/pass.h
nbdsrv_time_limit_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_tls_fallback_filter_la_SOURCES = filters/tls-fallback/tls-fallback.c
nbdsrv_tls_fallback_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_truncate_filter_la_SOURCES = filters/truncate/truncate.c filters/common/pass.h \
	filters/common/extents.h
nbdsrv_truncate_filter_la_LDFLAGS = $(filter_ldflags)

# Those that need a library.
filter_shared = filters/common/shared.c filters/common/shared.h \
	filters/common/fingerprint.h filters/common/pass.h
filter_unpack = filters/common/unpack.c filters/common/unpack.h \
	filters/common/unpack-stream.c filters/common/unpack-stream.h \
	filters/common/tempfile.c filters/common/tempfile.h $(filter_shared)
if HAVE_ZLIB
filter_LTLIBRARIES += nbdsrv-gzip-filter.la
nbdsrv_gzip_filter_la_SOURCES = filters/gzip/gzip.c $(filter_unpack)
nbdsrv_gzip_filter_la_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS)
nbdsrv_gzip_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_gzip_filter_la_LIBADD = $(ZLIB_LIBS)
endif
if HAVE_BZIP2
filter_LTLIBRARIES += nbdsrv-bzip2-filter.la
nbdsrv_bzip2_filter_la_SOURCES = filters/bzip2/bzip2.c $(filter_unpack)
nbdsrv_bzip2_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_bzip2_filter_la_LIBADD = -lbz2
endif
if HAVE_EXT2FS
filter_LTLIBRARIES += nbdsrv-ext2-filter.la
nbdsrv_ext2_filter_la_SOURCES = filters/ext2/ext2.c filters/ext2/io.c filters/ext2/io.h \
	filters/common/pass.h
nbdsrv_ext2_filter_la_CFLAGS = $(AM_CFLAGS) $(EXT2FS_CFLAGS)
nbdsrv_ext2_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_ext2_filter_la_LIBADD = $(EXT2FS_LIBS)
endif
if HAVE_LUKS
filter_LTLIBRARIES += nbdsrv-luks-filter.la
nbdsrv_luks_filter_la_SOURCES = filters/luks/luks.c \
	filters/luks/crypt.c filters/luks/crypt.h filters/luks/header.c filters/luks/header.h \
	filters/luks/unlock.c filters/luks/unlock.h filters/common/pass.h
nbdsrv_luks_filter_la_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS)
nbdsrv_luks_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_luks_filter_la_LIBADD = $(GNUTLS_LIBS)
endif
if HAVE_LIBLZMA
filter_LTLIBRARIES += nbdsrv-xz-filter.la
nbdsrv_xz_filter_la_SOURCES = filters/xz/xz.c filters/xz/cache.c filters/xz/cache.h \
	filters/xz/file.c filters/xz/file.h $(filter_shared)
nbdsrv_xz_filter_la_CFLAGS = $(AM_CFLAGS) $(LIBLZMA_CFLAGS)
nbdsrv_xz_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_xz_filter_la_LIBADD = $(LIBLZMA_LIBS)
endif
