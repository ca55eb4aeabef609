# SPDX-License-Identifier: MIT
#
# The command ttn-check. All but main() is a library, which tests link.
bin_PROGRAMS = src/ttn-check
src_ttn_check_SOURCES = \
	%D%/main.c
src_ttn_check_LDADD = src/libcheck.la
src_libcheck_la_SOURCES = \
	%D%/check.c \
	%D%/check.h \
	%D%/config_block.c \
	%D%/diagnose.c \
	%D%/json_output.c \
	%D%/key_input.c \
	%D%/messages.c \
	%D%/options.c \
	%D%/snapshot.c \
	%D%/table.c \
	%D%/terminal.c \
	%D%/text.c
src_libcheck_la_LIBADD = src/libttn.la
