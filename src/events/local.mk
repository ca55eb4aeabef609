# SPDX-License-Identifier: MIT
src_libttn_la_SOURCES += \
	%D%/lines.c \
	%D%/lines.h \
	%D%/seen.c \
	%D%/seen.h \
	%D%/stream.c \
	%D%/stream.h
