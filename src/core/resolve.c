/* SPDX-License-Identifier: MIT */
#include "resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Names looked up at the same time; more wait their turn. */
enum { HELPERS = 8 };

enum stage { QUEUED, RUNNING, ANSWERED, ABANDONED };

struct qs_lookup {
  TAILQ_ENTRY(qs_lookup) link; /* in `queued` or in `answered` */
  struct hub *hub;
  enum stage stage;
  char *host;
  uint16_t port;
  int type;
  void (*done)(void *owner);
  void *owner;
  struct addrinfo *answer;
  int code;  /* of getaddrinfo */
  int saved; /* errno, when that is EAI_SYSTEM */
};

TAILQ_HEAD(lookups, qs_lookup);

struct helper {
  pthread_t thread;
  struct hub *hub;
  bool is_running; /* inside getaddrinfo */
};

/* What the helpers share with the resolver.  The last to leave frees it; the
 * mutex guards everything but `wake`. */
struct hub {
  pthread_mutex_t mutex;
  pthread_cond_t work;
  struct lookups queued;
  struct lookups answered;
  size_t queued_count;
  struct helper helpers[HELPERS];
  size_t helper_count;
  size_t idle_count;
  size_t references;
  bool is_closing;
  int wake; /* eventfd: there are answers */
};

struct qs_resolver {
  struct qs_loop *loop;
  struct hub *hub;
  struct event answers;
};

static void free_lookup(struct qs_lookup *lookup) {
  if (lookup->answer != NULL) freeaddrinfo(lookup->answer);
  free(lookup->host);
  free(lookup);
}

/* With the mutex held; it is released. */
static void leave_hub(struct hub *hub) {
  bool is_last = --hub->references == 0;
  pthread_mutex_unlock(&hub->mutex);
  if (!is_last) return;
  close(hub->wake);
  pthread_cond_destroy(&hub->work);
  pthread_mutex_destroy(&hub->mutex);
  free(hub);
}

static void ask(struct qs_lookup *lookup) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = lookup->type};
  char port[8];
  snprintf(port, sizeof port, "%u", (unsigned)lookup->port);
  lookup->code = getaddrinfo(lookup->host, port, &hints, &lookup->answer);
  lookup->saved = errno;
}

/* With the mutex held.  Writing to an eventfd cannot fail below 2^64 - 1. */
static void answer(struct hub *hub, struct qs_lookup *lookup) {
  uint64_t one = 1;
  if (lookup->stage == ABANDONED) {
    free_lookup(lookup);
    return;
  }
  lookup->stage = ANSWERED;
  TAILQ_INSERT_TAIL(&hub->answered, lookup, link);
  if (write(hub->wake, &one, sizeof one) < 0) return;
}

static void *help(void *argument) {
  struct helper *self = argument;
  struct hub *hub = self->hub;
  struct qs_lookup *lookup;
  pthread_mutex_lock(&hub->mutex);
  while (!hub->is_closing) {
    if ((lookup = TAILQ_FIRST(&hub->queued)) == NULL) {
      hub->idle_count++;
      pthread_cond_wait(&hub->work, &hub->mutex);
      hub->idle_count--;
      continue;
    }
    TAILQ_REMOVE(&hub->queued, lookup, link);
    hub->queued_count--;
    lookup->stage = RUNNING;
    self->is_running = true;
    pthread_mutex_unlock(&hub->mutex);
    ask(lookup);
    pthread_mutex_lock(&hub->mutex);
    self->is_running = false;
    answer(hub, lookup);
  }
  leave_hub(hub);
  return NULL;
}

static struct qs_lookup *next_answer(struct hub *hub) {
  pthread_mutex_lock(&hub->mutex);
  struct qs_lookup *lookup = TAILQ_FIRST(&hub->answered);
  if (lookup != NULL) TAILQ_REMOVE(&hub->answered, lookup, link);
  pthread_mutex_unlock(&hub->mutex);
  return lookup;
}

static void on_answers(evutil_socket_t fd, short what, void *owner) {
  struct qs_resolver *resolver = owner;
  struct qs_lookup *lookup;
  uint64_t count;
  (void)what;
  if (read(fd, &count, sizeof count) < 0) return;
  while ((lookup = next_answer(resolver->hub)) != NULL)
    lookup->done(lookup->owner);
}

static struct hub *make_hub(void) {
  struct hub *hub = calloc(1, sizeof *hub);
  if (hub == NULL) return NULL;
  hub->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (hub->wake < 0) {
    free(hub);
    return NULL;
  }
  TAILQ_INIT(&hub->queued);
  TAILQ_INIT(&hub->answered);
  pthread_mutex_init(&hub->mutex, NULL);
  pthread_cond_init(&hub->work, NULL);
  hub->references = 1;
  return hub;
}

struct qs_resolver *qs_resolver_new(struct qs_loop *loop,
                                    struct qs_error *error) {
  struct qs_resolver *resolver = calloc(1, sizeof *resolver);
  if (resolver == NULL) {
    qs_error_posix(error, "resolver", NULL);
    return NULL;
  }
  resolver->loop = loop;
  return resolver;
}

/* The hub is made for the first look-up: a program without host names needs no
 * descriptor for it.  Errors: -1 and errno. */
static int open_hub(struct qs_resolver *resolver) {
  if (resolver->hub != NULL) return 0;
  struct hub *hub = make_hub();
  if (hub == NULL) return -1;
  event_assign(&resolver->answers, resolver->loop->base, hub->wake,
               EV_READ | EV_PERSIST, on_answers, resolver);
  if (event_add(&resolver->answers, NULL) == 0) {
    resolver->hub = hub;
    return 0;
  }
  pthread_mutex_lock(&hub->mutex);
  leave_hub(hub);
  errno = ENOMEM;
  return -1;
}

/* Joins those that come to an end by themselves; a look-up may last minutes. */
static void dismiss(struct hub *hub) {
  for (size_t i = 0; i < hub->helper_count; i++) {
    pthread_t thread = hub->helpers[i].thread;
    if (hub->helpers[i].is_running) {
      pthread_detach(thread);
      continue;
    }
    pthread_mutex_unlock(&hub->mutex);
    pthread_join(thread, NULL);
    pthread_mutex_lock(&hub->mutex);
  }
}

void qs_resolver_free(struct qs_resolver *resolver) {
  if (resolver == NULL) return;
  struct hub *hub = resolver->hub;
  if (hub != NULL) {
    event_del(&resolver->answers);
    pthread_mutex_lock(&hub->mutex);
    hub->is_closing = true;
    pthread_cond_broadcast(&hub->work);
    dismiss(hub);
    leave_hub(hub);
  }
  free(resolver);
}

static int collect(const struct addrinfo *answer, struct qs_addresses *list,
                   struct qs_error *error) {
  for (; answer != NULL; answer = answer->ai_next) {
    struct qs_address address;
    qs_address_set(&address, answer->ai_addr);
    if (address.any.sa_family != AF_UNSPEC &&
        !qs_addresses_add(list, &address)) {
      qs_error_gai(error, EAI_MEMORY);
      return -1;
    }
  }
  return 0;
}

enum qs_status qs_resolve_numeric(const char *host, uint16_t port, int type,
                                  struct qs_addresses *list,
                                  struct qs_error *error) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC,
                           .ai_socktype = type,
                           .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
  struct addrinfo *answer = NULL;
  char text[8];
  snprintf(text, sizeof text, "%u", (unsigned)port);
  if (getaddrinfo(host, text, &hints, &answer) != 0) return QS_AGAIN;
  int result = collect(answer, list, error);
  freeaddrinfo(answer);
  return result == 0 ? QS_DONE : QS_FAILED;
}

/* With the mutex held.  Signals are for the main thread only. */
static int add_helper(struct hub *hub) {
  struct helper *helper = &hub->helpers[hub->helper_count];
  sigset_t all;
  sigset_t before;
  helper->hub = hub;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int code = pthread_create(&helper->thread, NULL, help, helper);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (code != 0) return code;
  hub->helper_count++;
  hub->references++;
  return 0;
}

/* One helper more unless an idle one is there for it; those that are idle may
 * have been called for the look-ups queued before it.  Without any helper the
 * look-up cannot be done. */
static int enqueue(struct hub *hub, struct qs_lookup *lookup) {
  int code = 0;
  pthread_mutex_lock(&hub->mutex);
  if (hub->idle_count <= hub->queued_count && hub->helper_count < HELPERS)
    code = add_helper(hub);
  if (hub->helper_count > 0) {
    TAILQ_INSERT_TAIL(&hub->queued, lookup, link);
    hub->queued_count++;
    pthread_cond_signal(&hub->work);
    code = 0;
  }
  pthread_mutex_unlock(&hub->mutex);
  return code;
}

struct qs_lookup *qs_resolver_start(struct qs_resolver *resolver,
                                    const char *host, uint16_t port, int type,
                                    void (*done)(void *owner), void *owner,
                                    struct qs_error *error) {
  struct qs_lookup *lookup = NULL;
  if (open_hub(resolver) != 0) goto fail;
  lookup = calloc(1, sizeof *lookup);
  if (lookup == NULL) goto fail;
  lookup->host = strdup(host);
  if (lookup->host == NULL) goto fail_lookup;
  lookup->hub = resolver->hub;
  lookup->port = port;
  lookup->type = type;
  lookup->done = done;
  lookup->owner = owner;
  errno = enqueue(resolver->hub, lookup);
  if (errno == 0) return lookup;

fail_lookup:
  qs_error_posix(error, "getaddrinfo", NULL);
  free_lookup(lookup);
  return NULL;
fail:
  qs_error_posix(error, "getaddrinfo", NULL);
  return NULL;
}

int qs_lookup_take(struct qs_lookup *lookup, struct qs_addresses *list,
                   struct qs_error *error) {
  int result = -1;
  if (lookup->code == 0) {
    result = collect(lookup->answer, list, error);
  } else {
    errno = lookup->saved;
    qs_error_gai(error, lookup->code);
  }
  free_lookup(lookup);
  return result;
}

void qs_lookup_cancel(struct qs_lookup *lookup) {
  if (lookup == NULL) return;
  struct hub *hub = lookup->hub;
  pthread_mutex_lock(&hub->mutex);
  if (lookup->stage == RUNNING) {
    lookup->stage = ABANDONED;
    lookup = NULL;
  } else if (lookup->stage == QUEUED) {
    TAILQ_REMOVE(&hub->queued, lookup, link);
    lookup->hub->queued_count--;
  } else {
    TAILQ_REMOVE(&hub->answered, lookup, link);
  }
  pthread_mutex_unlock(&hub->mutex);
  if (lookup != NULL) free_lookup(lookup);
}
