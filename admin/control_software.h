/* control_software - the command that asks a domain what software its server runs
 *
 * Openfire: SoftwareServerVersionManager, which asks each server as soon as there is a session with it. DIFFERS: nobody is asked unless
 * an operator does it; whom we talk to need not hear what nobody wants to know. A function of a row of admin/control_table.h.
 */
#ifndef ADMIN_CONTROL_SOFTWARE_H
#define ADMIN_CONTROL_SOFTWARE_H

struct control_call;

/* control_software - {"domain","name","version","os": each null if it was not said,"took_ms"}; kept by admin/remote_software.h. Blocks
 * until the answer, at most 10 s; not when the server ends. */
void control_software(struct control_call *call);

#endif
