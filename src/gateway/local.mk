# SPDX-License-Identifier: MIT
src_libttn_la_SOURCES += \
	%D%/counter_sets.c \
	%D%/counter_sets.h \
	%D%/counters.c \
	%D%/counters.h \
	%D%/gateway.c \
	%D%/gateway.h \
	%D%/live.c \
	%D%/live.h \
	%D%/radio.c \
	%D%/radio.h \
	%D%/state_file.c \
	%D%/state_file.h \
	%D%/state_format.h \
	%D%/state_shards.c \
	%D%/state_shards.h \
	%D%/state_writer.c
