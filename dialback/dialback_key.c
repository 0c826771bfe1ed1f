/* SPDX-License-Identifier: Apache-2.0 */
/* dialback_key - the key that proves a domain of ours, and the secret it is made from
 *
 * XEP-0185 2: HMAC-SHA256 in lower-case hex; its key is the lower-case hex of SHA-256 of the
 * secret; its text is the receiving domain, the originating domain and the stream id, with a space
 * between. Only that hash of the secret is kept.
 *
 * The file is refused when others may read it, or when it is too short to be a secret: an operator
 * who copies one between nodes (conformance 89) shall hear of a broken copy.
 */
#include "dialback/dialback_key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/config.h"

#define SECRET_BYTES 32
#define SECRET_LEAST 32 /* characters in the file */
#define SECRET_MOST 1024

static pthread_rwlock_t secret_lock = PTHREAD_RWLOCK_INITIALIZER;
static char hashed_secret[65]; /* guarded by secret_lock */

static void write_hex(const unsigned char *bytes, size_t length, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * length] = '\0';
}

static void take_secret(const char *secret, size_t length)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_Digest(secret, length, digest, &size, EVP_sha256(), NULL);
    pthread_rwlock_wrlock(&secret_lock);
    write_hex(digest, 32, hashed_secret);
    pthread_rwlock_unlock(&secret_lock);
    OPENSSL_cleanse(digest, sizeof digest);
}

/* make_file - the first start: 256 random bits. 0 or -1 with `why`. */
static int make_file(const char *path, struct text *why)
{
    unsigned char random[SECRET_BYTES];
    char secret[2 * SECRET_BYTES + 2];
    if (getrandom(random, sizeof random, 0) != sizeof random) {
        text_appendf(why, "no random bytes for the dialback secret: %s", strerror(errno));
        return -1;
    }
    write_hex(random, sizeof random, secret);
    strcat(secret, "\n");
    int result = config_write_file(path, secret, strlen(secret), 0600, why);
    if (result == 0)
        take_secret(secret, 2 * SECRET_BYTES);
    OPENSSL_cleanse(random, sizeof random);
    OPENSSL_cleanse(secret, sizeof secret);
    return result;
}

/* read_secret - what is in the open file, judged and taken */
static int read_secret(int fd, const char *path, struct text *why)
{
    struct stat about;
    char secret[SECRET_MOST + 1];
    if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode)) {
        text_appendf(why, "%s: a plain file with the dialback secret was expected", path);
        return -1;
    }
    if ((about.st_mode & 077) != 0) {
        text_appendf(why, "%s: others than its owner may read it (mode %03o); 600 was expected",
                     path, (unsigned)about.st_mode & 0777);
        return -1;
    }
    ssize_t got = read(fd, secret, sizeof secret);
    while (got > 0 && strchr(" \t\r\n", secret[got - 1]) != NULL)
        got--;
    int result = got >= SECRET_LEAST && got <= SECRET_MOST ? 0 : -1;
    if (result == 0)
        take_secret(secret, (size_t)got);
    else
        text_appendf(why,
                     "%s: holds no secret; %d to %d characters were expected (remove it to have a "
                     "new one made)",
                     path, SECRET_LEAST, SECRET_MOST);
    OPENSSL_cleanse(secret, sizeof secret);
    return result;
}

static int read_file(const char *path, struct text *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return make_file(path, why);
    if (fd < 0) {
        text_appendf(why, "%s: cannot be read: %s", path, strerror(errno));
        return -1;
    }
    int result = read_secret(fd, path, why);
    close(fd);
    return result;
}

int dialback_key_start(const char *home, const char *configured, struct text *why)
{
    if (configured[0] != '\0') {
        take_secret(configured, strlen(configured));
        return 0;
    }
    struct text path = TEXT_EMPTY;
    text_appendf(&path, "%s/dialback.secret", home);
    int result = read_file(path.bytes, why);
    text_free(&path);
    return result;
}

void dialback_key_stop(void)
{
    pthread_rwlock_wrlock(&secret_lock);
    OPENSSL_cleanse(hashed_secret, sizeof hashed_secret);
    pthread_rwlock_unlock(&secret_lock);
}

void dialback_key_make(char key[65], const char *receiving, const char *originating,
                       const char *stream_id)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    struct text text = TEXT_EMPTY;
    text_append_string(&text, receiving);
    text_append_char(&text, ' ');
    text_append_string(&text, originating);
    text_append_char(&text, ' ');
    text_append_string(&text, stream_id);
    pthread_rwlock_rdlock(&secret_lock);
    HMAC(EVP_sha256(), hashed_secret, 64, (const unsigned char *)text.bytes, text.length, digest,
         &size);
    pthread_rwlock_unlock(&secret_lock);
    write_hex(digest, 32, key);
    text_free(&text);
}

bool dialback_key_check(const char *key, const char *receiving, const char *originating,
                        const char *stream_id)
{
    char expected[65];
    bool separable = strpbrk(stream_id, " \t\r\n") == NULL && strchr(receiving, ' ') == NULL &&
                     strchr(originating, ' ') == NULL;
    dialback_key_make(expected, receiving, originating, stream_id);
    return strlen(key) == 64 && CRYPTO_memcmp(key, expected, 64) == 0 && separable;
}
