"""Our own client without a server of ours: every fault and every wait, and its size."""

import gzip
import subprocess

from tests.live.conftest import MODULES, need_node
from tests.servers import PROJECT

CLIENT = PROJECT / "static/live/client.js"
MAX_BYTES = 2048


def test_in_node_against_a_socket_whose_server_is_the_test():
    need_node()
    command = ["node", "--test", "--test-reporter=spec", PROJECT / "tests/live/own_client"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout


def test_it_is_small():
    """What the widget pays for it; the page's own `gzip -9` is larger by the comments."""
    need_node()
    minify = [MODULES / ".bin/esbuild", "--minify", "--format=esm", CLIENT]
    minified = subprocess.run(minify, capture_output=True, check=True, timeout=120).stdout
    assert len(gzip.compress(minified, 9)) <= MAX_BYTES
