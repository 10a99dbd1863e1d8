# SPDX-License-Identifier: BSD-3-Clause
# A filter is a line in filter_LTLIBRARIES and one that names its sources.
filter_ldflags = $(AM_LDFLAGS) -module -avoid-version -shared -rpath $(filterdir)
