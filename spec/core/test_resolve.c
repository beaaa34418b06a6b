/* SPDX-License-Identifier: MIT */
#include "fixture.h"
#include "names.h"
#include "resolve.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

enum { HELPERS = 8, MANY = 200 };

/* One who looks a name up. */
struct asker {
  struct qs_lookup *lookup;
  struct qs_addresses list;
  struct qs_error error;
  int result;
  int answers;
  void (*act)(struct asker *asker);
  struct asker *other;
};

struct house {
  struct fixture f;
  struct qs_resolver *resolver;
};

static void open_house(struct house *house) {
  struct qs_error error;
  names_reset();
  fixture_open(&house->f);
  house->resolver = qs_resolver_new(house->f.loop, &error);
  CHECK(house->resolver != NULL);
  CHECK(threads_count() == 1); /* none before they are needed */
}

static void close_house(struct house *house) {
  qs_resolver_free(house->resolver);
  /* The kernel lists a thread a moment longer than it can be joined. */
  threads_await(1);
  fixture_close(&house->f);
}

static void done(void *owner) {
  struct asker *asker = owner;
  asker->answers++;
  asker->result = qs_lookup_take(asker->lookup, &asker->list, &asker->error);
  asker->lookup = NULL;
  if (asker->act != NULL) asker->act(asker);
}

static void ask(struct house *house, struct asker *asker, const char *name) {
  asker->lookup = qs_resolver_start(house->resolver, name, 80, SOCK_STREAM,
                                    done, asker, &asker->error);
  CHECK(asker->lookup != NULL);
}

static void await_answer(struct house *house, struct asker *asker) {
  while (asker->answers == 0)
    qs_loop_poll(house->f.loop, true);
}

static void expect_text(const struct qs_address *address,
                        const char *expected) {
  char text[QS_ADDRESS_TEXT];
  qs_address_text(address, text);
  CHECK_ROW(strcmp(text, expected) == 0, expected);
}

static void test_numeric(void) {
  static const char *const hosts[] = {"127.0.0.1", "::1", "0.0.0.0", "::"};
  static const char *const others[] = {"localhost", "", "no such host",
                                       "127.0.0.1.example"};
  struct qs_addresses list = {0};
  struct qs_error error;
  names_reset();
  for (size_t i = 0; i < 4; i++) {
    CHECK_ROW(qs_resolve_numeric(hosts[i], 7, SOCK_STREAM, &list, &error) ==
                  QS_DONE,
              hosts[i]);
    expect_text(&list.items[i], hosts[i]);
    CHECK(qs_address_port(&list.items[i]) == 7);
    CHECK_ROW(qs_resolve_numeric(others[i], 7, SOCK_STREAM, &list, &error) ==
                  QS_AGAIN,
              others[i]);
  }
  CHECK(list.count == 4);
  CHECK(names_begun() == 0 && threads_count() == 1);
  qs_addresses_free(&list);
}

static void test_answer(void) {
  struct house house;
  struct asker asker = {0};
  open_house(&house);
  names_set("host", "127.0.0.2 ::1 127.0.0.2 127.0.0.1 ::1", 0, 0);
  ask(&house, &asker, "host");
  CHECK(asker.answers == 0); /* never before the call has returned */
  await_answer(&house, &asker);
  CHECK(asker.result == 0 && asker.list.count == 3);
  expect_text(&asker.list.items[0], "127.0.0.2");
  expect_text(&asker.list.items[1], "::1");
  expect_text(&asker.list.items[2], "127.0.0.1");
  CHECK(qs_address_port(&asker.list.items[1]) == 80);
  qs_addresses_free(&asker.list);
  close_house(&house);
}

static void test_failure(void) {
  struct house house;
  struct asker unknown = {0};
  struct asker system = {0};
  open_house(&house);
  names_set("system", NULL, EAI_SYSTEM, EMFILE);
  ask(&house, &unknown, "unknown");
  ask(&house, &system, "system");
  await_answer(&house, &unknown);
  await_answer(&house, &system);
  CHECK(unknown.result == -1 && unknown.error.kind == QS_ERROR_GAI);
  CHECK(unknown.error.code == EAI_NONAME && unknown.list.count == 0);
  CHECK(system.result == -1 && system.error.kind == QS_ERROR_POSIX);
  CHECK(system.error.code == EMFILE);
  close_house(&house);
}

static void test_many(void) {
  static struct asker askers[MANY];
  struct house house;
  memset(askers, 0, sizeof askers);
  open_house(&house);
  names_set("host", "127.0.0.1", 0, 0);
  for (int i = 0; i < MANY; i++)
    ask(&house, &askers[i], i % 2 == 0 ? "host" : "unknown");
  CHECK(threads_count() <= 1 + HELPERS);
  for (int i = 0; i < MANY; i++) {
    await_answer(&house, &askers[i]);
    CHECK(askers[i].result == (i % 2 == 0 ? 0 : -1));
    qs_addresses_free(&askers[i].list);
  }
  for (int i = 0; i < MANY; i++)
    CHECK(askers[i].answers == 1);
  close_house(&house);
}

/* Even when a helper has just become idle and two look-ups come at once. */
static void test_no_waiting(void) {
  struct house house;
  open_house(&house);
  names_set("slow", "127.0.0.1", 0, 0);
  names_set("quick", "127.0.0.1", 0, 0);
  for (int i = 0; i < 20; i++) {
    struct asker warm = {0};
    struct asker slow = {0};
    struct asker quick = {0};
    ask(&house, &warm, "quick");
    await_answer(&house, &warm);
    ask(&house, &slow, "slow");
    ask(&house, &quick, "quick");
    await_answer(&house, &quick);
    CHECK(slow.answers == 0);
    names_release(1);
    await_answer(&house, &slow);
    qs_addresses_free(&warm.list);
    qs_addresses_free(&slow.list);
    qs_addresses_free(&quick.list);
  }
  close_house(&house);
}

static void fill_helpers(struct house *house, struct asker *askers) {
  names_set("slow", "127.0.0.1", 0, 0);
  memset(askers, 0, HELPERS * sizeof *askers);
  for (int i = 0; i < HELPERS; i++)
    ask(house, &askers[i], "slow");
  names_await_begun(HELPERS);
}

static void test_cancel_queued(void) {
  struct house house;
  struct asker askers[HELPERS];
  struct asker queued = {0};
  open_house(&house);
  fill_helpers(&house, askers);
  ask(&house, &queued, "slow");
  qs_lookup_cancel(queued.lookup);
  names_release(HELPERS);
  for (int i = 0; i < HELPERS; i++) {
    await_answer(&house, &askers[i]);
    qs_addresses_free(&askers[i].list);
  }
  CHECK(names_begun() == HELPERS && queued.answers == 0);
  close_house(&house);
}

static void test_cancel_running(void) {
  struct house house;
  struct asker askers[HELPERS];
  open_house(&house);
  fill_helpers(&house, askers);
  for (int i = 0; i < HELPERS; i += 2)
    qs_lookup_cancel(askers[i].lookup);
  names_release(HELPERS);
  for (int i = 1; i < HELPERS; i += 2) {
    await_answer(&house, &askers[i]);
    qs_addresses_free(&askers[i].list);
  }
  names_await_ended(HELPERS);
  CHECK(is_quiet(house.f.loop));
  for (int i = 0; i < HELPERS; i += 2)
    CHECK(askers[i].answers == 0);
  qs_resolver_free(house.resolver);
  threads_await(1); /* one may have been on its way out of its look-up */
  fixture_close(&house.f);
}

/* The pause lets the answer reach the list; without it, it is on its way. */
static void test_cancel_answered(void) {
  struct house house;
  struct asker asker = {0};
  open_house(&house);
  names_set("host", "127.0.0.1", 0, 0);
  for (size_t i = 0; i < 10; i++) {
    ask(&house, &asker, "host");
    names_await_ended(i + 1);
    if (i % 2 == 0) usleep(5000);
    qs_lookup_cancel(asker.lookup);
    CHECK(is_quiet(house.f.loop));
  }
  qs_lookup_cancel(NULL);
  CHECK(asker.answers == 0);
  qs_resolver_free(house.resolver);
  threads_await(1);
  fixture_close(&house.f);
}

static void act_cancel(struct asker *asker) {
  if (asker->other->lookup != NULL) {
    qs_lookup_cancel(asker->other->lookup);
    asker->other->lookup = NULL;
  }
}

/* Whichever answer comes first takes the other back, which may be waiting in
 * the same poll. */
static void test_cancel_other(void) {
  struct house house;
  struct asker one = {.act = act_cancel};
  struct asker other = {.act = act_cancel};
  one.other = &other;
  other.other = &one;
  open_house(&house);
  names_set("host", "127.0.0.1", 0, 0);
  ask(&house, &one, "host");
  ask(&house, &other, "host");
  names_await_ended(2);
  while (one.answers + other.answers == 0)
    qs_loop_poll(house.f.loop, true);
  CHECK(is_quiet(house.f.loop));
  CHECK(one.answers + other.answers == 1);
  qs_addresses_free(&one.list);
  qs_addresses_free(&other.list);
  qs_resolver_free(house.resolver);
  threads_await(1);
  fixture_close(&house.f);
}

static struct house *current;

static void act_ask_again(struct asker *asker) {
  asker->act = NULL;
  qs_addresses_free(&asker->list);
  ask(current, asker, "host");
}

static void test_ask_again(void) {
  struct house house;
  struct asker asker = {.act = act_ask_again};
  current = &house;
  open_house(&house);
  names_set("host", "127.0.0.1", 0, 0);
  ask(&house, &asker, "host");
  while (asker.answers < 2)
    qs_loop_poll(house.f.loop, true);
  CHECK(asker.result == 0 && asker.list.count == 1);
  qs_addresses_free(&asker.list);
  close_house(&house);
}

/* A resolver need not wait for a name server that takes its time. */
static void test_free_busy(void) {
  struct house house;
  struct asker askers[HELPERS];
  open_house(&house);
  fill_helpers(&house, askers);
  for (int i = 0; i < HELPERS; i++)
    qs_lookup_cancel(askers[i].lookup);
  qs_resolver_free(house.resolver);
  fixture_close(&house.f);
  CHECK(threads_count() == 1 + HELPERS);
  names_release(HELPERS);
  threads_await(1);
}

static void test_free_idle(void) {
  struct house house;
  open_house(&house);
  close_house(&house);
  qs_resolver_free(NULL);
}

static const struct check_case cases[] = {
    {"numeric hosts are known at once and on the spot", test_numeric},
    {"a name answers its addresses in order, each once", test_answer},
    {"a failure is the resolver's, or the system's", test_failure},
    {"two hundred look-ups at once are each answered once", test_many},
    {"a slow look-up delays no other", test_no_waiting},
    {"a look-up that waits for its turn can be cancelled", test_cancel_queued},
    {"a look-up under way can be cancelled", test_cancel_running},
    {"an answer nobody has fetched can be cancelled", test_cancel_answered},
    {"an answer may cancel another one", test_cancel_other},
    {"an answer may lead to the next question", test_ask_again},
    {"a resolver can be freed while its helpers are busy", test_free_busy},
    {"a resolver that was never asked has no threads", test_free_idle},
};

int main(void) {
  return CHECK_ALL(cases);
}
