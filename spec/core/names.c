/* SPDX-License-Identifier: MIT */
#include "names.h"

#include "check.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { NAMES = 8 };

static struct {
  const char *name;
  const char *addresses;
  int code;
  int saved;
} names[NAMES];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static size_t name_count, begun, ended, passes;

void names_set(const char *name, const char *addresses, int code, int saved) {
  CHECK(name_count < NAMES);
  names[name_count].name = name;
  names[name_count].addresses = addresses;
  names[name_count].code = code;
  names[name_count].saved = saved;
  name_count++;
}

void names_reset(void) {
  pthread_mutex_lock(&mutex);
  name_count = begun = ended = passes = 0;
  pthread_mutex_unlock(&mutex);
}

static size_t value_of(const size_t *counter) {
  pthread_mutex_lock(&mutex);
  size_t value = *counter;
  pthread_mutex_unlock(&mutex);
  return value;
}

size_t names_begun(void) {
  return value_of(&begun);
}

size_t names_ended(void) {
  return value_of(&ended);
}

static void add(size_t *counter, size_t count) {
  pthread_mutex_lock(&mutex);
  *counter += count;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

static void await(const size_t *counter, size_t count) {
  pthread_mutex_lock(&mutex);
  while (*counter < count)
    pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
}

void names_await_begun(size_t count) {
  await(&begun, count);
}

void names_await_ended(size_t count) {
  await(&ended, count);
}

void names_release(size_t count) {
  add(&passes, count);
}

static void await_pass(void) {
  pthread_mutex_lock(&mutex);
  while (passes == 0)
    pthread_cond_wait(&changed, &mutex);
  passes--;
  pthread_mutex_unlock(&mutex);
}

/* In one piece with its address, so that one free() does. */
struct entry {
  struct addrinfo info;
  struct sockaddr_storage address;
};

static bool parse(const char *text, unsigned short port, struct entry *entry) {
  struct sockaddr_in *v4 = (struct sockaddr_in *)&entry->address;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&entry->address;
  entry->info.ai_addr = (struct sockaddr *)&entry->address;
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    entry->info.ai_addrlen = sizeof *v4;
    return true;
  }
  if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1) return false;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  entry->info.ai_addrlen = sizeof *v6;
  return true;
}

static int answer(const char *addresses, const char *service,
                  struct addrinfo **result) {
  char text[256];
  char *rest = NULL;
  int code = EAI_NONAME;
  unsigned short port = (unsigned short)strtoul(service, NULL, 10);
  snprintf(text, sizeof text, "%s", addresses);
  *result = NULL;
  for (char *word = strtok_r(text, " ", &rest); word != NULL;
       word = strtok_r(NULL, " ", &rest)) {
    struct entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL || !parse(word, port, entry)) {
      free(entry);
      return EAI_NONAME;
    }
    *result = &entry->info;
    result = &entry->info.ai_next;
    code = 0;
  }
  return code;
}

static int answer_name(const char *name, const char *service,
                       struct addrinfo **result) {
  if (strncmp(name, "slow", 4) == 0) await_pass();
  for (size_t i = 0; i < name_count; i++) {
    if (strcmp(names[i].name, name) != 0) continue;
    if (names[i].addresses != NULL)
      return answer(names[i].addresses, service, result);
    errno = names[i].saved;
    return names[i].code;
  }
  return EAI_NONAME;
}

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict req,
                struct addrinfo **restrict pai) {
  if ((req->ai_flags & AI_NUMERICHOST) != 0) return answer(name, service, pai);
  add(&begun, 1);
  int code = answer_name(name, service, pai);
  int saved = errno;
  add(&ended, 1);
  errno = saved;
  return code;
}

void freeaddrinfo(struct addrinfo *ai) {
  while (ai != NULL) {
    struct addrinfo *next = ai->ai_next;
    free(ai); /* the first member of its entry */
    ai = next;
  }
}

size_t threads_count(void) {
  size_t count = 0;
  DIR *tasks = opendir("/proc/self/task");
  CHECK(tasks != NULL);
  for (struct dirent *task; (task = readdir(tasks)) != NULL;)
    count += task->d_name[0] != '.';
  closedir(tasks);
  return count;
}

/* Nothing tells when a thread is gone from there; SIGALRM bounds the wait. */
void threads_await(size_t count) {
  while (threads_count() != count)
    usleep(1000);
}
