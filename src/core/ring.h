/* SPDX-License-Identifier: MIT */
#ifndef QS_RING_H
#define QS_RING_H

/*
 * Lists in the manner of <sys/queue.h>, but with a head of one pointer: they
 * are circular, so the last element is the one before the first.  Elements are
 * added at the end and may leave from anywhere.
 *
 * `first` is the head, an lvalue, NULL when the list is empty; `field` is the
 * QS_RING_ENTRY of an element.
 */

#include <stddef.h>

#define QS_RING_ENTRY(type)                                                    \
  struct {                                                                     \
    struct type *next;                                                         \
    struct type *before;                                                       \
  }

#define QS_RING_APPEND(first, element, field)                                  \
  do {                                                                         \
    if ((first) == NULL) {                                                     \
      (element)->field.next = (element)->field.before = (element);             \
      (first) = (element);                                                     \
    } else {                                                                   \
      (element)->field.next = (first);                                         \
      (element)->field.before = (first)->field.before;                         \
      (first)->field.before->field.next = (element);                           \
      (first)->field.before = (element);                                       \
    }                                                                          \
  } while (0)

#define QS_RING_REMOVE(first, element, field)                                  \
  do {                                                                         \
    if ((element)->field.next == (element)) {                                  \
      (first) = NULL;                                                          \
    } else {                                                                   \
      (element)->field.before->field.next = (element)->field.next;             \
      (element)->field.next->field.before = (element)->field.before;           \
      if ((first) == (element)) (first) = (element)->field.next;               \
    }                                                                          \
  } while (0)

/* The element behind one; NULL behind the last. */
#define QS_RING_NEXT(first, element, field)                                    \
  ((element)->field.next == (first) ? NULL : (element)->field.next)

/* The list must stay as it is meanwhile. */
#define QS_RING_FOREACH(element, first, field)                                 \
  for ((element) = (first); (element) != NULL;                                 \
       (element) = QS_RING_NEXT(first, element, field))

#endif
