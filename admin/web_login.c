/* SPDX-License-Identifier: Apache-2.0 */
/* web_login - the door of the web console
 *
 * Action points of a log-in:
 *   too many attempts           -> 429, nothing is looked at
 *   wrong name or password      -> the same sentence for both, a line in the audit log
 *   right                       -> a new session, the door's cookie taken back, a line in the audit log
 * The token of the door is a keyed hash of its cookie: nothing is kept for who has not logged in.
 */
#include "admin/web_login.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "admin/audit_log.h"
#include "admin/control_commands.h"
#include "admin/web_call.h"
#include "admin/web_html.h"
#include "admin/web_limit.h"
#include "admin/web_page.h"
#include "admin/web_password.h"
#include "server/config.h"
#include "server/log.h"
#include "server/xmpp_server.h"

#define KEY 32

static pthread_once_t once = PTHREAD_ONCE_INIT;
static unsigned char key[KEY]; /* set once */

static void make_key(void)
{
    if (RAND_bytes(key, sizeof key) != 1)
        log_panic("no random bytes");
}

/* --- cookies --- */

const char *web_login_cookie(bool secure)
{
    return secure ? "__Host-openfire-s2s" : "openfire-s2s";
}

const char *web_login_door_cookie(bool secure)
{
    return secure ? "__Host-openfire-s2s-door" : "openfire-s2s-door";
}

static void set_cookie(struct web_call *call, const char *name, const char *value)
{
    struct text *cookie = &call->cookies[call->cookies[0].length > 0 ? 1 : 0];
    text_appendf(cookie, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s", name, value,
                 call->secure ? "; Secure" : "", value[0] == '\0' ? "; Max-Age=0" : "");
}

static void door_token(const char *cookie, char out[WEB_SESSION_ID + 1])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    pthread_once(&once, make_key);
    HMAC(EVP_sha256(), key, KEY, (const unsigned char *)cookie, strlen(cookie), hash, &length);
    for (size_t i = 0; i < WEB_SESSION_ID / 2; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

bool web_login_door_is_right(const char *cookie, const char *token)
{
    char right[WEB_SESSION_ID + 1];
    door_token(cookie, right);
    return web_session_is_same(right, token);
}

/* --- the page --- */

static void write_door(struct web_call *call, const char *why)
{
    char cookie[WEB_SESSION_ID + 1];
    struct text *out = &call->body;
    web_session_random(cookie);
    set_cookie(call, web_login_door_cookie(call->secure), cookie);
    door_token(cookie, call->session.token);
    web_page_begin(call, "Log in");
    if (why != NULL)
        web_page_error(call, why);
    html(out, "<div class=\"card narrow\">");
    web_page_form(call, "/login");
    html(out,
         "<p><label for=\"user\">User</label><input id=\"user\" name=\"user\" "
         "value=\"" WEB_PASSWORD_USER "\" autocomplete=\"username\" required></p>\n"
         "<p><label for=\"password\">Password</label><input id=\"password\" "
         "name=\"password\" type=\"password\" autocomplete=\"current-password\" required "
         "autofocus></p>\n<p><button name=\"login\" class=\"main\">Log in</button></p>"
         "</form>\n<p class=\"hint\">The first password was printed when the server was first "
         "started. <code>openfire-s2sctl console password</code> makes a new one.</p></div>\n");
    web_page_end(call);
}

void web_login_page(struct web_call *call)
{
    if (call->session_id[0] != '\0')
        web_call_lead(call, "/", NULL, NULL);
    else
        write_door(call, NULL);
}

/* note - in the audit log: who came, or tried to */
static void note(const struct web_call *call, const char *what, const char *user,
                 const char *outcome)
{
    char shown[WEB_CALL_WHO];
    struct control_caller caller = {"console", shown, -1, -1, true};
    web_call_who(call, user, shown);
    audit_log_write(
        &caller, json_pack("{s:s, s:{}, s:s}", "command", what, "arguments", "outcome", outcome));
}

static bool is_right(const char *user, const char *password)
{
    const struct config *config = config_get();
    bool right = web_password_is_right(config->s2s_home, user, password);
    config_unref(config);
    return right;
}

/* let_in - a new session, whatever there was */
static void let_in(struct web_call *call, const char *user)
{
    char id[WEB_SESSION_ID + 1];
    int64_t now = xmpp_server_now();
    web_limit_succeeded(call->peer, now);
    if (call->session_id[0] != '\0')
        web_session_close(call->session_id);
    web_session_open(user, call->peer, now, id);
    set_cookie(call, web_login_cookie(call->secure), id);
    set_cookie(call, web_login_door_cookie(call->secure), "");
}

void web_login_try(struct web_call *call)
{
    const char *user = web_call_field(call, "user"), *password = web_call_field(call, "password");
    int wait = web_limit_take(call->peer, xmpp_server_now());
    if (wait > 0) {
        call->status = 429;
        call->retry_after = wait;
        write_door(call, "Too many attempts. Wait a little, then try again.");
    } else if (user == NULL || password == NULL || !is_right(user, password)) {
        note(call, "log in", user != NULL ? user : "", "denied");
        call->status = 403;
        write_door(call, "That is not the right user and password.");
    } else {
        let_in(call, user);
        note(call, "log in", user, "ok");
        web_call_lead(call, "/", NULL, NULL);
    }
}

void web_login_end(struct web_call *call)
{
    web_session_close(call->session_id);
    set_cookie(call, web_login_cookie(call->secure), "");
    note(call, "log out", call->session.user, "ok");
    web_call_lead(call, "/login", NULL, NULL);
}

/* --- another password --- */

void web_login_change(struct web_call *call)
{
    const char *current = web_call_field(call, "current"), *again = web_call_field(call, "again");
    const char *password = web_call_field(call, "password");
    int wait = web_limit_take(call->peer, xmpp_server_now());
    const char *fault = NULL;
    web_call_lead(call, "/account", NULL, NULL);
    if (wait > 0)
        fault = "Too many attempts. Wait a little, then try again.";
    else if (current == NULL || !is_right(call->session.user, current))
        fault = "That is not the password of now.";
    else if (password == NULL || again == NULL || strcmp(password, again) != 0)
        fault = "The new password was not written twice in the same way.";
    if (fault != NULL) {
        note(call, "console password", call->session.user, "denied");
        web_call_say(call, true, fault);
        return;
    }
    struct text why = TEXT_EMPTY;
    struct web_argument argument = {"password", password};
    json_t *result = web_call_result(call, "console password", &argument, 1, &why);
    if (result == NULL) {
        web_call_say(call, true, text_string(&why));
    } else {
        let_in(call, WEB_PASSWORD_USER); /* all sessions have ended, this one too */
    }
    json_decref(result);
    text_free(&why);
}
