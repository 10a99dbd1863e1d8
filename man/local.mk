# SPDX-License-Identifier: BSD-3-Clause
# Manual pages, written in POD: a page is a line in one of the lists.
man1_pods = \
	man/nbdsrv.pod \
	man/nbdsrv-protocol.pod \
	man/nbdsrv-tls.pod \
	man/nbdsrv-nbdkit.pod \
	man/nbdsrv-eval-plugin.pod \
	man/nbdsrv-data-plugin.pod \
	man/nbdsrv-file-plugin.pod \
	man/nbdsrv-full-plugin.pod \
	man/nbdsrv-info-plugin.pod \
	man/nbdsrv-memory-plugin.pod \
	man/nbdsrv-null-plugin.pod \
	man/nbdsrv-ondemand-plugin.pod \
	man/nbdsrv-ones-plugin.pod \
	man/nbdsrv-partitioning-plugin.pod \
	man/nbdsrv-pattern-plugin.pod \
	man/nbdsrv-random-plugin.pod \
	man/nbdsrv-sh-plugin.pod \
	man/nbdsrv-sparse-random-plugin.pod \
	man/nbdsrv-split-plugin.pod \
	man/nbdsrv-tmpdisk-plugin.pod \
	man/nbdsrv-zero-plugin.pod \
	man/nbdsrv-blocksize-filter.pod \
	man/nbdsrv-blocksize-policy-filter.pod \
	man/nbdsrv-bzip2-filter.pod \
	man/nbdsrv-cache-filter.pod \
	man/nbdsrv-cacheextents-filter.pod \
	man/nbdsrv-checkwrite-filter.pod \
	man/nbdsrv-count-filter.pod \
	man/nbdsrv-cow-filter.pod \
	man/nbdsrv-ddrescue-filter.pod \
	man/nbdsrv-delay-filter.pod \
	man/nbdsrv-error-filter.pod \
	man/nbdsrv-evil-filter.pod \
	man/nbdsrv-exitlast-filter.pod \
	man/nbdsrv-exitwhen-filter.pod \
	man/nbdsrv-exportname-filter.pod \
	man/nbdsrv-ext2-filter.pod \
	man/nbdsrv-extentlist-filter.pod \
	man/nbdsrv-fua-filter.pod \
	man/nbdsrv-gzip-filter.pod \
	man/nbdsrv-ip-filter.pod \
	man/nbdsrv-limit-filter.pod \
	man/nbdsrv-log-filter.pod \
	man/nbdsrv-luks-filter.pod \
	man/nbdsrv-multi-conn-filter.pod \
	man/nbdsrv-nocache-filter.pod \
	man/nbdsrv-noextents-filter.pod \
	man/nbdsrv-nofilter-filter.pod \
	man/nbdsrv-noparallel-filter.pod \
	man/nbdsrv-nozero-filter.pod \
	man/nbdsrv-offset-filter.pod \
	man/nbdsrv-openonce-filter.pod \
	man/nbdsrv-partition-filter.pod \
	man/nbdsrv-pause-filter.pod \
	man/nbdsrv-protect-filter.pod \
	man/nbdsrv-rate-filter.pod \
	man/nbdsrv-readahead-filter.pod \
	man/nbdsrv-readonly-filter.pod \
	man/nbdsrv-retry-filter.pod \
	man/nbdsrv-retry-request-filter.pod \
	man/nbdsrv-rotational-filter.pod \
	man/nbdsrv-scan-filter.pod \
	man/nbdsrv-spinning-filter.pod \
	man/nbdsrv-stats-filter.pod \
	man/nbdsrv-swab-filter.pod \
	man/nbdsrv-tar-filter.pod \
	man/nbdsrv-time-limit-filter.pod \
	man/nbdsrv-tls-fallback-filter.pod \
	man/nbdsrv-truncate-filter.pod \
	man/nbdsrv-xz-filter.pod
man3_pods = man/nbdsrv-filter.pod man/nbdsrv-plugin.pod
man5_pods = man/nbdsrv-access.pod

EXTRA_DIST += $(man1_pods) $(man3_pods) $(man5_pods)

if HAVE_POD2MAN
man_MANS += $(man1_pods:.pod=.1) $(man3_pods:.pod=.3) $(man5_pods:.pod=.5)
CLEANFILES += $(man1_pods:.pod=.1) $(man3_pods:.pod=.3) $(man5_pods:.pod=.5)

pod2man_flags = --utf8 --center "nbdsrv manual" --release "nbdsrv $(PACKAGE_VERSION)"

.pod.1:
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(POD2MAN) $(pod2man_flags) --section 1 --name $(*F) $< $@
.pod.3:
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(POD2MAN) $(pod2man_flags) --section 3 --name $(*F) $< $@
.pod.5:
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(POD2MAN) $(pod2man_flags) --section 5 --name $(*F) $< $@
endif
