/* SPDX-License-Identifier: Apache-2.0 */
/* names - the DNS of a run: everything below load.test has the load's address
 *
 * Other types of names there are answered with nothing, names with an underscore (SRV, TLSA) and all others as not
 * existing. So the targets fall back to the domain itself and port 5269.
 */
#ifndef TEST_BENCH_NAMES_H
#define TEST_BENCH_NAMES_H

#include <netinet/in.h>

/* names_listen - answers at this address from now on, as part of conn_round */
void names_listen(const struct sockaddr_in *address, struct in_addr answer);

#endif
