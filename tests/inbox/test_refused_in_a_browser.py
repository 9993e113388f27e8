"""A message that is refused or fails blocks nothing behind it, whoever refuses it, before and after a reload."""

import pytest
from playwright.sync_api import expect

from conversations.models import Message
from tests.inbox.pictures import PNG
from tests.inbox.reverse_proxy import DEAD, ReverseProxy, html
from tests.inbox.test_in_a_browser import path_of, reply
from tests.live.driver import wait_for
from tests.servers import WEB, Server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]

FILES, TOKEN = "/app/inbox/files/", "/app/inbox/token/"
MEGABYTE = 2**20
LARGE = PNG + b"\0" * MEGABYTE  # a picture to everybody, with something behind it
TRIES = 10


@pytest.fixture
def proxy(server):
    with ReverseProxy(server.port) as running:
        yield running


@pytest.fixture
def page(cast, talks, browsers, proxy):
    made = browsers.open(cast.alice, path_of(talks.north), url=proxy.url)
    expect(made.get_by_role("log")).to_contain_text("Hello?")
    return made


def attach(page, *names, content=PNG):
    files = [{"name": name, "mimeType": "image/png", "buffer": content} for name in names]
    page.locator("#composer input[type=file]").set_input_files(files)
    expect(page.locator("#composer .attached li")).to_have_count(len(names))


def send(page):
    page.get_by_role("button", name="Send", exact=True).click()


def unsent(page, text):
    return page.locator(".unsent", has_text=text)


def arrives(page, text):
    expect(page.locator(".entry:not(.unsent)", has_text=text)).to_have_count(1)


def picture_arrives(page, name):
    page.locator(f"#log .entry:not(.unsent) img[alt='{name}']").wait_for()


def bodies():
    return list(Message.objects.filter(author__isnull=False).order_by("position").values_list("body", flat=True))


def test_body_that_a_proxy_finds_too_large_is_refused_and_the_rest_is_sent(page, proxy):
    proxy.rules[FILES] = lambda size: html("413 Content Too Large", "nginx") if size > MEGABYTE else None
    attach(page, "large.png", content=LARGE)
    send(page)
    expect(unsent(page, "large.png")).to_contain_text("Not sent: The file is too large")
    attach(page, "small.png")
    send(page)
    reply(page, "Text behind them")
    picture_arrives(page, "small.png")
    arrives(page, "Text behind them")
    page.reload()
    expect(unsent(page, "large.png")).to_contain_text("Not sent: The file is too large")
    arrives(page, "Text behind them")
    assert proxy.asked[FILES] == 2  # refused once, and not tried again by the reload
    del proxy.rules[FILES]
    unsent(page, "large.png").get_by_role("button", name="Try again").click()
    picture_arrives(page, "large.png")
    expect(page.locator(".unsent")).to_have_count(0)


@pytest.mark.parametrize("status", ["403 Forbidden", "401 Unauthorized", "404 Not Found", "400 Bad Request"])
def test_page_of_a_firewall_is_a_refusal_and_no_sign_out(page, proxy, status):
    proxy.rules[FILES] = lambda size: html(status, "Request blocked by WebShield")
    attach(page, "one.png")
    send(page)
    expect(unsent(page, "one.png")).to_contain_text(f"answered {status[:3]}")
    expect(page.locator("#connection")).to_be_hidden()
    reply(page, "Still signed in")
    arrives(page, "Still signed in")
    unsent(page, "one.png").get_by_role("button", name="Remove").click()
    expect(page.locator(".unsent")).to_have_count(0)


def test_firewall_in_front_of_the_token_is_no_sign_out(cast, talks, browsers, proxy):
    proxy.rules[TOKEN] = lambda size: html("403 Forbidden", "Request blocked by WebShield")
    page = browsers.open(cast.alice, path_of(talks.north), url=proxy.url)
    wait_for(lambda: proxy.asked[TOKEN] >= 3)
    expect(page.locator("#connection")).not_to_contain_text("signed out")
    del proxy.rules[TOKEN]
    expect(page.get_by_role("log")).to_contain_text("Hello?", timeout=60_000)


def test_session_that_has_ended_is_told_by_the_upload_too(page, proxy):
    attach(page, "one.png")
    page.context.clear_cookies(name="sessionid")
    send(page)
    expect(page.locator("#connection")).to_contain_text("You are signed out")
    expect(unsent(page, "one.png")).to_be_visible()


def test_session_of_another_sign_in_is_told_by_the_upload_too(page, proxy):
    """Signing in again, in another tab, changes the token of the forms: our own 403."""
    attach(page, "one.png")
    page.context.add_cookies([{"name": "csrftoken", "value": "x" * 32, "url": proxy.url}])
    send(page)
    expect(page.locator("#connection")).to_contain_text("You are signed out")


OUTAGES = {
    "502": html("502 Bad Gateway", "nginx"),
    "503": html("503 Service Unavailable", "nginx"),
    "a page that says 200": html("200 OK", "Sign in to the hotel's network"),
    "dead": DEAD,
}


@pytest.mark.parametrize("outage", OUTAGES)
def test_file_that_fails_for_long_is_set_aside_and_what_stands_behind_it_is_sent(page, proxy, outage):
    page.clock.install()
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    proxy.rules[FILES] = lambda size: OUTAGES[outage] if size > MEGABYTE else None
    attach(page, "large.png", content=LARGE)
    send(page)
    expect(unsent(page, "large.png")).to_contain_text("No answer yet")
    attach(page, "small.png")
    send(page)
    reply(page, "Text goes at once")
    arrives(page, "Text goes at once")
    expect(unsent(page, "small.png")).to_be_visible()  # files keep their order
    for tries in range(2, TRIES + 1):
        page.clock.run_for(5000)
        wait_for(lambda tries=tries: proxy.asked[FILES] >= tries)
    expect(unsent(page, "large.png")).to_contain_text("Not sent: There was no answer")
    picture_arrives(page, "small.png")
    asked = proxy.asked[FILES]
    assert asked == TRIES + 1
    page.reload()
    expect(unsent(page, "large.png").get_by_role("button", name="Remove")).to_be_visible()
    arrives(page, "Text goes at once")
    assert proxy.asked[FILES] == asked
    del proxy.rules[FILES]
    unsent(page, "large.png").get_by_role("button", name="Try again").click()
    picture_arrives(page, "large.png")
    expect(page.locator(".unsent")).to_have_count(0)
    assert bodies() == ["Text goes at once", "small.png", "large.png"]


def test_outage_that_ends_loses_nothing_and_keeps_the_order(page, proxy):
    page.clock.install()
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    proxy.rules[FILES] = lambda size: html("502 Bad Gateway", "nginx")
    attach(page, "one.png", "two.png")
    send(page)
    expect(unsent(page, "one.png")).to_contain_text("No answer yet")
    page.reload()
    expect(unsent(page, "two.png")).to_be_visible()
    del proxy.rules[FILES]
    page.clock.run_for(6000)
    picture_arrives(page, "two.png")
    assert bodies()[-2:] == ["one.png", "two.png"]


def test_too_many_requests_wait_as_they_are_told(page, proxy):
    page.clock.install()
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    proxy.rules[FILES] = lambda size: html("429 Too Many Requests", "Slow down", Retry_After=60)
    attach(page, "one.png")
    send(page)
    wait_for(lambda: proxy.asked[FILES] == 1)
    page.clock.run_for(55_000)
    page.wait_for_timeout(300)
    assert proxy.asked[FILES] == 1
    del proxy.rules[FILES]
    page.clock.run_for(6000)
    picture_arrives(page, "one.png")


def test_reply_that_the_server_limits_is_sent_later(cast, talks, browsers):
    """The same over the live connection, where a refusal has a code."""
    with_limit = {"RATE_LIMIT_WRITE_KEY": "3"}
    with Server(*WEB, WEB_PROCESSES="1", **with_limit) as server:
        page = browsers.open(cast.alice, path_of(talks.north), url=server.url)
        expect(page.get_by_role("log")).to_contain_text("Hello?")
        for number in range(3):  # who is typing counts, too: each minute has room for one reply at least
            reply(page, f"Quick {number}")
        expect(page.locator(".unsent").first).to_contain_text("Sending")
        expect(page.locator(".unsent")).to_have_count(0, timeout=150_000)
        arrives(page, "Quick 2")
