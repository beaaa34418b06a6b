/* SPDX-License-Identifier: MIT */
#include "ports.h"

#include <ctype.h>
#include <locale.h>
#include <string.h>

/*
 * input:read(formats…), with the meaning of file:read in Lua's own library
 * (Reference Manual 6.8), except that nothing is consumed until every format
 * has been read or has failed.
 */

struct reading {
  struct qs_input *input;
  struct qs_error *error;
  size_t taken;          /* bytes that the formats so far take up */
  enum qs_status status; /* of the last look into the port */
};

/* --- numbers ---------------------------------------------------------------- */

/* The longest numeral that is read, as in Lua. */
enum { NUMERAL_MAX = 200 };

struct numeral {
  struct reading *reading;
  int next; /* the byte after those taken; -1 at the end */
  int length;
  char text[NUMERAL_MAX + 1];
};

static bool is_stuck(const struct reading *reading) {
  return reading->status == QS_AGAIN || reading->status == QS_FAILED;
}

/* Looks at the byte behind those taken. */
static void look_ahead(struct numeral *numeral) {
  struct reading *reading = numeral->reading;
  struct qs_found found;
  numeral->next = -1;
  if (is_stuck(reading)) return;
  reading->status = qs_input_try_bytes(reading->input, reading->taken, 1,
                                       &found, reading->error);
  if (reading->status == QS_DONE) numeral->next = (unsigned char)found.bytes[0];
}

/* Takes the byte ahead into the numeral.  One that is too long is no number:
 * its text is made empty. */
static bool take(struct numeral *numeral) {
  if (numeral->length >= NUMERAL_MAX) {
    numeral->length = 0;
    numeral->text[0] = '\0';
    return false;
  }
  numeral->text[numeral->length++] = (char)numeral->next;
  numeral->reading->taken++;
  look_ahead(numeral);
  return true;
}

static bool take_one_of(struct numeral *numeral, const char *set) {
  if (numeral->next <= 0 || strchr(set, numeral->next) == NULL) return false;
  return take(numeral);
}

static int take_digits(struct numeral *numeral, bool is_hex) {
  int count = 0;
  while (numeral->next >= 0 &&
         (is_hex ? isxdigit(numeral->next) : isdigit(numeral->next)) &&
         take(numeral))
    count++;
  return count;
}

static void skip_space(struct numeral *numeral) {
  look_ahead(numeral);
  while (numeral->next >= 0 && isspace(numeral->next)) {
    numeral->reading->taken++;
    look_ahead(numeral);
  }
}

static void take_numeral(struct numeral *numeral) {
  char point[3] = {localeconv()->decimal_point[0], '.', '\0'};
  bool is_hex = false;
  int digits = 0;
  skip_space(numeral);
  take_one_of(numeral, "+-");
  if (take_one_of(numeral, "0")) {
    if (take_one_of(numeral, "xX"))
      is_hex = true;
    else
      digits = 1;
  }
  digits += take_digits(numeral, is_hex);
  if (take_one_of(numeral, point)) digits += take_digits(numeral, is_hex);
  if (digits > 0 && take_one_of(numeral, is_hex ? "pP" : "eE")) {
    take_one_of(numeral, "+-");
    take_digits(numeral, false);
  }
}

/* Each of these pushes one value and says whether the format succeeded. */

static bool read_number(lua_State *L, struct reading *reading) {
  struct numeral numeral = {.reading = reading};
  reading->status = QS_DONE;
  take_numeral(&numeral);
  if (is_stuck(reading)) return false;
  numeral.text[numeral.length] = '\0';
  if (lua_stringtonumber(L, numeral.text) != 0) return true;
  lua_pushnil(L);
  return false;
}

/* --- the other formats --------------------------------------------------------- */

static bool push_found(lua_State *L, struct reading *reading,
                       const struct qs_found *found, size_t length) {
  if (is_stuck(reading)) return false;
  if (reading->status == QS_EOF) {
    lua_pushnil(L);
    return false;
  }
  lua_pushlstring(L, found->bytes, length);
  reading->taken += found->taken;
  return true;
}

static bool read_line(lua_State *L, struct reading *reading, bool keeps_end) {
  struct qs_found found = {0};
  reading->status = qs_input_try_line(reading->input, reading->taken,
                                      QS_LINE_LINEFEED, &found, reading->error);
  return push_found(L, reading, &found, keeps_end ? found.taken : found.length);
}

static bool read_count(lua_State *L, struct reading *reading, size_t count) {
  struct qs_found found = {0};
  reading->status = qs_input_try_bytes(reading->input, reading->taken, count,
                                       &found, reading->error);
  return push_found(L, reading, &found, found.length);
}

static bool read_all(lua_State *L, struct reading *reading) {
  struct qs_found found = {0};
  reading->status =
      qs_input_try_all(reading->input, reading->taken, &found, reading->error);
  return push_found(L, reading, &found, found.length);
}

static char letter_of(lua_State *L, int index) {
  const char *format = lua_tostring(L, index);
  return format[*format == '*' ? 1 : 0];
}

static bool read_format(lua_State *L, struct reading *reading, int index) {
  if (lua_type(L, index) == LUA_TNUMBER)
    return read_count(L, reading, (size_t)lua_tointeger(L, index));
  switch (letter_of(L, index)) {
  case 'n':
    return read_number(L, reading);
  case 'L':
    return read_line(L, reading, true);
  case 'a':
    return read_all(L, reading);
  default:
    return read_line(L, reading, false);
  }
}

/* --- the operation ---------------------------------------------------------------- */

static void check_format(lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TNUMBER) {
    luaL_argcheck(L, luaL_checkinteger(L, index) >= 0, index,
                  "count out of range");
    return;
  }
  luaL_checkstring(L, index);
  char letter = letter_of(L, index);
  luaL_argcheck(L, letter != '\0' && strchr("nlLa", letter) != NULL, index,
                "invalid format");
}

static void *read_check(lua_State *L, struct qs_state *state) {
  void *self = qs_check(L, state, 1, QS_TYPE_INPUT);
  if (lua_gettop(L) == 1) lua_pushliteral(L, "l");
  for (int i = lua_gettop(L); i > 1; i--)
    check_format(L, i);
  luaL_checkstack(L, lua_gettop(L) + LUA_MINSTACK, "too many arguments");
  return self;
}

static int read_attempt(lua_State *L, struct qs_state *state, void *self,
                        struct qs_error *error) {
  struct qs_input *input = self;
  struct reading reading = {.input = input, .error = error};
  int formats = lua_gettop(L);
  if (qs_input_must_queue(state, input)) return QS_OP_AGAIN;
  for (int i = 2; i <= formats; i++) {
    bool succeeded = read_format(L, &reading, i);
    if (is_stuck(&reading)) {
      lua_settop(L, formats);
      return reading.status == QS_AGAIN ? QS_OP_AGAIN : QS_OP_FAILED;
    }
    if (!succeeded) break;
  }
  if (reading.taken > 0) qs_input_consume(input, reading.taken);
  return lua_gettop(L) - formats;
}

static const struct qs_operation read_operation = {
    .name = "port.read",
    .check = read_check,
    .attempt = read_attempt,
    .wait = qs_input_op_wait,
    .describe = qs_input_op_describe,
};

int qs_read(lua_State *L) {
  return qs_call(L, qs_state_of(L), &read_operation);
}
