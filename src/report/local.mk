# SPDX-License-Identifier: MIT
src_libttn_la_SOURCES += \
	%D%/notifications.c \
	%D%/report.h \
	%D%/values.c
