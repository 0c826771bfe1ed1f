/* SPDX-License-Identifier: Apache-2.0 */
/* web_assets - the style sheet, the script and the icon of the web console, which are part of the program
 *
 * Each file lies between two symbols in the read-only section. The Makefile says that this file depends on them.
 */
#include "admin/web_assets.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "admin/web_call.h"

#define ASSET(name, file)                                                      \
    __asm__(".section .rodata\n" #name "_begin:\n.incbin \"" file "\"\n" #name \
            "_end:\n.byte 0\n.previous\n");                                    \
    extern const char name##_begin[], name##_end[];

ASSET(web_style, "admin/web_console.css")
ASSET(web_script, "admin/web_console.js")
ASSET(web_icon, "admin/web_console_icon.svg")

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char version[17]; /* set once */

static void make_version(void)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    EVP_DigestUpdate(context, web_style_begin, (size_t)(web_style_end - web_style_begin));
    EVP_DigestUpdate(context, web_script_begin, (size_t)(web_script_end - web_script_begin));
    EVP_DigestUpdate(context, web_icon_begin, (size_t)(web_icon_end - web_icon_begin));
    EVP_DigestFinal_ex(context, hash, NULL);
    EVP_MD_CTX_free(context);
    for (int i = 0; i < 8; i++)
        snprintf(version + 2 * i, 3, "%02x", hash[i]);
}

const char *web_assets_version(void)
{
    pthread_once(&once, make_version);
    return version;
}

static void give(struct web_call *call, const char *type, const char *begin, const char *end)
{
    call->type = type;
    const char *asked = web_call_parameter(call, "v");
    call->keep = asked != NULL && strcmp(asked, web_assets_version()) == 0;
    text_append(&call->body, begin, (size_t)(end - begin));
}

void web_assets_style(struct web_call *call)
{
    give(call, "text/css; charset=utf-8", web_style_begin, web_style_end);
}

void web_assets_script(struct web_call *call)
{
    give(call, "text/javascript; charset=utf-8", web_script_begin, web_script_end);
}

void web_assets_icon(struct web_call *call)
{
    give(call, "image/svg+xml", web_icon_begin, web_icon_end);
}
