/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes an expression of text in the data language.
 * Gets tokens from lexer.c; hands on one expression for all of the text.  Nothing of it
 * is carried out here but what is needed to know lengths: reading streams.
 */
#include "parser.h"

#include <errno.h>
#include <string.h>

#include "lexer.h"
#include "list.h"
#include "outside.h"

/* Text may stand for itself many times over by way of $variables. */
#define MOST_TOKENS (1u << 22)

/* Names are known from where they are given to the end of the parentheses. */
struct name {
  const struct name *before;
  const char *name;
  struct expr *expr;
};

struct shared {
  struct pool *pool;
  parser_lookup *lookup;
  void *opaque;
  unsigned tokens;           /* so far */
  struct expr *of_byte[256]; /* so that a byte in the text costs no memory */
};

/* What stands between two parentheses, or all of a text. */
struct parser {
  struct shared *shared;
  struct lexer *lexer;
  const struct name *names;
  unsigned depth;
  struct list list;
  struct expr *last; /* not in the list yet: something may follow that changes it */
};

static int parse_group(const struct parser *outer, struct lexer *lexer,
                       enum token_type end, struct expr **e);

/* Says what an error of expr.h means. */
static int
report(const struct parser *p, const struct token *token, int error)
{
  switch (error) {
  case ERANGE:
    return lexer_fail(p->lexer, token->begin, "more than 2^63-1 bytes");
  case ELOOP:
    return lexer_fail(p->lexer, token->begin, "nested deeper than %u", EXPR_DEEPEST);
  case EINVAL:
    return lexer_fail(p->lexer, token->begin, "no such slice of what has %llu bytes",
                      (unsigned long long)p->last->size);
  default:
    return error;
  }
}

static int
append_last(struct parser *p, const struct token *token)
{
  struct expr *last = p->last;
  int error;

  if (!last)
    return 0;
  p->last = NULL;
  error = outside_read(p->shared->pool, last, UINT64_MAX);
  return error ? error : report(p, token, list_append(&p->list, last));
}

/* ---------------------------------------------- what stands behind an expression */

static int
slice(struct parser *p, const struct token *token)
{
  int error = outside_read(p->shared->pool, p->last, token->end);

  if (error)
    return error;
  return report(
      p, token,
      expr_slice(p->shared->pool, p->last, token->number, token->end, &p->last));
}

static int
repeat(struct parser *p, const struct token *token)
{
  int error = outside_read(p->shared->pool, p->last, UINT64_MAX);

  if (error)
    return error;
  return report(p, token,
                expr_repeat(p->shared->pool, p->last, token->number, &p->last));
}

static int
assign(struct parser *p, const struct token *token)
{
  struct name *name = pool_get(p->shared->pool, sizeof *name);

  if (!name)
    return ENOMEM;
  *name = (struct name){p->names, token->text, p->last};
  p->names = name;
  p->last = NULL;
  return 0;
}

static int
change_last(struct parser *p, const struct token *token)
{
  if (!p->last)
    return lexer_fail(p->lexer, token->begin, "'%.*s' must follow an expression",
                      token->type == TOKEN_ASSIGN ? 2 : 1,
                      p->lexer->text + token->begin);
  if (token->type == TOKEN_SLICE)
    return slice(p, token);
  return token->type == TOKEN_REPEAT ? repeat(p, token) : assign(p, token);
}

/* --------------------------------------------------------------------- moves */

static int
move(struct parser *p, const struct token *token)
{
  uint64_t n = token->number, at;
  int error = append_last(p, token);

  if (error)
    return error;
  at = p->list.at;
  switch (token->type) {
  case TOKEN_MOVE:
    at = n;
    break;
  case TOKEN_FORWARD:
    at += n;
    break;
  case TOKEN_BACK:
    if (n > at)
      return lexer_fail(p->lexer, token->begin,
                        "@-%llu leads from %llu to before the start",
                        (unsigned long long)n, (unsigned long long)at);
    at -= n;
    break;
  default: /* TOKEN_ALIGN */
    if (n == 0)
      return lexer_fail(p->lexer, token->begin, "nothing is aligned to 0");
    at += (n - at % n) % n;
  }
  return report(p, token, list_move(&p->list, at));
}

/* -------------------------------------------------------------------- expressions */

static int
bytes(struct parser *p, const struct token *token, struct expr **e)
{
  struct expr **known = token->size == 1 ? &p->shared->of_byte[token->word[0]] : NULL;
  const uint8_t *from = token->bytes;
  int error;

  if (!from && known && *known) {
    *e = *known;
    return 0;
  }
  if (!from) {
    uint8_t *copy = pool_get(p->shared->pool, token->size);
    if (!copy)
      return ENOMEM;
    from = memcpy(copy, token->word, token->size);
  }
  error = expr_bytes(p->shared->pool, from, token->size, e);
  if (!error && !token->bytes && known)
    *known = *e;
  return error;
}

static int
named(struct parser *p, const struct token *token, struct expr **e)
{
  for (const struct name *n = p->names; n; n = n->before)
    if (strcmp(n->name, token->text) == 0) {
      *e = n->expr;
      return 0;
    }
  return lexer_fail(p->lexer, token->begin, "\\%s was not given a meaning",
                    token->text);
}

static int
variable(struct parser *p, const struct token *token, struct expr **e)
{
  struct lexer lexer = {.pool = p->shared->pool};
  const char *text = p->shared->lookup(p->shared->opaque, token->text);
  size_t len = strlen(token->text);
  char *what = pool_get(p->shared->pool, len + 2);

  if (!text)
    return lexer_fail(p->lexer, token->begin,
                      "$%s is neither a parameter nor in the environment", token->text);
  if (!what)
    return ENOMEM;
  what[0] = '$';
  memcpy(what + 1, token->text, len);
  lexer.what = what;
  lexer.text = text;
  return parse_group(p, &lexer, TOKEN_END, e);
}

/* An expression that begins with this token. */
static int
begin(struct parser *p, const struct token *token, struct expr **e)
{
  switch (token->type) {
  case TOKEN_BYTES:
    return bytes(p, token, e);
  case TOKEN_NAME:
    return named(p, token, e);
  case TOKEN_FILE:
    return outside_file(p->shared->pool, token->text, e);
  case TOKEN_SCRIPT:
    return outside_script(p->shared->pool, token->text, e);
  case TOKEN_VARIABLE:
    return variable(p, token, e);
  default: /* TOKEN_OPEN */
    return parse_group(p, p->lexer, TOKEN_CLOSE, e);
  }
}

static int
take(struct parser *p, const struct token *token)
{
  struct expr *e;
  int error;

  switch (token->type) {
  case TOKEN_REPEAT:
  case TOKEN_SLICE:
  case TOKEN_ASSIGN:
    return change_last(p, token);
  case TOKEN_MOVE:
  case TOKEN_FORWARD:
  case TOKEN_BACK:
  case TOKEN_ALIGN:
    return move(p, token);
  default:
    error = append_last(p, token);
    if (!error)
      error = begin(p, token, &e);
    if (!error)
      p->last = e;
    return error;
  }
}

/* What stands alone is not put into a list, and so is not read yet if it is a stream.
 */
static int
finish(struct parser *p, const struct token *token, struct expr **e)
{
  int error;

  if (p->last && list_is_new(&p->list)) {
    *e = p->last;
    return 0;
  }
  error = append_last(p, token);
  return error ? error : report(p, token, list_end(&p->list, e));
}

static int
parse_list(struct parser *p, enum token_type end, size_t began, struct expr **e)
{
  struct token token;
  int error;

  while ((error = lexer_next(p->lexer, &token)) == 0) {
    if (token.type == end)
      return finish(p, &token, e);
    if (token.type == TOKEN_END)
      return lexer_fail(p->lexer, began, "'(' without ')'");
    if (token.type == TOKEN_CLOSE)
      return lexer_fail(p->lexer, token.begin, "')' without '('");
    if (++p->shared->tokens > MOST_TOKENS)
      return lexer_fail(p->lexer, token.begin,
                        "variables contain each other too often");
    error = take(p, &token);
    if (error)
      return error;
  }
  return error;
}

static int
parse_group(const struct parser *outer, struct lexer *lexer, enum token_type end,
            struct expr **e)
{
  struct parser p = {.shared = outer->shared,
                     .lexer = lexer,
                     .names = outer->names,
                     .depth = outer->depth + 1,
                     .list.pool = outer->shared->pool};
  size_t began = lexer->at > 0 ? lexer->at - 1 : 0;
  int error;

  if (p.depth > EXPR_DEEPEST)
    return lexer_fail(lexer, began, "nested deeper than %u", EXPR_DEEPEST);
  error = parse_list(&p, end, began, e);
  list_free(&p.list);
  return error;
}

int
parser_parse(struct pool *pool, const char *text, parser_lookup *lookup, void *opaque,
             struct expr **e)
{
  struct shared shared = {.pool = pool, .lookup = lookup, .opaque = opaque};
  struct parser outermost = {.shared = &shared};
  struct lexer lexer = {.pool = pool, .text = text};
  int error = parse_group(&outermost, &lexer, TOKEN_END, e);

  return error ? error : outside_read(pool, *e, UINT64_MAX);
}
