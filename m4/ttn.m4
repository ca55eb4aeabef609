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
