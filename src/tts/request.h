/* SPDX-License-Identifier: MIT */
#ifndef TTN_REQUEST_H
#define TTN_REQUEST_H

/* Kinds of call, each of which the stack limits apart. */
enum api_call { API_LIST, API_BATCH, API_SINGLE, API_AUTH_INFO, API_CALLS };

#endif
