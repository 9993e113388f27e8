"""GET /widget.js: small, cached well, in the encoding that the browser reads best."""

import gzip
import hashlib
import json
import os
import subprocess

import pytest
from django.test import Client

from tests.live.conftest import MODULES, need_node
from tests.servers import PROJECT

MADE, SOURCE = PROJECT / "static/widget", PROJECT / "widget/frontend"
MAX_GZIP_BYTES, MAX_EXTRAS_BYTES = 13_000, 3_584
PLAIN = (MADE / "widget.js").read_bytes()
BROWSER = "gzip, deflate, br, zstd"
PATHS = ["/widget.js", "/widget.js.map", "/widget.js?part=extras", "/widget.js.map?part=extras"]


def get(path="/widget.js", accepted=None, **headers):
    return Client().get(path, headers=headers | ({"accept-encoding": accepted} if accepted is not None else {}))


def node(*arguments):
    need_node()
    environment = os.environ | {"NODE_PATH": str(MODULES)}
    run = subprocess.run(["node", *arguments], env=environment, capture_output=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


def test_it_is_small():
    assert len((MADE / "widget.js.gz").read_bytes()) <= MAX_GZIP_BYTES
    assert len((MADE / "widget.js.br").read_bytes()) <= len((MADE / "widget.js.gz").read_bytes())


def test_what_is_committed_is_what_the_source_makes(tmp_path):
    """`make widget` was run after the last change. The compressed forms are compared by what is in them: their bytes
    differ from one zlib to another."""
    node(SOURCE / "build.mjs", tmp_path)
    for name in ("widget.js", "widget.js.map", "extras.js", "extras.js.map"):
        assert (tmp_path / name).read_bytes() == (MADE / name).read_bytes(), f"{name} is out of date: make widget"
    made = {path.name for path in tmp_path.iterdir()} | {"widget.js.gz", "extras.js.gz"}
    assert {path.name for path in MADE.iterdir()} == made


def test_the_compressed_forms_are_of_the_same_script():
    assert gzip.decompress((MADE / "widget.js.gz").read_bytes()) == PLAIN
    read = "process.stdout.write(require('zlib').brotliDecompressSync(require('fs').readFileSync(process.argv[1])))"
    assert node("-e", read, MADE / "widget.js.br") == PLAIN


def test_what_is_fetched_later_has_the_same_address_and_its_own_version():
    """A page's policy may name the path of widget.js alone: it compares no query."""
    extras = get("/widget.js?part=extras", BROWSER)
    assert extras["Content-Type"] == "text/javascript; charset=utf-8"
    version = hashlib.sha256((MADE / "extras.js").read_bytes()).hexdigest()[:8]
    assert f"/widget.js?part=extras&v={version}" in PLAIN.decode()
    assert len((MADE / "extras.js.gz").read_bytes()) <= MAX_EXTRAS_BYTES
    assert get("/widget.js?part=nonsense").status_code == 404
    for name in ("widget", "extras"):
        script, address = (MADE / f"{name}.js").read_text(), PATHS[3 if name == "extras" else 1].lstrip("/")
        assert script.rstrip().endswith(f"\n//# sourceMappingURL={address}")


def test_the_bundler_is_the_same_here_and_in_the_tests():
    pins = [json.loads((folder / "package.json").read_text()) for folder in (SOURCE, MODULES.parent)]
    assert pins[0]["devDependencies"]["esbuild"] == pins[1]["dependencies"]["esbuild"]


def test_the_script_names_its_map_beside_itself():
    assert PLAIN.decode().rstrip().endswith("\n//# sourceMappingURL=widget.js.map")
    answer = get("/widget.js.map", BROWSER)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert "widget/frontend/src/index.js" in " ".join(answer.json()["sources"])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("status", [200, 304])
def test_headers(path, status):
    etag = get(path, BROWSER)["ETag"]
    answer = get(path, BROWSER, **({"if-none-match": etag} if status == 304 else {}))
    assert answer.status_code == status
    assert answer["ETag"] == etag
    assert answer["Cache-Control"] == "public, max-age=300, stale-while-revalidate=86400"
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Vary"] == "Accept-Encoding"
    assert not answer.cookies
    assert "Access-Control-Allow-Credentials" not in answer


def test_its_type():
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
def test_the_encoding_is_the_one_that_the_browser_prefers(accepted, sent):
    answer = get(accepted=accepted)
    assert (answer.status_code, answer.get("Content-Encoding")) == (200, sent)
    made = MADE / {"br": "widget.js.br", "gzip": "widget.js.gz", None: "widget.js"}[sent]
    assert answer.content == made.read_bytes()
    assert answer["Content-Length"] == str(len(answer.content))


def test_each_encoding_has_an_etag_of_its_own():
    etags = {get(accepted=accepted)["ETag"] for accepted in ("br", "gzip", "identity")}
    assert len(etags) == 3
    assert all(etag.startswith('"') for etag in etags)


def test_who_has_it_is_told_so_and_who_has_another_gets_it():
    etag = get(accepted="br")["ETag"]
    for has in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = get(accepted="br", **{"if-none-match": has})
        assert (answer.status_code, answer.content) == (304, b"")
        assert "Content-Encoding" not in answer
    for has in ('"other"', get(accepted="gzip")["ETag"], "nonsense"):
        assert get(accepted="br", **{"if-none-match": has}).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_it_is_only_read(path):
    head = Client().head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head["ETag"] == get(path)["ETag"]
    for method in ("post", "put", "patch", "delete", "options"):
        answer = getattr(Client(enforce_csrf_checks=True), method)(path)
        assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


def test_no_session_is_looked_at(django_assert_num_queries, client, cast):
    client.force_login(cast.alice)
    with django_assert_num_queries(0):
        answer = client.get("/widget.js")
    assert answer["Vary"] == "Accept-Encoding"
    assert not answer.cookies
