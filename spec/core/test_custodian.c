/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <string.h>

enum { MANY = 10000, DEEP = 10000 };

/* A member that writes its letter down when it is shut down, and may do
 * something of its own. */
struct mark {
  struct qs_member member;
  char letter;
  void (*act)(struct mark *mark);
  void *target;
};

static char order[64];

static void shut_down(struct qs_member *member) {
  struct mark *mark = (struct mark *)(void *)member;
  size_t length = strlen(order);
  CHECK(member->custodian == NULL); /* it has left already */
  order[length] = mark->letter;
  order[length + 1] = '\0';
  if (mark->act != NULL) mark->act(mark);
}

static const struct qs_member_kind mark_kind = {"mark", shut_down};

static struct qs_custodian *make(struct fixture *f,
                                 struct qs_custodian *parent) {
  struct qs_error error;
  struct qs_custodian *custodian = qs_custodian_new(f->loop, parent, &error);
  CHECK(custodian != NULL);
  return custodian;
}

static void put(struct mark *mark, char letter, struct qs_custodian *under) {
  struct qs_error error;
  memset(mark, 0, sizeof *mark);
  mark->letter = letter;
  CHECK(qs_custodian_add(under, &mark->member, &mark_kind, &error) == 0);
}

static void start(struct fixture *f) {
  order[0] = '\0';
  fixture_open(f);
}

static void test_order(void) {
  struct fixture f;
  struct mark marks[5];
  start(&f);
  struct qs_custodian *top = make(&f, f.root);
  struct qs_custodian *one = make(&f, top);
  struct qs_custodian *two = make(&f, top);
  struct qs_custodian *below = make(&f, one);
  put(&marks[0], 't', top);
  put(&marks[1], 'u', top);
  put(&marks[2], '1', one);
  put(&marks[3], '2', two);
  put(&marks[4], 'b', below);
  qs_custodian_shut_down(top);
  CHECK_ROW(strcmp(order, "b12tu") == 0, order);
  CHECK(top->is_shut_down && one->is_shut_down && two->is_shut_down);
  CHECK(below->is_shut_down && !f.root->is_shut_down);
  qs_custodian_shut_down(top);
  CHECK_ROW(strcmp(order, "b12tu") == 0, order);
  qs_custodian_release(below);
  qs_custodian_release(two);
  qs_custodian_release(top);
  qs_custodian_release(one);
  fixture_close(&f);
}

static void test_dead(void) {
  struct fixture f;
  struct mark mark;
  struct qs_error error;
  start(&f);
  struct qs_custodian *dead = make(&f, f.root);
  qs_custodian_shut_down(dead);
  CHECK(qs_custodian_new(f.loop, dead, &error) == NULL);
  CHECK(error.kind == QS_ERROR_CUSTODIAN);
  error.kind = QS_ERROR_POSIX;
  CHECK(qs_custodian_add(dead, &mark.member, &mark_kind, &error) == -1);
  CHECK(error.kind == QS_ERROR_CUSTODIAN && mark.member.custodian == NULL);
  qs_member_leave(&mark.member);
  qs_custodian_release(dead);
  fixture_close(&f);
}

static void test_leave(void) {
  struct fixture f;
  struct mark marks[3];
  start(&f);
  struct qs_custodian *custodian = make(&f, f.root);
  for (int i = 0; i < 3; i++)
    put(&marks[i], (char)('a' + i), custodian);
  for (int twice = 0; twice < 2; twice++)
    qs_member_leave(&marks[1].member);
  qs_custodian_shut_down(custodian);
  CHECK_ROW(strcmp(order, "ac") == 0, order);
  qs_custodian_release(custodian);
  fixture_close(&f);
}

static void test_counted(void) {
  struct fixture f;
  struct mark mark;
  start(&f);
  struct qs_custodian *parent = make(&f, f.root);
  struct qs_custodian *child = make(&f, parent);
  put(&mark, 'm', child);
  qs_custodian_release(parent); /* the child holds it */
  qs_custodian_release(child);  /* the member holds that */
  qs_member_leave(&mark.member);
  CHECK(f.root->children == NULL); /* both are gone */
  CHECK(order[0] == '\0');
  fixture_close(&f);
}

static void test_watchers(void) {
  struct fixture f;
  struct qs_waiter takes;
  struct qs_waiter looks;
  start(&f);
  struct qs_custodian *parent = make(&f, f.root);
  struct qs_custodian *child = make(&f, parent);
  waiter_init(&takes, NULL, true);
  waiter_init(&looks, NULL, false);
  qs_waiter_join(&takes, &child->watchers);
  qs_waiter_join(&looks, &parent->watchers);
  qs_custodian_shut_down(parent);
  CHECK(next_ready(f.loop) == &takes);
  CHECK(next_ready(f.loop) == &looks);
  qs_custodian_release(child);
  qs_custodian_release(parent);
  fixture_close(&f);
}

static void act_shut_down(struct mark *mark) {
  qs_custodian_shut_down(mark->target);
}

static void act_leave(struct mark *mark) {
  struct mark *other = mark->target;
  qs_member_leave(&other->member);
}

static void act_release(struct mark *mark) {
  qs_custodian_release(mark->target);
}

/* A member of a child shuts everything above it down while it goes itself. */
static void test_upwards(void) {
  struct fixture f;
  struct mark marks[4];
  start(&f);
  struct qs_custodian *top = make(&f, f.root);
  struct qs_custodian *middle = make(&f, top);
  struct qs_custodian *low = make(&f, middle);
  put(&marks[0], 't', top);
  put(&marks[1], 'm', middle);
  put(&marks[2], 'l', low);
  put(&marks[3], 'k', low);
  marks[2].act = act_shut_down;
  marks[2].target = top;
  qs_custodian_shut_down(middle);
  CHECK_ROW(strcmp(order, "lkmt") == 0, order);
  CHECK(top->is_shut_down);
  qs_custodian_release(low);
  qs_custodian_release(middle);
  qs_custodian_release(top);
  fixture_close(&f);
}

static void test_sideways(void) {
  struct fixture f;
  struct mark marks[4];
  start(&f);
  struct qs_custodian *one = make(&f, f.root);
  struct qs_custodian *two = make(&f, f.root);
  put(&marks[0], 'a', one);
  put(&marks[1], 'b', one); /* taken away by a, so never shut down */
  put(&marks[2], 'c', one);
  put(&marks[3], 'd', two);
  marks[0].act = act_leave;
  marks[0].target = &marks[1];
  marks[2].act = act_shut_down;
  marks[2].target = two;
  marks[3].act = act_shut_down;
  marks[3].target = one; /* under way already: no effect */
  qs_custodian_shut_down(one);
  CHECK_ROW(strcmp(order, "acd") == 0, order);
  qs_custodian_release(one);
  qs_custodian_release(two);
  fixture_close(&f);
}

static void test_released_meanwhile(void) {
  struct fixture f;
  struct mark marks[3];
  start(&f);
  struct qs_custodian *top = make(&f, f.root);
  struct qs_custodian *low = make(&f, top);
  put(&marks[0], 'a', low);
  put(&marks[1], 'b', low);
  put(&marks[2], 'c', top);
  marks[0].act = act_release;
  marks[0].target = low;
  marks[1].act = act_release;
  marks[1].target = top;
  qs_custodian_shut_down(top);
  CHECK_ROW(strcmp(order, "abc") == 0, order);
  fixture_close(&f);
}

static struct fixture *current;

static void act_open(struct mark *mark) {
  struct qs_error error;
  struct mark late;
  CHECK(qs_custodian_new(current->loop, mark->target, &error) == NULL);
  CHECK(qs_custodian_add(mark->target, &late.member, &mark_kind, &error) < 0);
}

static void test_refused_meanwhile(void) {
  struct fixture f;
  struct mark mark;
  start(&f);
  current = &f;
  struct qs_custodian *top = make(&f, f.root);
  struct qs_custodian *low = make(&f, top);
  put(&mark, 'a', low);
  mark.act = act_open;
  mark.target = top; /* its turn is still to come, but it is dead */
  qs_custodian_shut_down(top);
  CHECK_ROW(strcmp(order, "a") == 0, order);
  qs_custodian_release(low);
  qs_custodian_release(top);
  fixture_close(&f);
}

static void test_many_children(void) {
  static struct qs_custodian *children[MANY];
  struct fixture f;
  start(&f);
  struct qs_custodian *top = make(&f, f.root);
  for (int i = 0; i < MANY; i++)
    children[i] = make(&f, top);
  for (int i = 0; i < MANY; i += 2) /* those closed on their own */
    qs_custodian_shut_down(children[i]);
  qs_custodian_shut_down(top);
  for (int i = 0; i < MANY; i++) {
    CHECK(children[i]->is_shut_down);
    qs_custodian_release(children[i]);
  }
  qs_custodian_release(top);
  fixture_close(&f);
}

static void test_deep(void) {
  struct fixture f;
  struct mark mark;
  start(&f);
  struct qs_custodian *top = make(&f, f.root);
  struct qs_custodian *at = top;
  qs_custodian_retain(top);
  for (int i = 0; i < DEEP; i++) {
    struct qs_custodian *below = make(&f, at);
    qs_custodian_release(at);
    at = below;
  }
  put(&mark, 'd', at);
  qs_custodian_release(at);
  qs_custodian_shut_down(top);
  CHECK_ROW(strcmp(order, "d") == 0, order);
  qs_custodian_release(top);
  fixture_close(&f);
}

static const struct check_case cases[] = {
    {"what is below goes first, then members in order, and only once",
     test_order},
    {"a dead custodian takes neither members nor children", test_dead},
    {"a member that leaves is not shut down", test_leave},
    {"custodians live as long as somebody counts on them", test_counted},
    {"shutdown wakes those who wait for it", test_watchers},
    {"a member may shut down what is above it", test_upwards},
    {"members may end one another", test_sideways},
    {"custodians may be released while they are shut down",
     test_released_meanwhile},
    {"nothing can be opened while a shutdown is under way",
     test_refused_meanwhile},
    {"ten thousand children go with their parent", test_many_children},
    {"ten thousand levels go without deep recursion", test_deep},
};

int main(void) {
  return CHECK_ALL(cases);
}
