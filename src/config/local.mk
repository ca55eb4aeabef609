# SPDX-License-Identifier: MIT
src_libttn_la_SOURCES += \
	%D%/accounts.c \
	%D%/filter.c \
	%D%/filter.h \
	%D%/option_table.c \
	%D%/option_table.h \
	%D%/options.c \
	%D%/settings.h
