"""static/dashboard/inbox/store.js, the state that the modules of the inbox share."""

import subprocess

from tests.live.conftest import need_node
from tests.servers import PROJECT


def test_node_tests_of_the_store_pass():
    need_node()
    command = ["node", "--test", "--test-reporter=spec", PROJECT / "tests/inbox/store.test.mjs"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout
