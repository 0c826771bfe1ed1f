/* SPDX-License-Identifier: Apache-2.0 */
/* timeline_store - of each domain, the stories of the last attempts that went well and of those that did not
 *
 * Openfire: FailedOutgoingServerSessionAttempt, its cache in LocalOutgoingServerSession.
 *
 * Action points:
 *   succeeded -> the domain's entry moves to the budget of the proved, or is made there
 *   failed    -> out, or in from an address where the domain was proved: its entry among the proved, if it has one
 *             -> else its entry among the others
 *   asked     -> a note at the entry it has
 *   a budget is over its bytes -> entries go, those used least recently first
 * A domain may so have an entry in both; a reader is told of both. What is left to an attacker: to prove thousands of domains of his
 * own, which costs him a handshake each and us the stories of domains that have been quiet for longest.
 *
 * One mutex over everything, a leaf: stories are told before it is taken and freed under it, which frees memory and nothing else.
 */
#include "server/timeline_store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/config.h"
#include "server/metrics.h"
#include "server/printable.h"
#include "server/xmpp_server.h"

#define BUCKETS 1024
#define ENTRY_BYTES 256 /* an entry without stories and its name, roughly */

struct list {
    struct timeline_record *records; /* newest first */
    int count;
};

struct entry {
    struct entry *next;          /* in its bucket */
    struct entry *newer, *older; /* in its budget */
    char *domain;
    unsigned hash;
    size_t bytes;
    struct list lists[2][2]; /* by direction, then: failures, successes */
    struct timeline_asked asked;
};

struct budget {
    struct entry *buckets[BUCKETS];
    struct entry *newest, *oldest;
    size_t bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct budget proved, others;        /* guarded by lock */
static int kept = 3;                        /* guarded by lock */
static size_t bytes_most = 8 * 1024 * 1024; /* of each budget; guarded by lock */
static uint64_t last_order;                 /* guarded by lock */

/* --- records --- */

static size_t bytes_of(const struct timeline_record *record)
{
    return sizeof *record + record->story->bytes + strlen(record->why) + strlen(record->local) +
           strlen(record->peer) + 3;
}

static void free_record(struct timeline_record *record)
{
    timeline_story_unref(record->story);
    free(record->why);
    free(record->local);
    free(record->peer);
}

static struct timeline_record copy_record(const struct timeline_record *record)
{
    struct timeline_record copy = *record;
    timeline_story_ref(copy.story);
    copy.why = text_copy(record->why);
    copy.local = text_copy(record->local);
    copy.peer = text_copy(record->peer);
    return copy;
}

void timeline_records_free(struct timeline_records *records)
{
    for (int i = 0; i < records->count; i++)
        free_record(&records->records[i]);
    free(records->records);
    *records = (struct timeline_records){0};
}

/* is_same_host - addresses without regard to their ports */
static bool is_same_host(const char *a, const char *b)
{
    const char *a_port = strrchr(a, ':'), *b_port = strrchr(b, ':');
    size_t length = a_port != NULL ? (size_t)(a_port - a) : strlen(a);
    size_t other = b_port != NULL ? (size_t)(b_port - b) : strlen(b);
    return length > 0 && length == other && memcmp(a, b, length) == 0;
}

/* --- entries of a budget --- */

static struct entry *find(const struct budget *budget, const char *domain, unsigned hash)
{
    struct entry *entry = budget->buckets[hash % BUCKETS];
    while (entry != NULL && (entry->hash != hash || strcmp(entry->domain, domain) != 0))
        entry = entry->next;
    return entry;
}

static void link_newest(struct budget *budget, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = budget->newest;
    if (budget->newest != NULL)
        budget->newest->newer = entry;
    else
        budget->oldest = entry;
    budget->newest = entry;
}

static void unlink_entry(struct budget *budget, struct entry *entry)
{
    *(entry->newer != NULL ? &entry->newer->older : &budget->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &budget->oldest) = entry->newer;
}

static void add(struct budget *budget, struct entry *entry)
{
    entry->next = budget->buckets[entry->hash % BUCKETS];
    budget->buckets[entry->hash % BUCKETS] = entry;
    budget->bytes += entry->bytes;
    link_newest(budget, entry);
}

static void take(struct budget *budget, struct entry *entry)
{
    struct entry **at = &budget->buckets[entry->hash % BUCKETS];
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    budget->bytes -= entry->bytes;
    unlink_entry(budget, entry);
}

static void free_entry(struct entry *entry)
{
    for (int i = 0; i < 4; i++) {
        struct list *list = &entry->lists[i / 2][i % 2];
        for (int k = 0; k < list->count; k++)
            free_record(&list->records[k]);
        free(list->records);
    }
    free(entry->domain);
    free(entry);
}

static struct entry *find_or_make(struct budget *budget, const char *domain, unsigned hash)
{
    struct entry *entry = find(budget, domain, hash);
    if (entry != NULL) {
        unlink_entry(budget, entry);
        link_newest(budget, entry);
        return entry;
    }
    entry = text_calloc(1, sizeof *entry);
    entry->domain = text_copy(domain);
    entry->hash = hash;
    entry->bytes = ENTRY_BYTES + strlen(domain);
    add(budget, entry);
    return entry;
}

static void shrink(struct budget *budget)
{
    while (budget->oldest != NULL && budget->bytes > bytes_most) {
        struct entry *oldest = budget->oldest;
        take(budget, oldest);
        free_entry(oldest);
    }
}

/* drop_record - number `index` of a list; the budget's and the entry's sums follow */
static void drop_record(struct budget *budget, struct entry *entry, struct list *list, int index)
{
    size_t bytes = bytes_of(&list->records[index]);
    free_record(&list->records[index]);
    list->count--;
    memmove(&list->records[index], &list->records[index + 1],
            (size_t)(list->count - index) * sizeof *list->records);
    entry->bytes -= bytes;
    budget->bytes -= bytes;
}

/* is_like - is it the same failure from the same place, which need not be kept twice? */
static bool is_like(const struct timeline_record *a, const struct timeline_record *b)
{
    return a->failure != FAILURE_NONE && a->failure == b->failure &&
           (strcmp(a->peer, b->peer) == 0 || is_same_host(a->peer, b->peer));
}

/* put - a record becomes the first of its list; takes it */
static void put(struct budget *budget, struct entry *entry, struct list *list,
                struct timeline_record record)
{
    for (int i = 0; i < list->count; i++)
        if (is_like(&list->records[i], &record)) {
            record.first = list->records[i].first;
            record.count = list->records[i].count + 1;
            drop_record(budget, entry, list, i);
            break;
        }
    while (list->count >= kept)
        drop_record(budget, entry, list, list->count - 1);
    list->records = text_realloc(list->records, ((size_t)list->count + 1) * sizeof *list->records);
    memmove(list->records + 1, list->records, (size_t)list->count * sizeof *list->records);
    record.order = ++last_order;
    list->records[0] = record;
    list->count++;
    entry->bytes += bytes_of(&record);
    budget->bytes += bytes_of(&record);
}

/* --- filing --- */

/* began_well - was the domain proved at this address, in either direction? */
static bool began_well(const struct entry *entry, const char *peer)
{
    for (int direction = 0; direction < 2; direction++) {
        const struct list *list = &entry->lists[direction][true];
        for (int i = 0; i < list->count; i++)
            if (is_same_host(list->records[i].peer, peer))
                return true;
    }
    return false;
}

/* entry_for_failure - where a failed attempt belongs, and in which budget that is */
static struct entry *entry_for_failure(const struct timeline_attempt *attempt, unsigned hash,
                                       struct budget **budget)
{
    struct entry *entry = find(&proved, attempt->domain, hash);
    bool its_own = entry != NULL && (attempt->direction == TIMELINE_OUT ||
                                     (attempt->peer != NULL && began_well(entry, attempt->peer)));
    *budget = its_own ? &proved : &others;
    return find_or_make(*budget, attempt->domain, hash);
}

/* entry_for_success - among the proved from now on */
static struct entry *entry_for_success(const char *domain, unsigned hash)
{
    struct entry *entry = find(&proved, domain, hash), *before = find(&others, domain, hash);
    if (entry == NULL && before != NULL) {
        take(&others, before);
        add(&proved, before);
    }
    return find_or_make(&proved, domain, hash);
}

static void file(const struct timeline_attempt *attempt, enum failure failure, const char *why)
{
    struct timeline_story *story = timeline_tell(attempt->timeline);
    if (story == NULL)
        return;
    timeline_file(attempt->timeline);
    int64_t now = (int64_t)time(NULL);
    struct timeline_record record = {
        .story = story,
        .failure = failure,
        .certain = true,
        .when = now,
        .first = now,
        .count = 1,
        .why = text_copy(why),
        .local = text_copy(attempt->local != NULL ? attempt->local : ""),
        .peer = text_copy(attempt->peer != NULL ? attempt->peer : ""),
    };
    unsigned hash = text_hash(attempt->domain, strlen(attempt->domain));
    pthread_mutex_lock(&lock);
    if (kept > 0) {
        struct budget *budget = &proved;
        struct entry *entry = failure == FAILURE_NONE ? entry_for_success(attempt->domain, hash)
                                                      : entry_for_failure(attempt, hash, &budget);
        record.certain = budget == &proved || attempt->direction == TIMELINE_OUT;
        put(budget, entry, &entry->lists[attempt->direction][failure == FAILURE_NONE], record);
        shrink(budget);
    } else {
        free_record(&record);
    }
    pthread_mutex_unlock(&lock);
}

void timeline_store_succeeded(const struct timeline_attempt *attempt)
{
    timeline_settle(attempt->timeline);
    file(attempt, FAILURE_NONE, "");
}

void timeline_store_failed(const struct timeline_attempt *attempt, enum failure otherwise,
                           const char *why)
{
    char escaped[TIMELINE_SENTENCE + 1];
    struct text noted = TEXT_EMPTY;
    enum failure failure = timeline_failure(attempt->timeline, &noted);
    printable_escape(escaped, sizeof escaped, why, strlen(why), false);
    enum failure cause = failure != FAILURE_NONE     ? failure
                         : otherwise != FAILURE_NONE ? otherwise
                                                     : FAILURE_OTHER;
    file(attempt, cause, failure == FAILURE_NONE ? escaped : text_string(&noted));
    metrics_add(
        failures[attempt->direction == TIMELINE_IN ? METRICS_INCOMING : METRICS_OUTGOING][cause],
        1);
    timeline_settle(attempt->timeline);
    text_free(&noted);
}

void timeline_store_asked(const char *domain, bool valid)
{
    unsigned hash = text_hash(domain, strlen(domain));
    pthread_mutex_lock(&lock);
    if (kept > 0) {
        bool is_proved = find(&proved, domain, hash) != NULL;
        struct budget *budget = is_proved ? &proved : &others;
        find_or_make(budget, domain, hash)->asked =
            (struct timeline_asked){(int64_t)time(NULL), xmpp_server_now(), valid};
        shrink(budget);
    }
    pthread_mutex_unlock(&lock);
}

/* --- asking --- */

static int later_first(const void *a, const void *b)
{
    uint64_t first = ((const struct timeline_record *)a)->order,
             second = ((const struct timeline_record *)b)->order;
    return first < second ? 1 : first > second ? -1 : 0;
}

void timeline_store_get(const char *domain, enum timeline_direction direction, bool succeeded,
                        struct timeline_records *into)
{
    unsigned hash = text_hash(domain, strlen(domain));
    *into = (struct timeline_records){text_calloc(2 * TIMELINE_KEPT_MAX, sizeof *into->records), 0};
    pthread_mutex_lock(&lock);
    struct entry *entries[] = {find(&proved, domain, hash), find(&others, domain, hash)};
    for (int i = 0; i < 2; i++)
        for (int k = 0; entries[i] != NULL && k < entries[i]->lists[direction][succeeded].count;
             k++)
            into->records[into->count++] =
                copy_record(&entries[i]->lists[direction][succeeded].records[k]);
    pthread_mutex_unlock(&lock);
    qsort(into->records, (size_t)into->count, sizeof *into->records, later_first);
}

bool timeline_store_last_asked(const char *domain, struct timeline_asked *asked)
{
    unsigned hash = text_hash(domain, strlen(domain));
    *asked = (struct timeline_asked){0};
    pthread_mutex_lock(&lock);
    struct entry *entries[] = {find(&proved, domain, hash), find(&others, domain, hash)};
    for (int i = 0; i < 2; i++)
        if (entries[i] != NULL && entries[i]->asked.at > asked->at)
            *asked = entries[i]->asked;
    pthread_mutex_unlock(&lock);
    return asked->at > 0;
}

void timeline_store_each(int most, void (*tell)(void *owner, const char *domain, bool proved),
                         void *owner)
{
    struct budget *budgets[] = {&proved, &others};
    for (int i = 0; i < 2; i++) {
        char **names = text_calloc((size_t)most + 1, sizeof *names);
        int count = 0;
        pthread_mutex_lock(&lock);
        for (struct entry *each = budgets[i]->newest; each != NULL && count < most;
             each = each->older)
            names[count++] = text_copy(each->domain);
        pthread_mutex_unlock(&lock);
        for (int k = 0; k < count; k++) {
            tell(owner, names[k], i == 0);
            free(names[k]);
        }
        free(names);
    }
}

/* --- settings and end --- */

/* cut - no list longer than `kept`; under the lock */
static void cut(struct budget *budget)
{
    for (struct entry *each = budget->newest; each != NULL; each = each->older)
        for (int i = 0; i < 4; i++)
            while (each->lists[i / 2][i % 2].count > kept)
                drop_record(budget, each, &each->lists[i / 2][i % 2],
                            each->lists[i / 2][i % 2].count - 1);
}

static void empty(struct budget *budget)
{
    while (budget->oldest != NULL) {
        struct entry *oldest = budget->oldest;
        take(budget, oldest);
        free_entry(oldest);
    }
}

void timeline_store_configure(const struct config *config)
{
    pthread_mutex_lock(&lock);
    kept = (int)config->s2s_timeline_kept;
    bytes_most = (size_t)config->s2s_timeline_bytes;
    cut(&proved);
    cut(&others);
    if (kept == 0) {
        empty(&proved);
        empty(&others);
    }
    shrink(&proved);
    shrink(&others);
    pthread_mutex_unlock(&lock);
}

void timeline_store_stop(void)
{
    pthread_mutex_lock(&lock);
    empty(&proved);
    empty(&others);
    pthread_mutex_unlock(&lock);
}
