"""The door to the outside: where it goes, how long it waits, how much it reads."""

import asyncio
import socket
import threading
import time

import pytest
from aiohttp.resolver import ThreadedResolver

from integrations.webhooks import transport as door
from integrations.webhooks.addresses import ForbiddenAddress, ForbiddenUrl, check_address, check_url
from integrations.webhooks.transport import MAX_ANSWER_BYTES, open_transport
from tests.webhooks.receivers import receiver

FORBIDDEN = [
    *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "0.0.0.0", "0.1.2.3", "255.255.255.255"),
    *("169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "240.0.0.1", "192.88.99.1", "168.63.129.16"),
    *(
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "fec0::1",
        "100::1",
        "2001:db8::1",
        "2002:7f00:1::1",
    ),
    *("::7f00:1", "::a9fe:a9fe", "::ffff:0:7f00:1"),
    *("64:ff9b::7f00:1", "64:ff9b:1::1", "2001::1", "3fff::1", "5f00::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254"),
]
PUBLIC = ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1", "99.255.255.255", "172.32.0.1"]


@pytest.fixture
def nothing_is_permitted(settings):
    settings.WEBHOOK_ALLOW_CIDRS = []


@pytest.mark.usefixtures("nothing_is_permitted")
@pytest.mark.parametrize("address", FORBIDDEN)
def test_forbidden_addresses(address):
    with pytest.raises(ForbiddenAddress):
        check_address(address)
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(ForbiddenUrl):
        check_url(f"https://{host}/hook")


@pytest.mark.usefixtures("nothing_is_permitted")
@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address):
    check_address(address)


def test_metadata_stays_forbidden_whatever_is_allowed(settings):
    import ipaddress

    settings.WEBHOOK_ALLOW_CIDRS = [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]
    check_address("10.0.0.1")
    for address in ("169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254", "100.100.100.200"):
        with pytest.raises(ForbiddenAddress):
            check_address(address)


@pytest.mark.usefixtures("nothing_is_permitted")
@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://example.com/",
            "file:///etc/passwd",
            "//example.com",
            "example.com",
            "",
            "https://",
            "https:///x",
            "gopher://x",
        ),
        *(
            "https://user@example.com/",
            "https://user:pass@example.com/",
            "https://example.com:22/",
            "https://example.com:25/",
        ),
        *("https://example.com:0/", "https://example.com:99999/", "https://example.com:x/", "https://exa mple.com/"),
        *(
            "https://example.com/\n",
            "https://example.com\\@127.0.0.1/",
            "https://[::1",
            "https://example.com/" + "x" * 2048,
        ),
        *(
            "http://localhost/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://127.0.0.1./",
        ),
    ],
)
def test_hostile_urls(url):
    with pytest.raises(ForbiddenUrl, match=r"^url: "):
        check_url(url)


def test_good_urls(settings):
    for url in ("https://93.184.215.14/hook", "http://93.184.215.14:8080/x?y=z", "http://127.0.0.1:9000/"):
        assert check_url(url) == url


def post(url, body=b"{}"):
    async def run():
        async with open_transport() as transport:
            return await transport.post(url, {"Content-Type": "application/json"}, body)

    return asyncio.run(run())


@pytest.mark.usefixtures("nothing_is_permitted")
def test_a_literal_address_is_refused_when_dialled():
    with receiver() as inside:
        answer = post(inside.url)
    assert (answer.status_code, inside.requests) == (None, [])
    assert "public addresses only" in answer.error


@pytest.mark.usefixtures("nothing_is_permitted")
def test_a_name_that_resolves_inside_is_refused(monkeypatch):
    async def rebound(self, host, port=0, family=socket.AF_INET):
        return [
            {"hostname": host, "host": address, "port": port, "family": family, "proto": 0, "flags": 0}
            for address in ("1.1.1.1", "127.0.0.1")
        ]

    monkeypatch.setattr(ThreadedResolver, "resolve", rebound)
    assert "public addresses only" in post("http://rebinding.example/").error


@pytest.mark.usefixtures("nothing_is_permitted")
def test_the_address_dialled_is_checked_even_when_the_resolver_was_deceived(monkeypatch):
    with receiver() as inside:
        port = int(inside.url.split(":")[2].split("/")[0])

        async def deceived(self, host, port=0, family=socket.AF_INET):
            return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

        monkeypatch.setattr(door._PermittedResolver, "resolve", deceived)
        assert "public addresses only" in post(f"http://rebinding.example:{port}/").error
        assert inside.requests == []


def test_a_dripping_receiver_is_cut_off_at_the_deadline(monkeypatch):
    monkeypatch.setattr(door, "DEADLINE_SECONDS", 1.0)
    with receiver(answer=b"x" * 100, drip=0.2) as crm:
        started = time.monotonic()
        answer = post(crm.url)
    assert time.monotonic() - started < 2
    assert (answer.status_code, "within" in answer.error) == (None, True)


def test_a_hanging_receiver_is_cut_off_at_the_deadline(monkeypatch):
    monkeypatch.setattr(door, "DEADLINE_SECONDS", 0.5)
    with receiver(hang=2) as crm:
        assert "within" in post(crm.url).error


def test_a_huge_answer_is_read_to_16_kb(settings, monkeypatch):
    monkeypatch.setattr(door, "is_allowed_privately", lambda address: False)
    with receiver(answer=b"\0\xff" * 500_000) as crm:
        answer = post(crm.url)
    assert answer.is_success
    assert 0 < len(answer.body) <= MAX_ANSWER_BYTES
    assert "\0" not in answer.body


def test_redirects_cookies_and_proxies_are_not_followed(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with receiver(headers={"Set-Cookie": "a=b"}) as crm:

        async def twice():
            async with open_transport() as transport:
                return [await transport.post(crm.url, {}, b"{}") for _ in range(2)]

        assert [answer.status_code for answer in asyncio.run(twice())] == [200, 200]
    assert all("Cookie" not in request.headers for request in crm.requests)


def test_what_cannot_be_reached_is_an_outcome():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert "No connection" in post(f"http://127.0.0.1:{unused.getsockname()[1]}/").error
    assert post("http://no-such-host.invalid/").error.startswith("DNS")
    with receiver() as plain:
        assert post(plain.url.replace("http:", "https:")).error.startswith("TLS")


def test_nonsense_for_an_answer_is_an_outcome():
    listening = socket.create_server(("127.0.0.1", 0))

    def answer():
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"SSH-2.0-OpenSSH_9\r\n\r\n")

    threading.Thread(target=answer, daemon=True).start()
    with listening:
        result = post(f"http://127.0.0.1:{listening.getsockname()[1]}/")
    assert result.status_code is None
    assert result.error
