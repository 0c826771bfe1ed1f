/* SPDX-License-Identifier: Apache-2.0 */
/* sasl_authentication - SASL between servers: EXTERNAL, and nothing else
 *
 * Openfire: SASLAuthentication.handle, ExternalServerSaslServer.evaluateResponse. RFC 6120 6.4, 6.5; XEP-0178 3.
 *
 * The identity is the stream's `from`, which the certificate was found to prove before the mechanism was
 * offered. What the peer adds as authorisation identity must be the same. An <auth/> without initial
 * response counts as one with an empty one ("="): there is nothing to challenge for.
 */
#include "session/sasl_authentication.h"

#include <openssl/evp.h>
#include <string.h>

#include "xml/jid.h"
#include "xml/xmlns.h"

#define ENCODED_MAX 1400 /* base64 of the longest domain, and some */

bool sasl_authentication_is_element(const struct element *element)
{
    return element_is(element, "auth", XMLNS_SASL) || element_is(element, "response", XMLNS_SASL) ||
           element_is(element, "abort", XMLNS_SASL);
}

/* is_base64 - the alphabet, whole groups of four, padding at the end only (RFC 4648 4) */
static bool is_base64(const char *text, size_t length)
{
    size_t padding = 0;
    if (length % 4 != 0)
        return false;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < length - padding; i++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", text[i]) ==
            NULL)
            return false;
    return true;
}

/* judge_authzid - NULL when it is the stream's `from` */
static const char *judge_authzid(const char *text, const char *from)
{
    unsigned char decoded[ENCODED_MAX];
    char prepared[JID_PART_MAX + 1];
    size_t length = strlen(text);
    if (length > ENCODED_MAX || !is_base64(text, length))
        return "incorrect-encoding";
    int decoded_length = EVP_DecodeBlock(decoded, (const unsigned char *)text, (int)length);
    if (decoded_length < 0)
        return "incorrect-encoding";
    for (size_t i = length; i > 0 && text[i - 1] == '='; i--)
        decoded_length--; /* EVP_DecodeBlock counts the padding */
    if (jid_prepare_domain((const char *)decoded, (size_t)decoded_length, prepared) < 0 ||
        strcmp(prepared, from) != 0)
        return "invalid-authzid";
    return NULL;
}

const char *sasl_authentication_handle(const struct element *element,
                                       const struct sasl_offer *offer, struct arena *arena)
{
    const char *mechanism = element_get(element, "mechanism");
    if (element_is(element, "abort", XMLNS_SASL))
        return "aborted";
    if (!element_is(element, "auth", XMLNS_SASL))
        return "malformed-request"; /* nothing was asked */
    if (!offer->encrypted)
        return "encryption-required";
    if (mechanism == NULL || strcmp(mechanism, "EXTERNAL") != 0 || !offer->external)
        return "invalid-mechanism";
    const char *text = element_text(element, arena);
    if (text[0] != '\0' && strcmp(text, "=") != 0)
        return judge_authzid(text, offer->from);
    return offer->require_authzid ? "invalid-authzid" : NULL;
}

bool sasl_authentication_offers_external(const struct element *features)
{
    const struct element *mechanisms = element_child(features, "mechanisms", XMLNS_SASL);
    char name[16];
    for (const struct element *each = mechanisms != NULL ? element_first(mechanisms) : NULL;
         each != NULL; each = element_next(each)) {
        const struct element *text = each->children;
        if (element_is(each, "mechanism", XMLNS_SASL) && text != NULL && text->name == NULL &&
            text->text_length < sizeof name) {
            memcpy(name, text->text, text->text_length);
            name[text->text_length] = '\0';
            if (strcmp(name, "EXTERNAL") == 0)
                return true;
        }
    }
    return false;
}

void sasl_authentication_ask(const char *local, struct text *out)
{
    unsigned char encoded[2 * JID_PART_MAX] = "=";
    if (local != NULL)
        EVP_EncodeBlock(encoded, (const unsigned char *)local, (int)strlen(local));
    text_appendf(out, "<auth xmlns=\"" XMLNS_SASL "\" mechanism=\"EXTERNAL\">%s</auth>",
                 (const char *)encoded);
}

void sasl_authentication_answer(struct socket_connection *connection, const char *condition)
{
    struct text out = TEXT_EMPTY;
    if (condition == NULL)
        text_append_string(&out, "<success xmlns=\"" XMLNS_SASL "\"/>");
    else
        text_appendf(&out, "<failure xmlns=\"" XMLNS_SASL "\"><%s/></failure>", condition);
    socket_connection_deliver(connection, out.bytes, out.length);
    text_free(&out);
}
