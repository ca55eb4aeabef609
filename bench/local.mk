# SPDX-License-Identifier: MIT
#
# The benchmark. It is built with the tests, so that it keeps working; its test
# asserts counts, which are exact, and no times.
bench_programs = \
	%D%/bench-events \
	%D%/bench-poll \
	%D%/bench-server
bench_modules = \
	%D%/bench.la
%C%_bench_events_SOURCES = \
	%D%/answers.h \
	%D%/events.c \
	%D%/floor.c \
	%D%/floor.h \
	%D%/floor_events.c \
	%D%/floor_events.h \
	%D%/library.c \
	%D%/library.h
%C%_bench_events_LDADD = src/libttn.la
%C%_bench_poll_SOURCES = \
	%D%/answers.h \
	%D%/floor.c \
	%D%/floor.h \
	%D%/library.c \
	%D%/library.h \
	%D%/poll.c
%C%_bench_poll_LDADD = src/libttn.la
%C%_bench_server_SOURCES = \
	%D%/answers.c \
	%D%/answers.h \
	%D%/feed.c \
	%D%/feed.h \
	%D%/server.c \
	%D%/text.c \
	%D%/text.h
%C%_bench_server_CFLAGS = $(AM_CFLAGS) $(BENCH_CFLAGS)
%C%_bench_server_LDADD = $(BENCH_LIBS)
%C%_bench_la_SOURCES = \
	%D%/answers.h \
	%D%/floor.c \
	%D%/floor.h \
	%D%/module.c
%C%_bench_la_CPPFLAGS = $(AM_CPPFLAGS) $(COLLECTD_CPPFLAGS)
%C%_bench_la_LIBADD = src/libttn.la
# Nothing is installed there: without -rpath libtool makes no shared object.
%C%_bench_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-rpath /nowhere -export-symbols-regex '^module_register$$'

if HAVE_BENCH
check_PROGRAMS += $(bench_programs)
check_LTLIBRARIES = $(bench_modules)
else
left_out += %D%/test_bench.py
endif
EXTRA_DIST += \
	%D%/README.md \
	%D%/bench.py \
	%D%/test_bench.py \
	%D%/shards.py \
	%D%/small.py \
	%D%/traffic.py \
	%D%/writers.py
