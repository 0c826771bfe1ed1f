/* SPDX-License-Identifier: Apache-2.0 */
/* check_alone - what a check needs, in a process where no server runs
 *
 * The start order is that of main's, without what listens or writes. One thread.
 */
#include "admin/check_alone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/certificate_manager.h"
#include "server/config.h"
#include "server/dns_util.h"
#include "server/own_certificate.h"
#include "server/remote_server_manager.h"
#include "server/upstream_manager.h"
#include "server/xmpp_server.h"

static void replace(char **setting, const char *value)
{
    free(*setting);
    *setting = text_copy(value);
}

/* make_do - TLS with a certificate of the moment, which is not shown: our own can't be read. 0, or -1 with `why`. */
static int make_do(struct config *config, struct text *why)
{
    char directory[] = "/tmp/openfire-s2s-check.XXXXXX";
    if (mkdtemp(directory) == NULL) {
        text_append_string(why, "no temporary directory for a certificate can be made");
        return -1;
    }
    char *path = text_format("%s/certificate.pem", directory);
    replace(&config->xmpp_server_certificate_file, path);
    replace(&config->xmpp_server_certificate_key, "");
    replace(&config->xmpp_server_certificate_directory, "");
    replace(&config->xmpp_server_certificate_ocsp, "");
    config->xmpp_server_certificate_present = false;
    int result = own_certificate_make(path, config->xmpp_domain, why);
    if (result == 0)
        result = certificate_manager_start(config, why);
    unlink(path);
    rmdir(directory);
    free(path);
    return result;
}

/* start_certificates - ours, or one of the moment; never one that would be kept */
static int start_certificates(struct config *config, struct text *note, struct text *why)
{
    struct text fault = TEXT_EMPTY;
    char *own = text_format("%s/certificate.pem", config->s2s_home);
    bool made_here = config->xmpp_server_certificate_file[0] == '\0';
    bool readable =
        certificate_manager_check(config, &fault) == 0 && (!made_here || access(own, R_OK) == 0);
    if (readable && made_here) /* so that an old one is not made anew */
        replace(&config->xmpp_server_certificate_file, own);
    if (!readable)
        text_appendf(note,
                     "our certificate can't be read here, so it is not shown, and SASL "
                     "EXTERNAL not tried%s%s",
                     fault.length > 0 ? ": " : "", text_string(&fault));
    int result = readable || !certificate_manager_wants_tls(config)
                     ? certificate_manager_start(config, why)
                     : make_do(config, why);
    text_free(&fault);
    free(own);
    return result;
}

int check_alone_start(const char *file, struct text *note, struct text *why)
{
    struct config *config = config_load(file, why);
    if (config == NULL)
        return -1;
    if (remote_server_manager_load(config, why) < 0 || upstream_manager_load(config, why) < 0 ||
        xmpp_server_configure(config) < 0 || dns_util_start(config, why) < 0 ||
        start_certificates(config, note, why) < 0) {
        config_unref(config);
        return -1;
    }
    config_publish(config);
    return 0;
}

void check_alone_stop(void)
{
    dns_util_stop();
    certificate_manager_stop();
    remote_server_manager_stop();
    upstream_manager_stop();
    xmpp_server_stop();
    config_stop();
}
