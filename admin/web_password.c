/* SPDX-License-Identifier: Apache-2.0 */
/* web_password - who may log in to the web console
 *
 * The line is scrypt:N:r:p:SALT:HASH. The costs of a line that is read are bounded, so that a line that somebody has damaged can't ask
 * for all of the memory. `lock` lets one hash be made at a time; a leaf, held for the time of one.
 */
#include "admin/web_password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/config.h"
#include "server/ini_file.h"
#include "server/log.h"
#include "server/printable.h"

#define FILE_NAME "admin-password.conf"
#define SALT 16
#define HASH 32
#define MEMORY_MAX (64u << 20)

struct record {
    unsigned long n, r, p;
    unsigned char salt[SALT], hash[HASH];
};

static const struct record COSTS = {.n = 16384, .r = 8, .p = 5};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static char *path_of(const char *home)
{
    return text_format("%s/" FILE_NAME, home);
}

/* make_hash - of the password, by the record's costs and salt. false: those are none. */
static bool make_hash(const struct record *record, const char *password, unsigned char out[HASH])
{
    pthread_mutex_lock(&lock);
    int made = EVP_PBE_scrypt(password, strlen(password), record->salt, SALT, record->n, record->r,
                              record->p, MEMORY_MAX, out, HASH);
    pthread_mutex_unlock(&lock);
    return made == 1;
}

/* --- the file --- */

static void write_hex(struct text *out, const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        text_appendf(out, "%02x", bytes[i]);
}

/* read_hex - exactly that many bytes and nothing else */
static bool read_hex(const char *text, unsigned char *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    if (strlen(text) != 2 * length)
        return false;
    for (size_t i = 0; i < length; i++) {
        const char *high = strchr(digits, text[2 * i]), *low = strchr(digits, text[2 * i + 1]);
        if (high == NULL || low == NULL)
            return false;
        bytes[i] = (unsigned char)((high - digits) << 4 | (low - digits));
    }
    return true;
}

static bool read_record(const char *line, struct record *record)
{
    char salt[2 * SALT + 1], hash[2 * HASH + 1];
    int end = 0;
    return sscanf(line, "scrypt:%7lu:%2lu:%1lu:%32[0-9a-f]:%64[0-9a-f]%n", &record->n, &record->r,
                  &record->p, salt, hash, &end) == 5 &&
           line[end] == '\0' && record->n >= 1024 && read_hex(salt, record->salt, SALT) &&
           read_hex(hash, record->hash, HASH);
}

/* load - the record of the user; false with a line in the log: nobody can log in */
static bool load(const char *home, struct record *record)
{
    struct ini_file file;
    struct text why = TEXT_EMPTY;
    char *path = path_of(home);
    bool good = false;
    if (ini_file_read(path, &file, &why) == INI_READ)
        for (size_t i = 0; i < file.count; i++)
            if (strcmp(file.entries[i].section, WEB_PASSWORD_USER) == 0 &&
                file.entries[i].key != NULL && strcmp(file.entries[i].key, "password") == 0)
                good = read_record(file.entries[i].value, record);
    ini_file_free(&file);
    text_free(&why);
    if (!good)
        log_error("%s: no password can be read there; `openfire-s2sctl console password` makes one",
                  path);
    free(path);
    return good;
}

static int save(const char *home, const char *password, struct text *why)
{
    struct record record = COSTS;
    struct text content = TEXT_EMPTY;
    char *path = path_of(home);
    int result = -1;
    if (RAND_bytes(record.salt, SALT) != 1 || !make_hash(&record, password, record.hash)) {
        text_append_string(why, "a password can't be hashed");
    } else {
        text_appendf(&content,
                     "# " FILE_NAME " - written by openfire-s2s: who may log in to the web console."
                     "\n# Another password: openfire-s2sctl console password\n[" WEB_PASSWORD_USER
                     "]\npassword = scrypt:%lu:%lu:%lu:",
                     record.n, record.r, record.p);
        write_hex(&content, record.salt, SALT);
        text_append_char(&content, ':');
        write_hex(&content, record.hash, HASH);
        text_append_char(&content, '\n');
        result = config_write_file(path, text_string(&content), content.length, 0600, why);
    }
    text_free(&content);
    free(path);
    return result;
}

/* --- what others call --- */

void web_password_random(struct text *out)
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* 32, none like another */
    unsigned char bytes[20];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        log_panic("no random bytes");
    for (size_t i = 0; i < sizeof bytes; i++)
        text_appendf(out, "%s%c", i > 0 && i % 5 == 0 ? "-" : "", letters[bytes[i] & 31]);
}

int web_password_make_first(const char *home, struct text *made, struct text *why)
{
    struct text password = TEXT_EMPTY;
    struct stat status;
    char *path = path_of(home);
    bool there = stat(path, &status) == 0;
    free(path);
    if (there)
        return 0;
    web_password_random(&password);
    int result = save(home, text_string(&password), why);
    if (result == 0)
        text_append_string(made, text_string(&password));
    OPENSSL_cleanse(password.bytes, password.length);
    text_free(&password);
    return result;
}

int web_password_change(const char *home, const char *password, struct text *why)
{
    size_t characters = 0, length = strlen(password), size;
    for (size_t at = 0; at < length; at += size, characters++) {
        unsigned code = 0;
        size = printable_sequence(password + at, length - at, &code);
        if (size == 0 || code < 0x20 || code == 0x7f) {
            text_append_string(why, "a password holds no control characters");
            return -1;
        }
    }
    if (characters < WEB_PASSWORD_MIN || length > WEB_PASSWORD_MAX) {
        text_appendf(why, "a password has at least %d characters and at most %d bytes",
                     WEB_PASSWORD_MIN, WEB_PASSWORD_MAX);
        return -1;
    }
    return save(home, password, why);
}

bool web_password_is_right(const char *home, const char *user, const char *password)
{
    struct record record;
    unsigned char hash[HASH];
    if (strlen(password) > WEB_PASSWORD_MAX || !load(home, &record) ||
        !make_hash(&record, password, hash))
        return false;
    bool same = CRYPTO_memcmp(hash, record.hash, HASH) == 0;
    return (same & (strcmp(user, WEB_PASSWORD_USER) == 0)) != 0;
}
