/* SPDX-License-Identifier: Apache-2.0 */
/* web_jobs - commands that take their time, run for the web console on threads of their own
 *
 * A job belongs to its place in the table and to its thread: it is freed when its place is given to another, which is only done once its
 * thread has ended.
 */
#include "admin/web_jobs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/control_commands.h"
#include "server/log.h"
#include "server/thread.h"
#include "server/touched_connections.h"

#define STACK (512 << 10)

struct job {
    struct control_sink sink; /* first: a struct control_sink * is one of these */
    int number;
    char *user;                 /* owned */
    struct control_words words; /* constant once it was started, like the next two */
    const char *command;        /* of the table */
    json_t *since;
    _Atomic bool unwanted;
    bool running;    /* guarded by lock, like all that follows */
    json_t *events;  /* array */
    json_int_t lost; /* that were thrown away */
    json_t *answer;  /* NULL while it runs */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct job *jobs[WEB_JOBS]; /* guarded by lock, like the next two */
static int last_number;
static bool stopped;

static void free_job(struct job *job)
{
    if (job == NULL)
        return;
    free(job->user);
    control_words_free(&job->words);
    json_decref(job->since);
    json_decref(job->events);
    json_decref(job->answer);
    free(job);
}

/* --- the thread of one --- */

static bool take_event(struct control_sink *sink, const json_t *event)
{
    struct job *job = (struct job *)sink;
    json_t *copy =
        json_deep_copy(event); /* the counts of references of what is kept are the lock's */
    pthread_mutex_lock(&lock);
    json_array_append_new(job->events, copy);
    if (json_array_size(job->events) > WEB_JOBS_EVENTS) {
        json_array_remove(job->events, 0);
        job->lost++;
    }
    pthread_mutex_unlock(&lock);
    return !atomic_load(&job->unwanted);
}

static bool is_wanted(struct control_sink *sink)
{
    return !atomic_load(&((struct job *)sink)->unwanted);
}

static void run(void *given)
{
    struct job *job = given;
    struct control_caller caller = {"console", job->user, -1, -1, true};
    json_t *answer = control_commands_run(&job->words, &caller, &job->sink);
    touched_connections_flush(false);
    pthread_mutex_lock(&lock);
    job->answer = answer;
    job->running = false;
    pthread_mutex_unlock(&lock);
}

/* --- the table; under the lock --- */

static struct job *find(int number)
{
    for (int i = 0; i < WEB_JOBS; i++)
        if (jobs[i] != NULL && jobs[i]->number == number)
            return jobs[i];
    return NULL;
}

/* make_room - an index for one more, or -1: too many run */
static int make_room(void)
{
    int running = 0, room = -1;
    for (int i = 0; i < WEB_JOBS; i++) {
        running += jobs[i] != NULL && jobs[i]->running;
        bool usable = jobs[i] == NULL || !jobs[i]->running;
        bool better = room < 0 || (jobs[room] != NULL &&
                                   (jobs[i] == NULL || jobs[i]->number < jobs[room]->number));
        if (usable && better)
            room = i;
    }
    return running < WEB_JOBS_RUNNING && !stopped ? room : -1;
}

/* subject_of - the first argument that is no option: the domain */
static const char *subject_of(const struct job *job)
{
    for (int i = 1; i < job->words.count; i++)
        if (strncmp(job->words.word[i], "--", 2) != 0)
            return job->words.word[i];
    return "";
}

static struct job *new_job(const struct control_words *words, const char *user)
{
    struct job *job = text_calloc(1, sizeof *job);
    int used;
    const struct control_command *command =
        control_request_find(control_commands, control_command_count, words, &used);
    job->sink = (struct control_sink){take_event, is_wanted};
    job->command = command != NULL ? command->words : "";
    job->user = text_copy(user);
    for (int i = 0; i < words->count; i++)
        job->words.word[job->words.count++] = text_copy(words->word[i]);
    job->since = control_json_time(0);
    job->events = json_array();
    return job;
}

/* --- what others call --- */

int web_jobs_start(const struct control_words *words, const char *user, struct text *why)
{
    struct job *job = new_job(words, user);
    char name[32];
    pthread_mutex_lock(&lock);
    int room = make_room(), number = -1;
    if (room >= 0) {
        job->number = number = ++last_number;
        job->running = true;
        free_job(jobs[room]);
        jobs[room] = job;
        snprintf(name, sizeof name, "console-%d", number);
        if (thread_start(name, STACK, run, job) < 0) {
            jobs[room] = NULL;
            number = -1;
        }
    }
    pthread_mutex_unlock(&lock);
    if (number < 0) {
        text_appendf(why, "%d run already; wait for one to end, or end it", WEB_JOBS_RUNNING);
        free_job(job);
    }
    return number;
}

json_t *web_jobs_tell(int number)
{
    pthread_mutex_lock(&lock);
    struct job *job = find(number);
    json_t *told = NULL;
    if (job != NULL) {
        json_t *answer = job->answer != NULL ? json_deep_copy(job->answer) : json_null();
        told = json_pack("{s:i, s:s, s:o, s:o, s:b, s:I, s:o, s:o}", "job", job->number, "command",
                         job->command, "subject", control_json_text(subject_of(job)), "since",
                         json_deep_copy(job->since), "running", job->running, "lost", job->lost,
                         "events", json_deep_copy(job->events), "answer", answer);
    }
    pthread_mutex_unlock(&lock);
    return told;
}

/* works_of - what the answer concludes: true, false, or null */
static json_t *works_of(const struct job *job)
{
    const json_t *result = json_object_get(job->answer, "result");
    const json_t *works = json_object_get(json_object_get(result, "conclusion"), "works");
    return json_is_boolean(works) ? json_boolean(json_is_true(works)) : json_null();
}

json_t *web_jobs_list(const char *command)
{
    json_t *list = json_array();
    pthread_mutex_lock(&lock);
    for (int number = last_number; number > 0 && number > last_number - 10 * WEB_JOBS; number--) {
        const struct job *job = find(number);
        if (job != NULL && strcmp(job->command, command) == 0)
            json_array_append_new(list, json_pack("{s:i, s:o, s:o, s:b, s:o}", "job", number,
                                                  "subject", control_json_text(subject_of(job)),
                                                  "since", json_deep_copy(job->since), "running",
                                                  job->running, "works", works_of(job)));
    }
    pthread_mutex_unlock(&lock);
    return list;
}

bool web_jobs_end(int number)
{
    pthread_mutex_lock(&lock);
    struct job *job = find(number);
    if (job != NULL)
        atomic_store(&job->unwanted, true);
    pthread_mutex_unlock(&lock);
    return job != NULL;
}

void web_jobs_stop(void)
{
    pthread_mutex_lock(&lock);
    stopped = true;
    for (int i = 0; i < WEB_JOBS; i++)
        if (jobs[i] != NULL)
            atomic_store(&jobs[i]->unwanted, true);
    pthread_mutex_unlock(&lock);
}
