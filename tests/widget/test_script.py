"""GET /widget.js: its size, cache headers and content encoding."""

import gzip
import hashlib
import json
import os
import subprocess

import pytest
from django.test import Client

from tests.live.conftest import MODULES, need_node
from tests.servers import PROJECT

BUILD, SOURCE = PROJECT / "static/widget", PROJECT / "widget/frontend"
MAX_GZIP_BYTES, MAX_LAZY_BYTES = 13_000, 6_912
PLAIN = (BUILD / "widget.js").read_bytes()
BROWSER = "gzip, deflate, br, zstd"
PATHS = ["/widget.js", "/widget.js.map", "/widget.js?part=lazy", "/widget.js.map?part=lazy"]


def get(path="/widget.js", accepted=None, **headers):
    return Client().get(path, headers=headers | ({"accept-encoding": accepted} if accepted is not None else {}))


def node(*arguments):
    need_node()
    environment = os.environ | {"NODE_PATH": str(MODULES)}
    run = subprocess.run(["node", *arguments], env=environment, capture_output=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


def test_script_is_below_its_size_limit():
    assert len((BUILD / "widget.js.gz").read_bytes()) <= MAX_GZIP_BYTES
    assert len((BUILD / "widget.js.br").read_bytes()) <= len((BUILD / "widget.js.gz").read_bytes())


def test_committed_build_is_up_to_date(tmp_path):
    """Fails unless `make widget` was run after the last change.

    Compressed files are compared by their content, because their bytes depend on the version of zlib.
    """
    node(SOURCE / "build.mjs", tmp_path)
    for name in ("widget.js", "widget.js.map", "lazy.js", "lazy.js.map"):
        assert (tmp_path / name).read_bytes() == (BUILD / name).read_bytes(), f"{name} is out of date: make widget"
    built = {path.name for path in tmp_path.iterdir()} | {"widget.js.gz", "lazy.js.gz"}
    assert {path.name for path in BUILD.iterdir()} == built


def test_compressed_files_contain_the_same_script():
    assert gzip.decompress((BUILD / "widget.js.gz").read_bytes()) == PLAIN
    read = "process.stdout.write(require('zlib').brotliDecompressSync(require('fs').readFileSync(process.argv[1])))"
    assert node("-e", read, BUILD / "widget.js.br") == PLAIN


def test_lazy_part_has_the_same_path_and_its_own_version():
    """The second part has the same path, because a page's policy may allow only /widget.js; policies ignore the query string."""
    lazy = get("/widget.js?part=lazy", BROWSER)
    assert lazy["Content-Type"] == "text/javascript; charset=utf-8"
    version = hashlib.sha256((BUILD / "lazy.js").read_bytes()).hexdigest()[:8]
    assert f"/widget.js?part=lazy&v={version}" in PLAIN.decode()
    assert len((BUILD / "lazy.js.gz").read_bytes()) <= MAX_LAZY_BYTES
    assert get("/widget.js?part=nonsense").status_code == 404
    for name in ("widget", "lazy"):
        script, address = (BUILD / f"{name}.js").read_text(), PATHS[3 if name == "lazy" else 1].lstrip("/")
        assert script.rstrip().endswith(f"\n//# sourceMappingURL={address}")


def test_esbuild_version_is_the_same_for_build_and_tests():
    pins = [json.loads((folder / "package.json").read_text()) for folder in (SOURCE, MODULES.parent)]
    assert pins[0]["devDependencies"]["esbuild"] == pins[1]["dependencies"]["esbuild"]


def test_script_refers_to_its_source_map():
    assert PLAIN.decode().rstrip().endswith("\n//# sourceMappingURL=widget.js.map")
    response = get("/widget.js.map", BROWSER)
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert "widget/frontend/src/index.js" in " ".join(response.json()["sources"])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("status", [200, 304])
def test_responses_have_cache_and_cors_headers(path, status):
    etag = get(path, BROWSER)["ETag"]
    response = get(path, BROWSER, **({"if-none-match": etag} if status == 304 else {}))
    assert response.status_code == status
    assert response["ETag"] == etag
    assert response["Cache-Control"] == "public, max-age=300, stale-while-revalidate=86400"
    assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Vary"] == "Accept-Encoding"
    assert not response.cookies
    assert "Access-Control-Allow-Credentials" not in response


def test_content_type_is_javascript():
    assert get()["Content-Type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize(
    ("accepted", "sent"),
    [
        (None, None),
        ("", None),
        (BROWSER, "br"),
        ("gzip, deflate", "gzip"),
        ("GZIP", "gzip"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0,gzip;q=0.000", None),
        ("gzip;q=0.1", "gzip"),
        ("gzip;q=0.5, identity", None),
        ("identity;q=0.5, gzip ; q=0.8", "gzip"),
        ("*", "br"),
        ("br;q=0, *;q=0.3", "gzip"),
        ("*;q=0", None),
        ("zstd", None),
        ("br;q=nonsense, gzip;q=7", None),
        ("br;q=nan", None),
        (",;,=;q", None),
    ],
)
def test_content_encoding_follows_accept_encoding(accepted, sent):
    response = get(accepted=accepted)
    assert (response.status_code, response.get("Content-Encoding")) == (200, sent)
    file = BUILD / {"br": "widget.js.br", "gzip": "widget.js.gz", None: "widget.js"}[sent]
    assert response.content == file.read_bytes()
    assert response["Content-Length"] == str(len(response.content))


def test_each_encoding_has_its_own_etag():
    etags = {get(accepted=accepted)["ETag"] for accepted in ("br", "gzip", "identity")}
    assert len(etags) == 3
    assert all(etag.startswith('"') for etag in etags)


def test_matching_etag_returns_304_and_other_etags_the_script():
    etag = get(accepted="br")["ETag"]
    for has in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        response = get(accepted="br", **{"if-none-match": has})
        assert (response.status_code, response.content) == (304, b"")
        assert "Content-Encoding" not in response
    for has in ('"other"', get(accepted="gzip")["ETag"], "nonsense"):
        assert get(accepted="br", **{"if-none-match": has}).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_only_get_and_head_are_allowed(path):
    head = Client().head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head["ETag"] == get(path)["ETag"]
    for method in ("post", "put", "patch", "delete", "options"):
        response = getattr(Client(enforce_csrf_checks=True), method)(path)
        assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


def test_script_needs_no_session_and_no_query(django_assert_num_queries, client, tenants):
    client.force_login(tenants.alice)
    with django_assert_num_queries(0):
        response = client.get("/widget.js")
    assert response["Vary"] == "Accept-Encoding"
    assert not response.cookies
