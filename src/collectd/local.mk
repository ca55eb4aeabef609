# SPDX-License-Identifier: MIT
#
# The module. collectd loads src/.libs/ttn.so; its own functions come from the
# executable, hence no -no-undefined. Once loaded it stays (nodelete): libcurl calls
# the functions of http/allocator.c until the process ends, also for other plugins.
plugin_LTLIBRARIES = src/ttn.la
src_ttn_la_SOURCES = \
	%D%/plugin.c
src_ttn_la_CPPFLAGS = $(AM_CPPFLAGS) $(COLLECTD_CPPFLAGS)
src_ttn_la_LIBADD = src/libttn.la
src_ttn_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-export-symbols-regex '^module_register$$' -Wl,-z,nodelete

# libtool's .la is of no use to collectd; without it uninstall needs help.
install-data-hook:
	rm -f '$(DESTDIR)$(plugindir)/ttn.la'
uninstall-local:
	rm -f '$(DESTDIR)$(plugindir)/ttn.so'
