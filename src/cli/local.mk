# SPDX-License-Identifier: MIT
#
# The command ttn-check. All but main() is a library, which tests link.
bin_PROGRAMS = src/ttn-check
src_ttn_check_SOURCES = \
	%D%/main.c
src_ttn_check_LDADD = src/libcheck.la
src_libcheck_la_SOURCES = \
	%D%/answer_log.c \
	%D%/answer_log.h \
	%D%/answer_shape.c \
	%D%/answer_shape.h \
	%D%/config_block.c \
	%D%/config_block.h \
	%D%/cost.c \
	%D%/cost.h \
	%D%/diagnose.c \
	%D%/diagnose.h \
	%D%/disguise.c \
	%D%/disguise.h \
	%D%/event_words.c \
	%D%/event_words.h \
	%D%/follow.c \
	%D%/follow.h \
	%D%/json_output.c \
	%D%/json_output.h \
	%D%/key_input.c \
	%D%/key_input.h \
	%D%/lateness.c \
	%D%/lateness.h \
	%D%/messages.c \
	%D%/messages.h \
	%D%/option_list.c \
	%D%/option_list.h \
	%D%/options.c \
	%D%/options.h \
	%D%/report.c \
	%D%/report.h \
	%D%/report_file.c \
	%D%/report_file.h \
	%D%/run.c \
	%D%/run.h \
	%D%/snapshot.c \
	%D%/snapshot.h \
	%D%/table.c \
	%D%/table.h \
	%D%/terminal.c \
	%D%/terminal.h \
	%D%/text.c \
	%D%/text.h \
	%D%/versions.c \
	%D%/versions.h
src_libcheck_la_LIBADD = src/libttn.la
