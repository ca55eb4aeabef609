# SPDX-License-Identifier: MIT
src_libttn_la_SOURCES += \
	%D%/episode.c \
	%D%/episode.h \
	%D%/env.c \
	%D%/env.h \
	%D%/timestamp.c
