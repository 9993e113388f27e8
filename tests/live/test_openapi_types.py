"""static/dashboard/inbox/openapi.d.ts, the types that the inbox shares with the REST API."""

import subprocess

from tests.live.conftest import need_node
from tests.servers import PROJECT

TYPES = PROJECT / "static/dashboard/inbox/openapi.d.ts"


def test_the_committed_types_match_the_openapi_document(tmp_path):
    need_node()
    written = tmp_path / "openapi.d.ts"
    subprocess.run(["node", PROJECT / "tests/live/openapi_types.mjs", written], check=True, timeout=60)
    assert written.read_text() == TYPES.read_text(), "openapi.d.ts is out of date: make openapi"
