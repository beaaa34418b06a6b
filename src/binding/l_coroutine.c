/* SPDX-License-Identifier: MIT */
#include "binding.h"

/*
 * A coroutine library whose coroutines may wait.  When the code inside a
 * coroutine waits, the whole thread waits: the yield passes through every
 * resume on its way to the scheduler, and the wake-up comes back the same way.
 * Whoever iterates over a generator never sees it.
 *
 * Same functions, same results as Lua's own library (Reference Manual 6.2).
 */

static const char parked; /* registry key: coroutines that wait, weak keys */
static const char closer; /* registry key: metatable of closers */

static lua_State *check_coroutine(lua_State *L, int index) {
  lua_State *co = lua_tothread(L, index);
  if (co == NULL) luaL_typeerror(L, index, "coroutine");
  return co;
}

static void set_parked(lua_State *L, lua_State *co, bool is_parked) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &parked);
  lua_pushthread(co);
  lua_xmove(co, L, 1);
  if (is_parked)
    lua_pushboolean(L, 1);
  else
    lua_pushnil(L);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

static bool is_parked(lua_State *L, lua_State *co) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &parked);
  lua_pushthread(co);
  lua_xmove(co, L, 1);
  lua_rawget(L, -2);
  bool answer = lua_toboolean(L, -1);
  lua_pop(L, 2);
  return answer;
}

static int close_coroutine(lua_State *co, lua_State *from) {
#if LUA_VERSION_RELEASE_NUM >= 50406
  return lua_closethread(co, from);
#else
  (void)from;
  return lua_resetthread(co);
#endif
}

/*
 * While a coroutine waits, the resume that it waits in holds a closer: if the
 * thread is killed, the coroutine inside is closed before those around it.
 */
struct closer {
  lua_State *co; /* NULL: not waiting; held by user value 1 */
};

enum { CLOSER_VALUE = 1 };

static int closer_close(lua_State *L) {
  struct closer *self = lua_touserdata(L, 1);
  struct qs_state *state = qs_state_of(L);
  lua_State *co = self->co;
  lua_State *active = state->active;
  if (co == NULL) return 0;
  self->co = NULL;
  set_parked(L, co, false);
  state->active = co;
  close_coroutine(co, L);
  state->active = active;
  return 0;
}

/* Where resume keeps its things: the coroutine, then the closer. */
enum { AT_COROUTINE = 1, AT_CLOSER = 2 };

static void hold(lua_State *L, lua_State *co) {
  struct closer *self = lua_touserdata(L, AT_CLOSER);
  if (self == NULL) {
    self = lua_newuserdatauv(L, sizeof *self, 1);
    self->co = NULL;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &closer);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, AT_COROUTINE);
    lua_setiuservalue(L, -2, CLOSER_VALUE);
    lua_replace(L, AT_CLOSER);
    lua_toclose(L, AT_CLOSER);
  }
  self->co = co;
}

/* How many values resume moves back, or -1 when an error object was. */
static int move_results(lua_State *L, lua_State *co, int status, int count) {
  if (status == LUA_OK || status == LUA_YIELD) {
    luaL_checkstack(L, count + 1, "too many results to resume");
    lua_xmove(co, L, count);
    return count;
  }
  lua_xmove(co, L, 1);
  return -1;
}

/* Runs the coroutine until it yields, ends, fails or waits.  `context` says
 * which function this is part of. */
enum { IN_RESUME, IN_WRAP };

static int finish(lua_State *L, lua_State *co, int count, lua_KContext context);

static int resume_k(lua_State *L, int status, lua_KContext context);

/* The coroutine has been left waiting: so does the one that resumed it. */
static void begin_wait(lua_State *L, struct qs_state *state, lua_State *co) {
  hold(L, co);
  set_parked(L, co, true);
  if (L == state->main) qs_run_until_woken(state);
}

static void end_wait(lua_State *L, lua_State *co) {
  struct closer *self = lua_touserdata(L, AT_CLOSER);
  self->co = NULL;
  set_parked(L, co, false);
}

static int go_on(lua_State *L, struct qs_state *state, int arguments,
                 lua_KContext context) {
  lua_State *co = lua_tothread(L, AT_COROUTINE);
  lua_State *active = state->active;
  bool is_known = active == L;
  int count = 0;
  for (;;) {
    state->is_suspending = false;
    state->active = is_known ? co : NULL;
    int status = lua_resume(co, L, arguments, &count);
    state->active = active;
    if (status != LUA_YIELD || !state->is_suspending)
      return finish(L, co, move_results(L, co, status, count), context);
    begin_wait(L, state, co);
    if (L != state->main) return qs_suspend(L, state, context, resume_k);
    end_wait(L, co);
    arguments = 0;
  }
}

static int resume_k(lua_State *L, int status, lua_KContext context) {
  struct qs_state *state = qs_state_of(L);
  (void)status;
  if (L != state->active)
    return luaL_error(L, "a coroutine was resumed while it waits for "
                         "quayside");
  end_wait(L, lua_tothread(L, AT_COROUTINE));
  return go_on(L, state, 0, context);
}

/* As lcorolib.c: a failing wrap closes its coroutine and says where. */
static int fail_wrap(lua_State *L, lua_State *co) {
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) {
    status = close_coroutine(co, L);
    if (status != LUA_OK) {
      lua_pop(L, 1);
      lua_xmove(co, L, 1);
    }
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int finish(lua_State *L, lua_State *co, int count,
                  lua_KContext context) {
  if (context == IN_WRAP) return count < 0 ? fail_wrap(L, co) : count;
  lua_pushboolean(L, count >= 0);
  int results = count < 0 ? 1 : count;
  lua_insert(L, -results - 1);
  return results + 1;
}

/* Can it be resumed?  If not, the message is pushed. */
static bool check_resumable(lua_State *L, lua_State *co) {
  bool is_new = lua_status(co) == LUA_OK && lua_gettop(co) > 0;
  lua_Debug activation;
  if (is_new && lua_getstack(co, 0, &activation))
    is_new = false; /* it is running, or has resumed another */
  if (lua_status(co) == LUA_OK && !is_new) {
    bool is_dead = lua_gettop(co) == 0 && !lua_getstack(co, 0, &activation);
    lua_pushstring(L, is_dead ? "cannot resume dead coroutine"
                              : "cannot resume non-suspended coroutine");
    return false;
  }
  if (lua_status(co) != LUA_OK && lua_status(co) != LUA_YIELD) {
    lua_pushliteral(L, "cannot resume dead coroutine");
    return false;
  }
  if (!is_parked(L, co)) return true;
  lua_pushliteral(L, "cannot resume non-suspended coroutine");
  return false;
}

/* Stack: the coroutine, its arguments.  Makes room for the closer. */
static int start(lua_State *L, lua_KContext context) {
  struct qs_state *state = qs_state_of(L);
  lua_State *co = lua_tothread(L, AT_COROUTINE);
  int arguments = lua_gettop(L) - 1;
  if (co == state->active || !check_resumable(L, co)) {
    if (co == state->active)
      lua_pushliteral(L, "cannot resume non-suspended coroutine");
    return finish(L, co, -1, context);
  }
  if (!lua_checkstack(co, arguments)) {
    lua_pushliteral(L, "too many arguments to resume");
    return finish(L, co, -1, context);
  }
  lua_xmove(L, co, arguments);
  lua_settop(L, AT_CLOSER);
  luaL_checkstack(L, 8, NULL);
  return go_on(L, state, arguments, context);
}

static int resume(lua_State *L) {
  check_coroutine(L, 1);
  return start(L, IN_RESUME);
}

static int wrapped(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  return start(L, IN_WRAP);
}

static int create(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  return 1;
}

static int wrap(lua_State *L) {
  lua_pushlightuserdata(L, qs_state_of(L));
  create(L);
  lua_pushcclosure(L, wrapped, 2);
  return 1;
}

/* At the base of a thread there is nobody to yield to. */
static bool is_thread_base(lua_State *L, const struct qs_state *state) {
  return L == state->current->L;
}

static int yield(lua_State *L) {
  if (is_thread_base(L, qs_state_of(L)))
    return luaL_error(L, "attempt to yield from outside a coroutine");
  return lua_yield(L, lua_gettop(L));
}

static int isyieldable(lua_State *L) {
  lua_State *co = lua_isthread(L, 1) ? lua_tothread(L, 1) : L;
  lua_pushboolean(L,
                  lua_isyieldable(co) && !is_thread_base(co, qs_state_of(L)));
  return 1;
}

static int running(lua_State *L) {
  bool is_main = lua_pushthread(L);
  lua_pushboolean(L, is_main || is_thread_base(L, qs_state_of(L)));
  return 2;
}

static const char *status_of(lua_State *L, lua_State *co) {
  lua_Debug activation;
  if (co == L) return "running";
  if (is_parked(L, co)) return "normal";
  if (lua_status(co) == LUA_YIELD) return "suspended";
  if (lua_status(co) != LUA_OK) return "dead";
  if (lua_getstack(co, 0, &activation)) return "normal";
  return lua_gettop(co) == 0 ? "dead" : "suspended";
}

static int status(lua_State *L) {
  lua_pushstring(L, status_of(L, check_coroutine(L, 1)));
  return 1;
}

static int close(lua_State *L) {
  lua_State *co = check_coroutine(L, 1);
  const char *now = status_of(L, co);
  if (now[0] != 's' && now[0] != 'd')
    return luaL_error(L, "cannot close a %s coroutine", now);
  if (close_coroutine(co, L) == LUA_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushboolean(L, 0);
  lua_xmove(co, L, 1);
  return 2;
}

static void make_parked_table(lua_State *L) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &parked);
}

void qs_open_coroutine(lua_State *L, struct qs_state *state) {
  static const luaL_Reg functions[] = {
      {"create", create}, {"resume", resume},   {"wrap", wrap},
      {"yield", yield},   {"running", running}, {"isyieldable", isyieldable},
      {"status", status}, {"close", close},     {NULL, NULL},
  };
  static const luaL_Reg metamethods[] = {
      {"__close", closer_close},
      {NULL, NULL},
  };
  make_parked_table(L);
  qs_new_library(L, state, metamethods);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &closer);
  qs_new_library(L, state, functions);
  lua_setfield(L, -2, "coroutine");
}
