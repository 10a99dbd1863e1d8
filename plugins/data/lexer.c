/* SPDX-License-Identifier: BSD-3-Clause */
/* Cuts text of the data language into tokens.
 * Gets text that ends with a NUL; hands on tokens, one at a time.
 */
#include "lexer.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <nbdsrv-plugin.h>

#include "quoted.h"

#define BLANKS " \t\n\v\f\r"

static bool
is_name(char c)
{
  return isalnum((unsigned char)c) || c == '_';
}

int
lexer_fail(const struct lexer *lexer, size_t at, const char *fmt, ...)
{
  unsigned line = 1, column = 1;
  char said[256];
  va_list args;

  va_start(args, fmt);
  vsnprintf(said, sizeof said, fmt, args);
  va_end(args);
  for (size_t i = 0; i < at; i++) {
    line += lexer->text[i] == '\n';
    column = lexer->text[i] == '\n' ? 1 : column + 1;
  }
  nbdsrv_error("%s%sline %u, column %u: %s", lexer->what ? lexer->what : "",
               lexer->what ? ", " : "", line, column, said);
  return EINVAL;
}

static void
skip_blanks(struct lexer *lexer)
{
  const char *text = lexer->text;

  for (;;) {
    lexer->at += strspn(text + lexer->at, BLANKS);
    if (text[lexer->at] != '#')
      return;
    lexer->at += strcspn(text + lexer->at, "\n");
  }
}

static char
peek(const struct lexer *lexer)
{
  return lexer->text[lexer->at];
}

static bool
skip(struct lexer *lexer, const char *text)
{
  size_t len = strlen(text);

  if (strncmp(lexer->text + lexer->at, text, len) != 0)
    return false;
  lexer->at += len;
  return true;
}

/* -------------------------------------------------------------------- numbers */

static int
digit(char c, unsigned base)
{
  int value = isdigit((unsigned char)c)    ? c - '0'
              : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                           : 99;

  return value < (int)base ? value : -1;
}

static int
too_large(struct lexer *lexer, size_t begin, uint64_t most)
{
  return lexer_fail(lexer, begin, "a number larger than %llu",
                    (unsigned long long)most);
}

/* A letter that stands for a power of 1024. */
static int
scale(struct lexer *lexer, uint64_t *value, uint64_t most)
{
  static const char letters[] = "kmgtpe";
  char c = (char)tolower((unsigned char)peek(lexer));
  const char *letter = c ? strchr(letters, c) : NULL;
  unsigned shift = letter ? 10 * (unsigned)(letter - letters + 1) : 0;

  if (!letter || is_name(lexer->text[lexer->at + 1]))
    return 0;
  if (*value > most >> shift)
    return ERANGE;
  lexer->at++;
  *value <<= shift;
  return 0;
}

/* Decimal, octal or hexadecimal as in C, blanks before it skipped. */
static int
any_number(struct lexer *lexer, uint64_t most, bool scaled, uint64_t *value)
{
  unsigned base = 10;
  size_t begin;
  int d;

  skip_blanks(lexer);
  begin = lexer->at;
  if (skip(lexer, "0x") || skip(lexer, "0X"))
    base = 16;
  else if (peek(lexer) == '0')
    base = 8;
  for (*value = 0; (d = digit(peek(lexer), base)) >= 0; lexer->at++)
    if (__builtin_mul_overflow(*value, base, value) ||
        __builtin_add_overflow(*value, (uint64_t)d, value) || *value > most)
      return too_large(lexer, begin, most);
  if (scaled && base == 10 && scale(lexer, value, most) != 0)
    return too_large(lexer, begin, most);
  if (lexer->at == begin + (base == 16 ? 2 : 0) || is_name(peek(lexer)))
    return lexer_fail(lexer, begin, "a number should stand here");
  return 0;
}

static int
number(struct lexer *lexer, uint64_t most, uint64_t *value)
{
  return any_number(lexer, most, false, value);
}

static int
bytes_of_number(struct lexer *lexer, struct token *token, unsigned size, bool big)
{
  uint64_t value;
  int error = number(lexer, UINT64_MAX >> (64 - 8 * size), &value);

  if (error)
    return error;
  for (unsigned i = 0; i < size; i++)
    token->word[i] = (uint8_t)(value >> (8 * (big ? size - 1 - i : i)));
  token->type = TOKEN_BYTES;
  token->bytes = NULL;
  token->size = size;
  return 0;
}

/* le16: and the like. */
static int
word(struct lexer *lexer, struct token *token)
{
  static const struct {
    const char *prefix;
    unsigned size;
    bool big;
  } kinds[] = {
      {"le16:", 2, false}, {"le32:", 4, false}, {"le64:", 8, false},
      {"be16:", 2, true},  {"be32:", 4, true},  {"be64:", 8, true},
  };

  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (skip(lexer, kinds[i].prefix))
      return bytes_of_number(lexer, token, kinds[i].size, kinds[i].big);
  return lexer_fail(lexer, token->begin,
                    "of words there are le16: le32: le64: be16: be32: be64:");
}

/* ---------------------------------------------------------------- pieces of text */

static int
copy_text(struct lexer *lexer, struct token *token, size_t from, size_t len)
{
  char *text = pool_get(lexer->pool, len + 1);

  if (!text)
    return ENOMEM;
  memcpy(text, lexer->text + from, len);
  token->text = text;
  return 0;
}

/* The name that stands here; dash: it may have dashes. */
static int
name(struct lexer *lexer, struct token *token, enum token_type type, bool dash)
{
  size_t from = lexer->at;

  token->type = type;
  while (is_name(peek(lexer)) || (dash && peek(lexer) == '-'))
    lexer->at++;
  if (lexer->at == from)
    return lexer_fail(lexer, from, "a name should stand here");
  return copy_text(lexer, token, from, lexer->at - from);
}

static int
assignment(struct lexer *lexer, struct token *token)
{
  skip_blanks(lexer);
  if (!skip(lexer, "\\"))
    return lexer_fail(lexer, lexer->at, "after -> there should be a \\name");
  return name(lexer, token, TOKEN_ASSIGN, true);
}

/* Up to the parenthesis that closes the one before; the shell's quotes do not count. */
static int
script(struct lexer *lexer, struct token *token)
{
  size_t from = lexer->at, open = 1;

  for (; peek(lexer); lexer->at++) {
    open += peek(lexer) == '(';
    open -= peek(lexer) == ')';
    if (open == 0)
      break;
  }
  if (open > 0)
    return lexer_fail(lexer, token->begin, "the script has no end: ')' is missing");
  token->type = TOKEN_SCRIPT;
  return copy_text(lexer, token, from, lexer->at++ - from);
}

static int
file(struct lexer *lexer, struct token *token)
{
  size_t len;

  if (skip(lexer, "("))
    return script(lexer, token);
  len = strcspn(lexer->text + lexer->at, BLANKS "*[)");
  if (len == 0)
    return lexer_fail(lexer, token->begin,
                      "after < there should be a file's name or (a script)");
  token->type = TOKEN_FILE;
  lexer->at += len;
  return copy_text(lexer, token, lexer->at - len, len);
}

static int
quoted(struct lexer *lexer, struct token *token)
{
  const char *text = lexer->text + lexer->at, *wrong;
  size_t len = quoted_length(text), at;
  uint8_t *bytes;

  if (len == SIZE_MAX)
    return lexer_fail(lexer, token->begin, "the string has no end: \" is missing");
  bytes = pool_get(lexer->pool, len);
  if (!bytes)
    return ENOMEM;
  wrong = quoted_bytes(text, len, bytes, &token->size, &at);
  if (wrong)
    return lexer_fail(lexer, lexer->at + at, "%s", wrong);
  token->type = TOKEN_BYTES;
  token->bytes = bytes;
  lexer->at += len + 1;
  return 0;
}

/* ---------------------------------------------------------------------- the rest */

static int
move(struct lexer *lexer, struct token *token)
{
  token->type = skip(lexer, "+")   ? TOKEN_FORWARD
                : skip(lexer, "-") ? TOKEN_BACK
                : skip(lexer, "^") ? TOKEN_ALIGN
                                   : TOKEN_MOVE;
  return any_number(lexer, INT64_MAX, true, &token->number);
}

static int
repeat(struct lexer *lexer, struct token *token)
{
  token->type = TOKEN_REPEAT;
  return number(lexer, INT64_MAX, &token->number);
}

/* Either number may be missing. */
static int
slice(struct lexer *lexer, struct token *token)
{
  int error = 0;

  token->type = TOKEN_SLICE;
  token->number = 0;
  token->end = UINT64_MAX;
  skip_blanks(lexer);
  if (peek(lexer) != ':')
    error = number(lexer, INT64_MAX, &token->number);
  skip_blanks(lexer);
  if (!error && !skip(lexer, ":"))
    error = lexer_fail(lexer, token->begin, "a slice is written [START:END]");
  skip_blanks(lexer);
  if (!error && peek(lexer) != ']')
    error = number(lexer, INT64_MAX, &token->end);
  skip_blanks(lexer);
  if (!error && !skip(lexer, "]"))
    error = lexer_fail(lexer, token->begin, "a slice is written [START:END]");
  return error;
}

static int
unexpected(const struct lexer *lexer, char c)
{
  if (isprint((unsigned char)c))
    return lexer_fail(lexer, lexer->at - 1, "'%c' means nothing here", c);
  return lexer_fail(lexer, lexer->at - 1, "byte 0x%02x means nothing here",
                    (unsigned char)c);
}

static int
punctuation(struct lexer *lexer, struct token *token)
{
  char c = lexer->text[lexer->at++];

  switch (c) {
  case '@':
    return move(lexer, token);
  case '*':
    return repeat(lexer, token);
  case '[':
    return slice(lexer, token);
  case '<':
    return file(lexer, token);
  case '"':
    return quoted(lexer, token);
  case '\\':
    return name(lexer, token, TOKEN_NAME, true);
  case '$':
    return name(lexer, token, TOKEN_VARIABLE, false);
  case '(':
    token->type = TOKEN_OPEN;
    return 0;
  case ')':
    token->type = TOKEN_CLOSE;
    return 0;
  case '-':
    if (skip(lexer, ">"))
      return assignment(lexer, token);
    break;
  }
  return unexpected(lexer, c);
}

int
lexer_next(struct lexer *lexer, struct token *token)
{
  int error;
  char c;

  skip_blanks(lexer);
  token->begin = lexer->at;
  c = peek(lexer);
  if (c == '\0') {
    token->type = TOKEN_END;
    error = 0;
  } else if (isdigit((unsigned char)c))
    error = bytes_of_number(lexer, token, 1, false);
  else if (isalpha((unsigned char)c))
    error = word(lexer, token);
  else
    error = punctuation(lexer, token);
  return error;
}
