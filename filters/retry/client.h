/* SPDX-License-Identifier: BSD-3-Clause */
/* A copy of what is known about a client, good for as long as it is kept. */
#ifndef NBDSRV_RETRY_CLIENT_H
#define NBDSRV_RETRY_CLIENT_H

#include <nbdsrv-filter.h>

struct nbdsrv_client *
client_copy(const struct nbdsrv_client *client); /* NULL: ENOMEM */
void client_free(struct nbdsrv_client *client);

#endif
