/** What every unit test includes: cmocka with the headers that it needs before itself. */
#ifndef WEBSUB_TESTS_UNIT_UNIT_H
#define WEBSUB_TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
