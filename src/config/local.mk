# SPDX-License-Identifier: MIT
src_libttn_la_SOURCES += \
	%D%/accounts.c \
	%D%/filter.c \
	%D%/filter.h \
	%D%/settings.c \
	%D%/settings.h
