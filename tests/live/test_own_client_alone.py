"""Our own client without a PraxTalk server: every fault, every timeout, and its size."""

import gzip
import subprocess

from tests.live.conftest import MODULES, need_node
from tests.servers import PROJECT

CLIENT = PROJECT / "static/live/client.js"
MAX_BYTES = 2048


def test_node_tests_with_a_fake_socket_pass():
    need_node()
    command = ["node", "--test", "--test-reporter=spec", PROJECT / "tests/live/own_client"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout


def test_client_is_at_most_2_kib_compressed():
    """The minified size is what the widget downloads; `gzip -9` of the source is larger by its comments."""
    need_node()
    minify = [MODULES / ".bin/esbuild", "--minify", "--format=esm", CLIENT]
    minified = subprocess.run(minify, capture_output=True, check=True, timeout=120).stdout
    assert len(gzip.compress(minified, 9)) <= MAX_BYTES
