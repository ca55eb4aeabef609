# SPDX-License-Identifier: MIT
src_libttn_la_SOURCES += \
	%D%/accounts.c \
	%D%/filter.c \
	%D%/filter.h \
	%D%/options.c \
	%D%/settings.h
