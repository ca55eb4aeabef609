# SPDX-License-Identifier: MIT
src_libttn_la_SOURCES += \
	%D%/env.c \
	%D%/env.h \
	%D%/episode.c \
	%D%/episode.h \
	%D%/failure.c \
	%D%/failure.h \
	%D%/hash.c \
	%D%/hash.h \
	%D%/mount.c \
	%D%/mount.h \
	%D%/secret.c \
	%D%/secret.h \
	%D%/secret_file.c \
	%D%/secret_file.h \
	%D%/text.c \
	%D%/text.h \
	%D%/timestamp.c \
	%D%/timestamp.h \
	%D%/utf8.c \
	%D%/utf8.h
