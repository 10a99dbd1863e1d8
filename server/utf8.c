/* SPDX-License-Identifier: BSD-3-Clause */
/* UTF-8 as the protocol wants it.
 * Gets bytes from clients, plugins and file names; tells whether they are well-formed
 * or makes them so.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "utf8.h"

/* Length of the character at p, which has left > 0 bytes; 0 if it is none. */
static size_t
sequence(const uint8_t *p, size_t left)
{
  static const uint32_t least[] = {0, 1, 0x80, 0x800, 0x10000};
  size_t n = p[0] < 0x80             ? 1
             : (p[0] & 0xe0) == 0xc0 ? 2
             : (p[0] & 0xf0) == 0xe0 ? 3
             : (p[0] & 0xf8) == 0xf0 ? 4
                                     : 0;
  uint32_t c = n < 2 ? p[0] : p[0] & (0x7fu >> n);

  if (n == 0 || n > left)
    return 0;
  for (size_t i = 1; i < n; i++) {
    if ((p[i] & 0xc0) != 0x80)
      return 0;
    c = c << 6 | (p[i] & 0x3f);
  }
  return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

bool
utf8_is_valid(const char *bytes, size_t len)
{
  for (size_t i = 0, n; i < len; i += n) {
    n = sequence((const uint8_t *)bytes + i, len - i);
    if (n == 0)
      return false;
  }
  return true;
}

size_t
utf8_mend(char *to, size_t room, const char *text)
{
  size_t left = strlen(text), len = 0;

  while (left > 0) {
    size_t n = sequence((const uint8_t *)text, left), take = n ? n : 1;

    if (take > room - len)
      break;
    if (n)
      memmove(to + len, text, n);
    else
      to[len] = '?';
    len += take;
    text += take;
    left -= take;
  }
  return len;
}
