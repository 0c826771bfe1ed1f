/* ctl_client - openfire-s2sctl's end of the control socket
 *
 * Part of openfire-s2sctl only. Lines of JSON, each awaited until a deadline; admin/control_socket.h has the protocol.
 */
#ifndef ADMIN_CTL_CLIENT_H
#define ADMIN_CTL_CLIENT_H

#include <jansson.h>
#include <stdint.h>

#include "xml/text.h"

struct ctl_client;

/* ctl_client_open - connect to the socket and take its greeting, within `timeout` ms. NULL with a sentence in `why`. */
struct ctl_client *ctl_client_open(const char *path, int64_t timeout, struct text *why);
void ctl_client_close(struct ctl_client *client);
/* ctl_client_pid - of the server */
long ctl_client_pid(const struct ctl_client *client);
/* ctl_client_send - a request: these words. 0, or -1 with `why`. */
int ctl_client_send(struct ctl_client *client, char *const *words, int count, struct text *why);
/* ctl_client_receive - the next line, waiting at most `timeout` ms (negative: as long as it takes). NULL with `why`. */
json_t *ctl_client_receive(struct ctl_client *client, int64_t timeout, struct text *why);
/* ctl_client_socket_of - append the path of the socket of a server with this settings file (its s2s.home). 0, or -1 with
 * `why`: it can't be read. */
int ctl_client_socket_of(const char *settings_file, struct text *path, struct text *why);

#endif
