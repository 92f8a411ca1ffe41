"""The first command a newcomer runs."""

import subprocess

import pytest

from harness.paths import REPOSITORY
from harness.program import clean_environment


@pytest.mark.release_only
@pytest.mark.timeout(900)
def test_quickstart_shows_a_message_arriving_and_ends():
    """With its embedded broker; builds first if there is no build."""
    done = subprocess.run(
        [REPOSITORY / "deploy" / "quickstart", "--once"],
        env=clean_environment({}),
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=840,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
