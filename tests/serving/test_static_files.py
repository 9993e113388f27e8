"""Static files have hashed names, and browsers cache them for a year."""

import re
from urllib.parse import urljoin

import pytest

from tests.servers import Server
from tests.serving.test_reverse_proxy import get

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]


COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)  # comments import types
IMPORT = re.compile(r'(?:from|import)\s*"(\.[^"]+)"')


def test_static_files_have_hashed_names_and_are_cached_for_a_year(server):
    page = get(f"{server.url}/app/login/")[2].decode()
    style = re.search(r'href="(/static/dashboard/tokens\.[0-9a-f]{12}\.css)"', page)[1]
    status, headers, _ = get(server.url + style, Accept_Encoding="gzip")
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert get(f"{server.url}/static/dashboard/tokens.css")[1]["Cache-Control"] == "public, max-age=60"
    assert "Server" not in headers
    assert "Via" not in headers


@pytest.mark.slow
def test_web_server_alone_collects_its_static_files(tenants, tmp_path):
    """Its pages refer to them, whichever server delivers them."""
    with Server("--only", "web", WEB_PROCESSES="1", STATIC_ROOT=str(tmp_path / "static")) as alone:
        page = get(f"{alone.url}/app/login/")[2].decode()
    name = re.search(r'href="/static/(dashboard/tokens\.[0-9a-f]{12}\.css)"', page)[1]
    assert (tmp_path / "static" / name).exists()


def test_javascript_modules_import_hashed_modules_of_the_same_version(server, tenants, client):
    client.force_login(tenants.alice)
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    page = get(f"{server.url}/app/inbox/", Cookie=cookie)[2].decode()
    waiting = [server.url + path for path in re.findall(r'<script type="module" src="([^"]+)"', page)]
    seen = set()
    while waiting:
        url = waiting.pop()
        if url in seen:
            continue
        seen.add(url)
        assert re.search(r"\.[0-9a-f]{12}\.js$", url), url
        source = COMMENT.sub("", get(url)[2].decode())
        waiting += [urljoin(url, path) for path in IMPORT.findall(source)]
    assert len(seen) > 20
