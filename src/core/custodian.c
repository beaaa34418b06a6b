/* SPDX-License-Identifier: MIT */
#include "custodian.h"

#include <errno.h>
#include <stdlib.h>

/* One pointer in the root, rather than in each of thousands. */
struct root {
  struct qs_custodian custodian;
  struct qs_loop *loop;
};

static struct qs_custodian *make_root(struct qs_loop *loop) {
  struct root *root = calloc(1, sizeof *root);
  if (root == NULL) return NULL;
  root->loop = loop;
  return &root->custodian;
}

struct qs_loop *qs_custodian_loop(const struct qs_custodian *custodian) {
  while (custodian->parent != NULL)
    custodian = custodian->parent;
  return ((const struct root *)(const void *)custodian)->loop;
}

struct qs_custodian *qs_custodian_new(struct qs_loop *loop,
                                      struct qs_custodian *parent,
                                      struct qs_error *error) {
  if (parent != NULL && parent->is_shut_down) {
    qs_error_state(error, QS_ERROR_CUSTODIAN, "custodian");
    return NULL;
  }
  struct qs_custodian *custodian =
      parent == NULL ? make_root(loop) : calloc(1, sizeof *custodian);
  if (custodian == NULL) {
    qs_error_posix(error, "custodian", NULL);
    return NULL;
  }
  custodian->references = 1;
  qs_queue_init(&custodian->watchers);
  if (parent != NULL) {
    custodian->parent = parent;
    qs_custodian_retain(parent);
    custodian->is_child = true;
    QS_RING_APPEND(parent->children, custodian, link);
  }
  return custodian;
}

void qs_custodian_retain(struct qs_custodian *custodian) {
  custodian->references++;
}

/* Out of the parent's list; the parent stays counted until the child is
 * freed. */
static void leave_parent(struct qs_custodian *custodian) {
  if (!custodian->is_child) return;
  custodian->is_child = false;
  QS_RING_REMOVE(custodian->parent->children, custodian, link);
}

void qs_custodian_release(struct qs_custodian *custodian) {
  while (custodian != NULL && --custodian->references == 0) {
    struct qs_custodian *parent = custodian->parent;
    leave_parent(custodian);
    free(custodian);
    custodian = parent;
  }
}

/* The one after `at` when the tree below `top` is walked parents first. */
static struct qs_custodian *next_in_tree(struct qs_custodian *at,
                                         const struct qs_custodian *top) {
  if (at->children != NULL) return at->children;
  for (; at != top; at = at->parent) {
    struct qs_custodian *next = QS_RING_NEXT(at->parent->children, at, link);
    if (next != NULL) return next;
  }
  return NULL;
}

/* The first to go: a custodian without children.  No recursion, because trees
 * may be deep. */
static struct qs_custodian *leaf_of(struct qs_custodian *top) {
  while (top->children != NULL)
    top = top->children;
  return top;
}

/* Members may close one another, and those that run Lua may do anything: only
 * the head of the list is ever trusted. */
static void empty(struct qs_custodian *custodian) {
  struct qs_member *member;
  while ((member = custodian->members) != NULL) {
    qs_member_leave(member);
    member->kind->shut_down(member);
  }
  if (!qs_queue_is_empty(&custodian->watchers))
    qs_queue_dissolve(qs_custodian_loop(custodian), &custodian->watchers);
  leave_parent(custodian);
}

void qs_custodian_shut_down(struct qs_custodian *top) {
  if (top->is_shut_down) return;
  qs_custodian_retain(top);
  /* All are dead before the first member goes, so nothing can be added. */
  for (struct qs_custodian *at = top; at != NULL; at = next_in_tree(at, top))
    at->is_shut_down = true;
  for (struct qs_custodian *leaf = NULL; leaf != top;) {
    leaf = leaf_of(top);
    qs_custodian_retain(leaf);
    empty(leaf);
    qs_custodian_release(leaf);
  }
  qs_custodian_release(top);
}

int qs_custodian_add(struct qs_custodian *custodian, struct qs_member *member,
                     const struct qs_member_kind *kind,
                     struct qs_error *error) {
  member->kind = kind;
  member->custodian = NULL;
  if (custodian->is_shut_down) {
    qs_error_state(error, QS_ERROR_CUSTODIAN, "custodian");
    return -1;
  }
  member->custodian = custodian;
  qs_custodian_retain(custodian);
  QS_RING_APPEND(custodian->members, member, link);
  return 0;
}

void qs_member_leave(struct qs_member *member) {
  struct qs_custodian *custodian = member->custodian;
  if (custodian == NULL) return;
  member->custodian = NULL;
  QS_RING_REMOVE(custodian->members, member, link);
  qs_custodian_release(custodian);
}
