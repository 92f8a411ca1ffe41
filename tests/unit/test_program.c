#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/program.h"

/* Each case runs in a child, as program_start changes the process for good. */
typedef int (*child_fn)(void);

static int wait_code(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t start_child(child_fn child)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        _exit(child());
    }
    return pid;
}

static int check_port(const struct config *config, struct error *error)
{
    if (config->hub.port == 9191)
        return 0;
    return error_set(error, ERROR_CONFIG, false, "port");
}

static int start(int argc, char **argv)
{
    static struct config config;
    int code = program_start(argc, argv, "websub-test", "a test", check_port, &config);
    if (code < 0)
        config_fini(&config);
    return code < 0 ? 100 : code;
}

#define CHILD_OPTIONS(name, ...)                                                                   \
    static int name(void)                                                                          \
    {                                                                                              \
        char *argv[] = {"websub-test", __VA_ARGS__};                                               \
        return start((int)ARRAY_COUNT(argv) - 1, argv);                                            \
    }

/* clang-format off */
CHILD_OPTIONS(child_none, NULL)
CHILD_OPTIONS(child_help, "--help", NULL)
CHILD_OPTIONS(child_version, "--version", NULL)
CHILD_OPTIONS(child_print, "--print-config", NULL)
CHILD_OPTIONS(child_markdown, "--print-config-markdown", NULL)
CHILD_OPTIONS(child_check, "--check-config", NULL)
CHILD_OPTIONS(child_unknown, "--unknown", NULL)
CHILD_OPTIONS(child_no_value, "-c", NULL)
CHILD_OPTIONS(child_argument, "argument", NULL)
CHILD_OPTIONS(child_absent_file, "-c", "/nonexistent/file", NULL)
CHILD_OPTIONS(child_absent_checked, "--config=/nonexistent/file", "--check-config", NULL)
/* clang-format on */

static int child_check_fails(void)
{
    setenv("WEBSUB_HUB_PORT", "9192", 1);
    return child_check();
}

static void test_options(void **state)
{
    (void)state;
    assert_int_equal(wait_code(start_child(child_none)), 100);
    assert_int_equal(wait_code(start_child(child_help)), 0);
    assert_int_equal(wait_code(start_child(child_version)), 0);
    assert_int_equal(wait_code(start_child(child_print)), 0);
    assert_int_equal(wait_code(start_child(child_markdown)), 0);
    assert_int_equal(wait_code(start_child(child_check)), 0);
    assert_int_equal(wait_code(start_child(child_unknown)), 2);
    assert_int_equal(wait_code(start_child(child_no_value)), 2);
    assert_int_equal(wait_code(start_child(child_argument)), 2);
    assert_int_equal(wait_code(start_child(child_absent_file)), 2);
    assert_int_equal(wait_code(start_child(child_absent_checked)), 2);
    assert_int_equal(wait_code(start_child(child_check_fails)), 2);
}

static int child_process_state(void)
{
    struct rlimit limit;
    if (child_none() != 100)
        return 1;
    raise(SIGPIPE); /* would end us */
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur == limit.rlim_max ? 0 : 2;
}

static void test_process_state(void **state)
{
    (void)state;
    assert_int_equal(wait_code(start_child(child_process_state)), 0);
}

static int child_waits_in_vain(void)
{
    child_none();
    int64_t before = clock_monotonic_ms();
    if (program_wait_for_stop(0) || program_wait_for_stop(100))
        return 1;
    return clock_monotonic_ms() - before >= 100 ? 0 : 2;
}

/* A signal that came before the wait is not lost; and the wait stays true. */
static int child_is_stopped(void)
{
    child_none();
    kill(getpid(), SIGTERM);
    if (!program_wait_for_stop(-1))
        return 1;
    return program_wait_for_stop(-1) && program_wait_for_stop(0) ? 0 : 2;
}

static int child_is_stopped_twice(void)
{
    child_none();
    kill(getpid(), SIGINT);
    if (!program_wait_for_stop(1000))
        return 3;
    kill(getpid(), SIGTERM);
    return 4;
}

static void count_reload(void *context)
{
    ++*(int *)context;
}

static void check_order(void *context)
{
    int *counts = context;
    counts[1] = counts[0] == 1 ? 1 : -1;
}

/* A hangup runs the hooks in their order, also one that came before the wait; and ends nothing. */
static int child_reloads(void)
{
    int counts[2] = {0};
    child_none();
    if (program_wait_for_stop(0))
        return 1;
    program_on_reload(count_reload, counts);
    program_on_reload(check_order, counts);
    kill(getpid(), SIGHUP);
    if (program_wait_for_stop(100) || counts[0] != 1 || counts[1] != 1)
        return 2;
    if (program_wait_for_stop(0) || counts[0] != 1)
        return 3;
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGTERM);
    return program_wait_for_stop(-1) ? 0 : 4;
}

static int child_hangs_up_without_hooks(void)
{
    child_none();
    kill(getpid(), SIGHUP);
    return program_wait_for_stop(0) ? 1 : 0;
}

/* Who has not called program_start, as the command line, is ended by a hangup as ever. */
static int child_hangs_up_without_start(void)
{
    signal(SIGHUP, SIG_DFL); /* whoever started this test may have ignored it */
    program_wait_for_stop(0);
    kill(getpid(), SIGHUP);
    return 0;
}

static void test_reload(void **state)
{
    (void)state;
    assert_int_equal(wait_code(start_child(child_reloads)), 0);
    assert_int_equal(wait_code(start_child(child_hangs_up_without_hooks)), 0);
    assert_int_equal(wait_code(start_child(child_hangs_up_without_start)), 128 + SIGHUP);
}

static void test_stop(void **state)
{
    (void)state;
    assert_int_equal(wait_code(start_child(child_waits_in_vain)), 0);
    assert_int_equal(wait_code(start_child(child_is_stopped)), 0);
    assert_int_equal(wait_code(start_child(child_is_stopped_twice)), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_process_state),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
