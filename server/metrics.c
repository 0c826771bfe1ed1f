/* SPDX-License-Identifier: Apache-2.0 */
/* metrics - named counters and gauges of the whole process
 *
 * Openfire: ServerTrafficCounter (bytes), StatisticsManager (the named rest). Openfire keeps them with the
 * plugin that draws its graphs; here they are plain numbers which anybody may read at any time.
 *
 * There is nothing to do but to have them: metrics_add and metrics_get are macros on relaxed atomics, since
 * a counter orders nothing. They start at zero with the process and are never reset, as those who scrape
 * counters expect. All threads enter; nothing is freed.
 */
#include "server/metrics.h"

struct metrics metrics;
