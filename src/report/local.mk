# SPDX-License-Identifier: MIT
src_libttn_la_SOURCES += \
	%D%/api_stats.c \
	%D%/api_stats.h \
	%D%/field_mask.c \
	%D%/field_mask.h \
	%D%/groups.h \
	%D%/notifications.c \
	%D%/notifications.h \
	%D%/notifier.c \
	%D%/notifier.h \
	%D%/series.c \
	%D%/series.h \
	%D%/sink.c \
	%D%/sink.h \
	%D%/values.c \
	%D%/values.h
