"""What the programs tell about themselves to who has never seen them."""

import re
import subprocess

import pytest

from harness.paths import bin_dir

SERVERS = ["websub-hub", "websub-consolidator", "websub-dispatcher"]
OPTIONS = {"--config", "--check-config", "--print-config", "--print-config-markdown", "--version", "--help"}
COMMANDS = ["register", "deregister", "publish", "subscribe", "unsubscribe", "health", "id", "migrate-mosip"]
PROGRAMS = [[program] for program in (*SERVERS, "websub-devbroker", "websub")] + [
    ["websub", command] for command in COMMANDS
]


def run(*arguments: str) -> subprocess.CompletedProcess:
    program, *rest = arguments
    return subprocess.run([bin_dir() / program, *rest], capture_output=True, text=True, timeout=30)


def help_of(program: list[str]) -> str:
    done = run(*program, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("program", PROGRAMS, ids=" ".join)
def test_help_is_complete_and_fits_a_terminal(program):
    text = help_of(program)
    assert text.startswith(f"{' '.join(program)}: ")
    for part in ("\nUsage: ", "\nExit codes: 0 ", " 2 "):
        assert part in text
    assert re.search(r"^(Examples?:|Try it.*:)\n  \S", text, re.MULTILINE)
    assert [line for line in text.splitlines() if len(line) > 80 or line != line.rstrip()] == []
    assert text.endswith("\n") and "\n\n\n" not in text


@pytest.mark.parametrize("program", PROGRAMS, ids=" ".join)
def test_meanings_stand_below_each_other(program):
    meanings = re.findall(r"^( {2,6}-{1,2}\S.*? {2,})\S", help_of(program), re.MULTILINE)
    assert len({len(left) for left in meanings}) <= 1, meanings


@pytest.mark.parametrize("program", PROGRAMS, ids=" ".join)
def test_help_can_be_asked_for_in_short(program):
    assert run(*program, "-h").stdout == help_of(program)


@pytest.mark.parametrize("program", SERVERS)
def test_the_options_of_servers_are_told(program):
    told = set(re.findall(r"--[a-z-]+", help_of([program])))
    assert told >= OPTIONS


def test_the_commands_are_told():
    assert re.findall(r"^  ([a-z-]+) +\S", help_of(["websub"]), re.MULTILINE)[: len(COMMANDS)] == COMMANDS


@pytest.mark.parametrize("program", PROGRAMS, ids=" ".join)
def test_a_bad_option_leads_to_the_help(program):
    done = run(*program, "--no-such-option")
    assert done.returncode == 2 and done.stdout == ""
    assert "no-such-option" in done.stderr and "--help" in done.stderr
