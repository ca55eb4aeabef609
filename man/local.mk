# SPDX-License-Identifier: MIT
#
# Manual pages. The date is configure.ac's, so that two builds make the same.
dist_man_MANS = \
	%D%/collectd-ttn-messages.7 \
	%D%/collectd-ttn.5 \
	%D%/ttn-check.1
EXTRA_DIST += \
	%D%/collectd-ttn-messages.pod \
	%D%/collectd-ttn.pod \
	%D%/ttn-check.pod
MAINTAINERCLEANFILES = $(dist_man_MANS)
make_page = $(MKDIR_P) %D% && $(POD2MAN) --utf8 --errors=die \
	--center=collectd --release='$(PACKAGE_STRING)' --date='$(PAGE_DATE)'
.pod.1:
	$(AM_V_GEN)$(make_page) --section=1 $< >$@.part && mv -f $@.part $@
.pod.5:
	$(AM_V_GEN)$(make_page) --section=5 $< >$@.part && mv -f $@.part $@
.pod.7:
	$(AM_V_GEN)$(make_page) --section=7 $< >$@.part && mv -f $@.part $@
