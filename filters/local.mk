# SPDX-License-Identifier: BSD-3-Clause
# A filter is a line in filter_LTLIBRARIES and two that name its sources and flags.
filter_ldflags = $(AM_LDFLAGS) -module -avoid-version -shared
filter_script = filters/common/script.c filters/common/script.h

filter_blocks = \
	filters/common/disks.c filters/common/disks.h \
	filters/common/blocks.c filters/common/blocks.h \
	filters/common/rangelock.c filters/common/rangelock.h \
	filters/common/statemap.c filters/common/statemap.h \
	filters/common/toggle.h

filter_LTLIBRARIES += \
	nbdsrv-cache-filter.la \
	nbdsrv-cow-filter.la \
	nbdsrv-delay-filter.la \
	nbdsrv-error-filter.la \
	nbdsrv-exportname-filter.la \
	nbdsrv-log-filter.la \
	nbdsrv-offset-filter.la \
	nbdsrv-partition-filter.la \
	nbdsrv-rate-filter.la \
	nbdsrv-readonly-filter.la \
	nbdsrv-retry-filter.la

nbdsrv_delay_filter_la_SOURCES = filters/delay/delay.c
nbdsrv_delay_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_error_filter_la_SOURCES = filters/error/error.c filters/common/errname.h
nbdsrv_error_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_log_filter_la_SOURCES = filters/log/log.c filters/log/entry.c filters/log/log.h \
	filters/common/errname.h $(filter_script)
nbdsrv_log_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_offset_filter_la_SOURCES = filters/offset/offset.c filters/common/window.h
nbdsrv_offset_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_partition_filter_la_SOURCES = filters/partition/partition.c \
	filters/partition/table.c filters/partition/table.h filters/common/window.h
nbdsrv_partition_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_readonly_filter_la_SOURCES = filters/readonly/readonly.c
nbdsrv_readonly_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_exportname_filter_la_SOURCES = filters/exportname/exportname.c $(filter_script)
nbdsrv_exportname_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_rate_filter_la_SOURCES = filters/rate/rate.c filters/rate/bucket.c filters/rate/bucket.h
nbdsrv_rate_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_retry_filter_la_SOURCES = filters/retry/retry.c filters/retry/client.c \
	filters/retry/client.h
nbdsrv_retry_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_cow_filter_la_SOURCES = filters/cow/cow.c $(filter_blocks)
nbdsrv_cow_filter_la_LDFLAGS = $(filter_ldflags)
nbdsrv_cache_filter_la_SOURCES = filters/cache/cache.c filters/cache/cache.h \
	filters/cache/writeback.c filters/cache/reclaim.c $(filter_blocks)
nbdsrv_cache_filter_la_LDFLAGS = $(filter_ldflags)
