/* control_attempts - commands about attempts to talk: those that failed, one more, and the steps of one that lives
 *
 * Openfire: server-session-failure-details.jsp (its step log, and Retry now), server-session-summary.jsp (failed attempts). Functions
 * of rows of admin/control_table.h.
 */
#ifndef ADMIN_CONTROL_ATTEMPTS_H
#define ADMIN_CONTROL_ATTEMPTS_H

struct control_call;

/* control_failures - an array of {"domain","direction","when","first","count","certain","cause","step","side","why","local","peer",
 * "settled": one went well since,"paused": it is left alone for a while}, newest first */
void control_failures(struct control_call *call);
/* control_retry - {"domain","was_paused": null or why}; the attempt begins */
void control_retry(struct control_call *call);
/* control_handshake - {"domain","direction","live","local","peer","when","took_ms","lost","steps": as in explain.h}: what
 * admin/sequence_diagram.h draws */
void control_handshake(struct control_call *call);

#endif
