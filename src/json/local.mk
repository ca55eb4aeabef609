# SPDX-License-Identifier: MIT
src_libttn_la_SOURCES += \
	%D%/json.c \
	%D%/json.h \
	%D%/value.c
