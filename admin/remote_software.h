/* remote_software - what software remote domains run, as far as they were asked
 *
 * Openfire: what its sessions hold for server-session-details.jsp. What was heard when an operator asked (admin/control_software.h) is
 * kept by the domain, for sessions to come as well. Bounded: of REMOTE_SOFTWARE_MAX domains, the one heard longest ago makes place.
 * One mutex, a leaf; any thread.
 */
#ifndef ADMIN_REMOTE_SOFTWARE_H
#define ADMIN_REMOTE_SOFTWARE_H

#include <jansson.h>

#include "session/iq_router.h"

#define REMOTE_SOFTWARE_MAX 256

/* remote_software_learned - the domain (prepared) said this just now; both are copied */
void remote_software_learned(const char *domain, const struct iq_router_software *software);
/* remote_software_tell - {"name","version","os": each null if it was not said,"when": it was}; JSON's null: nothing is known of that
 * domain (prepared; NULL: none). A new reference. */
json_t *remote_software_tell(const char *domain);
/* remote_software_stop - the end of the program: forget all */
void remote_software_stop(void);

#endif
