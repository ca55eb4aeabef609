# SPDX-License-Identifier: MIT
src_libttn_la_SOURCES += \
	%D%/account.c \
	%D%/account.h \
	%D%/discovery.c \
	%D%/hosts.c \
	%D%/internal.h \
	%D%/ownership.c \
	%D%/ownership.h \
	%D%/poll.c \
	%D%/rate_limit.c \
	%D%/rate_limit.h \
	%D%/response.c \
	%D%/schedule.c \
	%D%/status.c \
	%D%/status.h
