"""A Date header (RFC 9110, section 6.6.1) on every HTTP response of a running server."""

import re
import socket
import time
from email.utils import parsedate_to_datetime

import pytest

from integrations.actions.api_keys import create_key

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]

UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
WEBSOCKET = UPGRADE.format(key="dGhlIHNhbXBsZSBub25jZQ==")
REQUESTS = {  # request line, headers, status
    "response": ("GET /api/v1/conversations HTTP/1.1", "{auth}", 200),
    "not authenticated": ("GET /api/v1/ping HTTP/1.1", "", 401),
    "unknown endpoint": ("GET /api/v1/nothing HTTP/1.1", "", 404),
    "method not allowed": ("PUT /api/v1/leads HTTP/1.1", "{auth}", 405),
    "invalid": ("GET /api/v1/leads?limit=x HTTP/1.1", "{auth}", 422),
    "preflight": ("OPTIONS /api/v1/leads HTTP/1.1", "", 204),
    "page not found": ("GET /nowhere HTTP/1.1", "", 404),
    "redirect": ("GET / HTTP/1.1", "", 302),
    "page": ("GET /app/login/ HTTP/1.1", "", 200),
    "static file": ("GET /static/live/client.js HTTP/1.1", "", 200),
    "static file, unchanged": ("GET /static/live/client.js HTTP/1.1", "If-Modified-Since: {tomorrow}\r\n", 304),
    "widget": ("GET /widget.js HTTP/1.1", "", 200),
    "health": ("GET /healthz HTTP/1.1", "", 200),
    "reference": ("GET /api/docs HTTP/1.1", "", 200),
    "head": ("HEAD /healthz HTTP/1.1", "", 200),
    "HTTP/1.0": ("GET /healthz HTTP/1.0", "", 200),
    "WebSocket elsewhere": ("GET /nowhere HTTP/1.1", WEBSOCKET, 403),
    "WebSocket with a bad handshake": ("GET /api/sync HTTP/1.1", UPGRADE.format(key="x"), 400),
}


def head_of(server, line, headers):
    """Return the raw status and headers of the response."""
    request = f"{line}\r\nHost: 127.0.0.1:{server.port}\r\n{headers}\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request.encode("latin-1"))
        head = b""
        while b"\r\n\r\n" not in head and (piece := connection.recv(65536)):
            head += piece
    status, *lines = head.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    return int(status.split()[1]), [tuple(line.split(": ", 1)) for line in lines]


@pytest.mark.parametrize("name", REQUESTS)
def test_every_response_has_exactly_one_date_header(tenants, server, name):
    line, headers, expected = REQUESTS[name]
    _, secret = create_key(tenants.acme, name="date", scope="read")
    tomorrow = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 86400))
    auth = f"Authorization: Bearer {secret}\r\n"
    status, found = head_of(server, line, headers.format(auth=auth, tomorrow=tomorrow))
    dates = [value for header, value in found if header.lower() == "date"]
    assert (status, len(dates)) == (expected, 1), found
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", dates[0])
    assert abs(parsedate_to_datetime(dates[0]).timestamp() - time.time()) < 30


def test_streamed_response_has_a_date_header(tenants, server, client):
    client.force_login(tenants.alice)
    cookie = f"Cookie: sessionid={client.cookies['sessionid'].value}\r\n"
    status, found = head_of(server, "GET /app/leads/export/ HTTP/1.1", cookie)
    headers = {header.lower(): value for header, value in found}
    assert status == 200, found
    assert "content-length" not in headers
    assert "date" in headers
