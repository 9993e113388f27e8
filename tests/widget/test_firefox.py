"""The main flow of the widget in Firefox ESR, under the strict policy."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from conversations.models import Message
from tests.live.conftest import need_node
from tests.live.driver import wait_for
from tests.widget.conftest import STRICT
from tests.widget.test_conversation import reply_by_rest, wait_until_stored

__all__ = ["reply_by_rest"]

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True), pytest.mark.slow]

FIREFOX = Path("/usr/bin/firefox-esr")


@pytest.fixture
def firefox(tmp_path):
    """Return a function that runs a script in Firefox on a page, and returns the process."""
    need_node()
    if not FIREFOX.exists():
        missing = "no firefox-esr here (apt-get install firefox-esr)"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    started = []

    def start(url, script="firefox.mjs", *more):
        profile = tmp_path / "profile"
        command = ["timeout", "90", "node", Path(__file__).with_name(script), FIREFOX, profile, url, *more]
        environment = os.environ | {"HOME": str(tmp_path)}
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
        return started[0]

    yield start
    for process in started:
        process.terminate()
        process.wait()


def test_conversation_works_in_firefox(site, firefox, reply_by_rest):
    site.csp = site.policy(STRICT)
    process = firefox(site.url)
    assert process.stdout.readline() == "written\n"
    wait_until_stored(["Do you ship to Addis Ababa?"])
    reply_by_rest("We do: about six days.")
    assert process.stdout.readline() == "found\n"
    assert json.loads(process.stdout.readline()) == []
    wait_for(lambda: Message.objects.count() == 3, "a message is missing")
    assert process.wait(30) == 0
