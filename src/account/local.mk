# SPDX-License-Identifier: MIT
src_libttn_la_SOURCES += \
	%D%/account.c \
	%D%/account.h \
	%D%/apply.c \
	%D%/apply.h \
	%D%/cluster_lookup.c \
	%D%/cluster_lookup.h \
	%D%/context.c \
	%D%/context.h \
	%D%/credentials.c \
	%D%/credentials.h \
	%D%/discovery.c \
	%D%/discovery.h \
	%D%/dispatch.c \
	%D%/gateways.c \
	%D%/gateways.h \
	%D%/hosts.c \
	%D%/hosts.h \
	%D%/internal.h \
	%D%/offsets.c \
	%D%/offsets.h \
	%D%/ownership.c \
	%D%/ownership.h \
	%D%/poll.c \
	%D%/rate_limit.c \
	%D%/rate_limit.h \
	%D%/request.c \
	%D%/request.h \
	%D%/response.c \
	%D%/response.h \
	%D%/runner.c \
	%D%/runner.h \
	%D%/schedule.c \
	%D%/schedule.h \
	%D%/status.c \
	%D%/status.h
