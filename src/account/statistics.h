/* SPDX-License-Identifier: MIT */
/* What follows from an answer with statistics, of a batch or a single GET: its
 * entries are applied, gateways that the host lacks are looked up, and refused
 * ones are searched for. */
#ifndef TTN_STATISTICS_H
#define TTN_STATISTICS_H

#include "account/request.h"
#include "account/response.h"

struct ttn_account;

/* Does what the verdict makes necessary. False: entries are left for
 * statistics_more, because the poll is spread. */
bool statistics_verdict(struct ttn_account *a, struct request *request,
                        enum verdict verdict, enum ttn_failure failure,
                        const char *reason);
/* Takes the next entries of an answer. False: some are left. */
bool statistics_more(struct ttn_account *a, struct request *request);

/* Of a batch whose answer has no entry: gateways that were connected there. */
size_t statistics_lost(const struct ttn_account *a,
                       const struct request *request);
/* The batch is sent again. tried: this was an attempt. */
void statistics_retry(struct ttn_account *a, const struct request *request,
                      bool tried);
/* Its host refused the batch: the refused gateways have to be found. gone: it
 * says that there is no such gateway, which it does to an admin. */
void statistics_refuse(struct ttn_account *a, const struct batch *batch,
                       bool gone);

#endif
