# SPDX-License-Identifier: MIT
src_libttn_la_SOURCES += \
	%D%/allocator.c \
	%D%/curl_options.c \
	%D%/errors.c \
	%D%/headers.c \
	%D%/headers.h \
	%D%/http.c \
	%D%/http.h \
	%D%/internal.h \
	%D%/net.h \
	%D%/transfer.c
