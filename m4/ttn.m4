# SPDX-License-Identifier: MIT

# TTN_TRY_FLAG(variable, flag): appends flag to variable if the compiler
# compiles and links with it, without a warning. A C library header is
# included because it is what objects to a _FORTIFY_SOURCE it can't honour.
AC_DEFUN([TTN_TRY_FLAG], [
  AS_VAR_PUSHDEF([ttn_cache], [ttn_cv_flag_$2])
  AC_CACHE_CHECK([whether $CC takes $2], [ttn_cache], [
    ttn_saved=$CFLAGS
    CFLAGS="$CFLAGS -Werror $2"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <stdio.h>]],
                                    [[return puts("") < 0;]])],
                   [AS_VAR_SET([ttn_cache], [yes])],
                   [AS_VAR_SET([ttn_cache], [no])])
    CFLAGS=$ttn_saved
  ])
  AS_VAR_IF([ttn_cache], [yes], [AS_VAR_APPEND([$1], [" $2"])])
  AS_VAR_POPDEF([ttn_cache])
])

# TTN_MISSING(what, Debian package): remembers what configure will name in one
# error at its end, so that nobody installs packages one by one.
AC_DEFUN([TTN_MISSING], [
  AS_VAR_APPEND([ttn_missing], ["
  $1 (Debian package: $2)"])
  AS_VAR_APPEND([ttn_packages], [" $2"])
])

# TTN_TIME_64: sets TIME_CPPFLAGS to what gives time_t 64 bits, so that times
# after January 2038 are right on 32-bit systems, too. Autoconf 2.71 has no
# AC_SYS_YEAR2038. No struct that collectd and a plugin share has a time_t.
AC_DEFUN([TTN_TIME_64], [
  AC_CACHE_CHECK([for flags that give time_t 64 bits], [ttn_cv_time_64], [
    ttn_cv_time_64='none found'
    ttn_saved=$CPPFLAGS
    for ttn_flags in '' '-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64'; do
      CPPFLAGS="$ttn_saved $ttn_flags"
      AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <time.h>]],
          [[_Static_assert(sizeof(time_t) >= 8, "");]])],
        [ttn_cv_time_64=${ttn_flags:-none needed}
         break])
    done
    CPPFLAGS=$ttn_saved
  ])
  AS_CASE([$ttn_cv_time_64],
    ['none needed'], [TIME_CPPFLAGS=],
    ['none found'], [AC_MSG_ERROR([time_t has 32 bits here, so times after January 2038 would be wrong. Use a C library that has 64 bits: glibc 2.34, musl 1.2, or later])],
    [TIME_CPPFLAGS=$ttn_cv_time_64])
])

# TTN_CHECK_COLLECTD: an error now, if the headers are not whole (Ubuntu 20.04
# lacks some), or of another major version, whose structs differ.
AC_DEFUN([TTN_CHECK_COLLECTD], [
  AC_MSG_CHECKING([whether these are collectd 5's])
  ttn_saved=$CPPFLAGS
  CPPFLAGS="$CPPFLAGS $COLLECTD_CPPFLAGS -D_GNU_SOURCE"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include "plugin.h"]],
      [[value_list_t list = VALUE_LIST_INIT;
        return plugin_dispatch_values(&list);]])],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([the headers in $ttn_headers can't be used, config.log says why; --with-collectd=DIR names others, of collectd 5.12])])
  CPPFLAGS=$ttn_saved
])
