/* SPDX-License-Identifier: MIT */
/* Memory of libcurl's: wiped when it is given back, because requests are put
 * together in it, with the key in their headers. Knows nothing of requests.
 *
 * libcurl has one allocator for the whole process, that of the first one that
 * initialises it first; if another plugin was faster, its memory is not wiped,
 * and nothing else changes. Debian's own plugins use libcurl-gnutls, which is
 * another library. What comes from here is malloc's own memory without anything
 * around it, so that who frees a text of libcurl's with free(3) may do so.
 *
 * Where libc has no malloc_usable_size, nobody knows how much there is to wipe,
 * and libcurl's memory stays as it is.
 *
 * Trap: realloc(3) may leave a copy behind where the block was. */
#include "http/http.h"
#include "base/secret.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_MALLOC_USABLE_SIZE
#include <malloc.h>

static void wipe_and_free(void *p) {
  if (p == NULL)
    return;
  ttn_secret_wipe(p, malloc_usable_size(p));
  free(p);
}

static void *curl_resize(void *p, size_t size) {
  size_t room = p != NULL ? malloc_usable_size(p) : 0;
  if (size <= room && size > room / 2)
    return p;
  void *moved = malloc(size);
  if (moved == NULL)
    return NULL;
  if (p != NULL)
    memcpy(moved, p, size < room ? size : room);
  wipe_and_free(p);
  return moved;
}

#endif

/* Never undone: curl_global_cleanup must not run while any other thread of the
 * process uses libcurl, and other plugins do until collectd is gone; nor while
 * a resolver's thread that QUICK_EXIT left behind still runs. What it would
 * give back is one allocation for the whole process. */
bool ttn_http_global_init(void) {
#ifdef HAVE_MALLOC_USABLE_SIZE
  return curl_global_init_mem(CURL_GLOBAL_ALL, malloc, wipe_and_free,
                              curl_resize, strdup, calloc) == CURLE_OK;
#else
  return curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK;
#endif
}
