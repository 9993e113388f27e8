"""Allowed webhook addresses. A forbidden URL is rejected when a webhook is saved and at every attempt, before connecting."""

import asyncio
import errno
import functools
import ipaddress
import random
import socket
from asyncio.selector_events import BaseSelectorEventLoop
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from yarl import URL

from praxtalk.core.http import addresses
from praxtalk.core.http import transport as transport_module
from praxtalk.core.http.addresses import ForbiddenUrl, check_address, check_url, parse_url
from praxtalk.core.http.transport import open_transport
from tests.webhooks.hostile import GROUPS, NEVER
from tests.webhooks.receivers import receiver
from tests.webhooks.resolver import NAMES, PUBLIC, PUBLIC_6, resolve

URLS = [url for group in GROUPS for url in group.urls]
ADDRESSES = [url[7:-5].strip("[]") for url in URLS if url.startswith("http:") and url.endswith("/hook")]
EVERYTHING = ["0.0.0.0/0", "::/0"]


def short_id(value):
    return ascii(value)[1:60] if isinstance(value, str) else None


@pytest.fixture(autouse=True)
def allow(settings):
    """Return `allow(*networks)`, which sets the allowed private networks. By default there are none."""

    def only(*networks):
        settings.WEBHOOK_ALLOW_CIDRS = [ipaddress.ip_network(network) for network in networks]

    only()
    return only


@pytest.fixture(autouse=True)
def names(monkeypatch):
    """Return the resolver's answers by name, which the test may change."""
    answers = dict(NAMES)
    monkeypatch.setattr(socket, "getaddrinfo", functools.partial(resolve, names=answers))
    return answers


@pytest.fixture(autouse=True)
def connected_to(monkeypatch):
    """Return all (address, port) pairs of attempted connections. Only connections to loopback are made."""
    dials, real = [], BaseSelectorEventLoop.sock_connect

    async def connect(self, connection, address):
        dials.append(address[:2])
        if address[0] != "127.0.0.1":
            raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")
        await real(self, connection, address)

    monkeypatch.setattr(BaseSelectorEventLoop, "sock_connect", connect)
    return dials


def post(url):
    async def run():
        async with open_transport() as transport:
            return await transport.post(url, {"Content-Type": "application/json"}, b"{}")

    return asyncio.run(run())


def is_refused(url, connected_to):
    """Return whether the URL is rejected both when saved and when sent, with a sentence and without a connection attempt."""
    with pytest.raises(ForbiddenUrl, match=r"^url: .*\.$"):
        check_url(url)
    result = post(url)
    return (result.status_code, result.error[:8], connected_to) == (None, "Refused:", [])


def test_hostile_urls_are_distinct_and_at_least_300():
    assert len(set(URLS)) == len(URLS) >= 300


@pytest.mark.parametrize("url", URLS, ids=short_id)
def test_hostile_urls_are_rejected_when_saved_and_when_sent(url, connected_to):
    assert is_refused(url, connected_to)


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.reason)
def test_allowed_counterpart_of_each_group_is_connected_to(group, allow, connected_to):
    allow(*group.allow)
    permitted = check_url(group.allowed_url)
    assert post(group.allowed_url).error.startswith("No connection")
    assert [address for address, _ in connected_to] == [group.expected_address]
    assert check_url(permitted) == permitted


@pytest.mark.parametrize("address", ADDRESSES)
def test_name_that_resolves_to_a_forbidden_address_is_rejected(address, names, connected_to):
    names["hook.example"] = [PUBLIC, address]
    assert is_refused("https://hook.example/", connected_to)


@pytest.mark.parametrize("address", NEVER)
def test_metadata_and_link_local_stay_forbidden_whatever_is_allowed(address, allow, names, connected_to):
    allow(*EVERYTHING, f"{address}/128" if ":" in address else f"{address}/32")
    assert is_refused(f"http://[{address}]/" if ":" in address else f"http://{address}/", connected_to)
    names["hook.example"] = [address]
    assert is_refused("http://hook.example/", connected_to)


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "fd00::1", "::1", "64:ff9b::10.0.0.1", "::ffff:10.0.0.1"])
def test_other_private_addresses_can_be_allowed(address, allow):
    with pytest.raises(addresses.ForbiddenAddress):
        check_address(address)
    allow(*EVERYTHING)
    check_address(address)


@pytest.mark.parametrize(
    "address",
    [
        PUBLIC,
        PUBLIC_6,
        "1.1.1.1",
        "::ffff:1.1.1.1",
        "99.255.255.255",
        "172.32.0.1",
        "100.128.0.1",
        "2001:4860:4860::8888",
    ],
)
def test_public_addresses_are_accepted(address):
    check_address(address)


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "169.254.169.254", "10.0.0.5", "::1", "fd00:ec2::254", "::ffff:7f00:1"]
)
def test_dns_rebinding_is_not_connected_to(inside, names, connected_to):
    names["rebinding.example"] = [PUBLIC]
    permitted = check_url("https://rebinding.example/")
    names["rebinding.example"] = [inside]
    assert post(permitted).error.startswith("Refused: webhooks m")
    assert connected_to == []


def test_address_is_checked_again_before_connecting(monkeypatch, connected_to):
    async def deceived(self, host, port=0, family=socket.AF_INET):
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    monkeypatch.setattr(transport_module._PermittedResolver, "resolve", deceived)
    assert "only to public addresses" in post("http://rebinding.example/").error
    assert connected_to == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_a_failed_attempt_and_is_not_followed(status, allow, connected_to):
    allow("127.0.0.0/8")
    with receiver() as inside:
        for location in ("http://169.254.169.254/latest/", "//169.254.169.254/", inside.url):
            with receiver(status=status, headers={"Location": location}) as endpoint:
                result = post(endpoint.url)
            assert (result.status_code, result.is_success) == (status, False)
    assert [address for address, _ in connected_to] == ["127.0.0.1"] * 3
    assert inside.requests == []


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://BÜCHER。example:8443/Ä", "https://xn--bcher-kva.example:8443/%C3%84"),
        ("https://straße.example/", "https://xn--strae-oqa.example/"),
        ("HTTPS://Good.Example/Path", "https://good.example/Path"),
        ("https://good.example", "https://good.example"),
        ("https://good.example./", "https://good.example./"),
        ("https://a_b.good.example/", "https://a_b.good.example/"),
        ("https://xn--nonsense-.example/", "https://xn--nonsense-.example/"),
        ("https://good.example:443/", "https://good.example:443/"),
        ("https://good.example/<a>?q={x}|ü", "https://good.example/%3Ca%3E?q=%7Bx%7D%7C%C3%BC"),
        ("http://[2606:4700:4700:0::1111]:8080/", "http://[2606:4700:4700::1111]:8080/"),
    ],
)
def test_valid_urls_are_stored_in_the_normalised_form_that_is_requested(given, sent, connected_to):
    assert check_url(given) == check_url(sent) == sent
    assert post(given).error.startswith("No connection")
    assert len(connected_to) == 1


def test_url_parsers_agree_on_every_accepted_url():
    dice = random.Random(7)
    pieces = [
        *("//", "http:", "1.1.1.1", "good.example", ":80", "[2606::1]", "%2f", "xn--", "0x7f"),
        *"/?#@:[]%.\\-_~;,&=+ \t\0aé。①",
    ]
    accepted = 0
    for _ in range(20_000):
        url = "http://" + "".join(dice.choices(pieces, k=dice.randint(1, 5)))
        with suppress(ForbiddenUrl):
            found = parse_url(url)
            accepted += 1
            for parts in (URL(found.url, encoded=True), URL(found.url)):
                assert (parts.raw_host, parts.port, parts.raw_user, parts.scheme) == (
                    found.host,
                    found.port,
                    None,
                    "http",
                )
            split = urlsplit(found.url)
            assert (split.hostname, split.port or 80, split.username) == (found.host, found.port, None)
            assert parse_url(found.url) == found
    assert accepted > 1000


def test_local_receivers_are_accepted_if_loopback_is_allowed(allow):
    allow("127.0.0.0/8", "::1/128")
    for url in (
        "http://127.0.0.1:9000/",
        "http://localhost:9000/",
        "http://[::1]:9000/",
        "http://１２７.０.０.１:9000/",
    ):
        check_url(url)
    with receiver() as endpoint:
        assert post(endpoint.url.replace("127.0.0.1", "localhost")).is_success
        assert post(endpoint.url.replace("127.0.0.1", "LOCALHOST")).is_success


@pytest.mark.parametrize(
    "path",
    [
        "/a%2Fb/%2e%2e/c?x=%2F&y=a+b&z=a%20b",
        "/a%2fb?sig=ab%2bcd%3d&t=%7E~",
        "/%41%C3%BC?%61=%62&c=%C3%BC",
        "/a/./b/../c//d;e=f,g",
        "/a:b@c/$&'()*!?d=/?:@!$'()*,;e[]=1",
        "/%zz%?100%",
        "/?a=b&a=c&&d&=e",
    ],
)
def test_path_and_query_are_sent_unchanged(path, allow):
    allow("127.0.0.0/8")
    with receiver() as endpoint:
        url = endpoint.url.removesuffix("/hook") + path
        assert check_url(url) == url
        assert post(url).is_success
    assert [request.path for request in endpoint.requests] == [path]


def test_unicode_is_sent_percent_encoded_and_the_host_as_punycode(allow, names):
    allow("127.0.0.0/8")
    names["xn--bcher-kva.example"] = ["127.0.0.1"]
    with receiver() as endpoint:
        url = endpoint.url.replace("127.0.0.1", "bücher.example").removesuffix("/hook") + "/grüße?an=Zoë&x=%2B"
        assert post(check_url(url)).is_success
        assert post(url).is_success
    for request in endpoint.requests:
        assert request.path == "/gr%C3%BC%C3%9Fe?an=Zo%C3%AB&x=%2B"
        assert request.headers["Host"].startswith("xn--bcher-kva.example:")
