# SPDX-License-Identifier: MIT
#
# The library has all but the two faces: collectd's and the command's. Each
# folder adds its files to a list that begins here.
noinst_LTLIBRARIES = \
	%D%/libcheck.la \
	%D%/libttn.la
src_libttn_la_SOURCES =
src_libttn_la_LIBADD = $(CURL_LIBS) $(YAJL_LIBS) -lm

include src/base/local.mk
include src/json/local.mk
include src/http/local.mk
include src/tts/local.mk
include src/gateway/local.mk
include src/report/local.mk
include src/events/local.mk
include src/config/local.mk
include src/account/local.mk
include src/collectd/local.mk
include src/cli/local.mk
