# SPDX-License-Identifier: MIT
src_libttn_la_SOURCES += \
	%D%/env.c \
	%D%/env.h \
	%D%/timestamp.c
