/* SPDX-License-Identifier: BSD-3-Clause */
/* Stands in for the server's side of the ABI, as far as unit tests need it, and runs
 * their cases.
 */
#include "config.h"

#include "unit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <nbdsrv-plugin.h>

char unit_error[512];

/* Weak: a test may have its own. */
__attribute__((__weak__)) void
nbdsrv_error(const char *fmt, ...)
{
  va_list args;

  va_start(args, fmt);
  vsnprintf(unit_error, sizeof unit_error, fmt, args);
  va_end(args);
}

int
unit_main(const char *name, const TTest *const *tests, unsigned count)
{
  Suite *suite = suite_create(name);
  TCase *tcase = tcase_create(name);
  SRunner *runner;
  int failed;

  tcase_set_timeout(tcase, 60);
  for (unsigned i = 0; i < count; i++)
    tcase_add_test(tcase, tests[i]);
  suite_add_tcase(suite, tcase);
  runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
