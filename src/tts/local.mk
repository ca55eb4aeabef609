# SPDX-License-Identifier: MIT
src_libttn_la_SOURCES += \
	%D%/api_key.c \
	%D%/api_key.h \
	%D%/decode.c \
	%D%/decode.h \
	%D%/decode_auth_info.c \
	%D%/decode_body.h \
	%D%/decode_error.c \
	%D%/decode_event.c \
	%D%/decode_gateways.c \
	%D%/decode_stats.c \
	%D%/decode_traffic.c \
	%D%/endpoint.c \
	%D%/endpoint.h \
	%D%/ids.c \
	%D%/ids.h \
	%D%/key_errors.c \
	%D%/key_errors.h \
	%D%/records.h \
	%D%/request.c \
	%D%/request.h \
	%D%/stats_fields.c \
	%D%/stats_fields.h
