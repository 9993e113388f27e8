"""The HTTP transport of webhooks: its deadline, and how much of a response it reads."""

import asyncio
import socket
import threading

from praxtalk.core.http import transport as transport_module
from praxtalk.core.http.transport import MAX_RESPONSE_BYTES, open_transport
from tests.webhooks.receivers import receiver


def post(url, body=b"{}"):
    async def run():
        async with open_transport() as transport:
            return await transport.post(url, {"Content-Type": "application/json"}, body)

    return asyncio.run(run())


def test_hanging_receiver_is_cut_off_at_the_deadline(monkeypatch):
    monkeypatch.setattr(transport_module, "DEADLINE_SECONDS", 0.5)
    with receiver(hang=2) as endpoint:
        assert "within" in post(endpoint.url).error


def test_at_most_16_kb_of_a_response_are_read(settings, monkeypatch):
    monkeypatch.setattr(transport_module, "is_in_allowed_cidrs", lambda address: False)
    with receiver(response=b"\0\xff" * 500_000) as endpoint:
        result = post(endpoint.url)
    assert result.is_success
    assert 0 < len(result.body) <= MAX_RESPONSE_BYTES
    assert "\0" not in result.body


def test_cookies_are_not_stored_and_proxies_are_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with receiver(headers={"Set-Cookie": "a=b"}) as endpoint:

        async def twice():
            async with open_transport() as transport:
                return [await transport.post(endpoint.url, {}, b"{}") for _ in range(2)]

        assert [result.status_code for result in asyncio.run(twice())] == [200, 200]
    assert all("Cookie" not in request.headers for request in endpoint.requests)


def test_unreachable_receiver_is_reported_as_an_error():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert "No connection" in post(f"http://127.0.0.1:{unused.getsockname()[1]}/").error
    assert post("http://no-such-host.invalid/").error.startswith("DNS")
    with receiver() as plain:
        assert post(plain.url.replace("http:", "https:")).error.startswith("TLS")


def test_malformed_response_is_reported_as_an_error():
    listening = socket.create_server(("127.0.0.1", 0))

    def respond():
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"SSH-2.0-OpenSSH_9\r\n\r\n")

    threading.Thread(target=respond, daemon=True).start()
    with listening:
        result = post(f"http://127.0.0.1:{listening.getsockname()[1]}/")
    assert result.status_code is None
    assert result.error
