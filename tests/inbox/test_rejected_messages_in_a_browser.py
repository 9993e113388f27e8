"""Browser tests: a rejected or failed message never blocks later ones, whoever rejects it, before and after a reload."""

import pytest
from playwright.sync_api import expect

from conversations.models import Message
from tests.inbox.pictures import PNG
from tests.inbox.reverse_proxy import NO_RESPONSE, ReverseProxy, html
from tests.inbox.test_in_a_browser import path_of, reply
from tests.live.driver import wait_for
from tests.servers import WEB, Server
from tests.tiers import slow

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]

FILES, TOKEN = "/app/inbox/files/", "/app/inbox/token/"
MEGABYTE = 2**20
LARGE = PNG + b"\0" * MEGABYTE  # a valid picture with trailing bytes
MAX_TRIES = 10


@pytest.fixture
def proxy(server):
    with ReverseProxy(server.port) as running:
        yield running


@pytest.fixture
def page(tenants, conversations, browsers, proxy):
    page = browsers.open(tenants.alice, path_of(conversations.north), url=proxy.url)
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    return page


def attach(page, *names, content=PNG):
    files = [{"name": name, "mimeType": "image/png", "buffer": content} for name in names]
    page.locator("#composer input[type=file]").set_input_files(files)
    expect(page.locator("#composer .attached li")).to_have_count(len(names))


def send(page):
    page.get_by_role("button", name="Send", exact=True).click()


def unsent(page, text):
    return page.locator(".unsent", has_text=text)


def expect_sent(page, text):
    expect(page.locator(".entry:not(.unsent)", has_text=text)).to_have_count(1)


def expect_picture_sent(page, name):
    page.locator(f"#log .entry:not(.unsent) img[alt='{name}']").wait_for()


def bodies():
    return list(Message.objects.filter(author__isnull=False).order_by("position").values_list("body", flat=True))


def test_file_rejected_by_a_proxy_as_too_large_does_not_block_later_messages(page, proxy):
    proxy.rules[FILES] = lambda size: html("413 Content Too Large", "nginx") if size > MEGABYTE else None
    attach(page, "large.png", content=LARGE)
    send(page)
    expect(unsent(page, "large.png")).to_contain_text("Not sent: The file is too large")
    attach(page, "small.png")
    send(page)
    reply(page, "Text behind them")
    expect_picture_sent(page, "small.png")
    expect_sent(page, "Text behind them")
    page.reload()
    expect(unsent(page, "large.png")).to_contain_text("Not sent: The file is too large")
    expect_sent(page, "Text behind them")
    assert proxy.requests[FILES] == 2  # rejected once; the reload does not retry it
    del proxy.rules[FILES]
    unsent(page, "large.png").get_by_role("button", name="Try again").click()
    expect_picture_sent(page, "large.png")
    expect(page.locator(".unsent")).to_have_count(0)


@pytest.mark.parametrize(
    "status",
    [
        "403 Forbidden",
        *slow("401 Unauthorized", "404 Not Found", "400 Bad Request"),
    ],
)
def test_firewall_error_page_rejects_the_file_without_signing_out(page, proxy, status):
    proxy.rules[FILES] = lambda size: html(status, "Request blocked by WebShield")
    attach(page, "one.png")
    send(page)
    expect(unsent(page, "one.png")).to_contain_text(f"status {status[:3]}")
    expect(page.locator("#connection")).to_be_hidden()
    reply(page, "Still signed in")
    expect_sent(page, "Still signed in")
    unsent(page, "one.png").get_by_role("button", name="Remove").click()
    expect(page.locator(".unsent")).to_have_count(0)


def test_firewall_error_on_the_token_endpoint_does_not_sign_out(tenants, conversations, browsers, proxy):
    proxy.rules[TOKEN] = lambda size: html("403 Forbidden", "Request blocked by WebShield")
    page = browsers.open(tenants.alice, path_of(conversations.north), url=proxy.url)
    wait_for(lambda: proxy.requests[TOKEN] >= 3)
    expect(page.locator("#connection")).not_to_contain_text("signed out")
    del proxy.rules[TOKEN]
    expect(page.get_by_role("log")).to_contain_text("Hello?", timeout=60_000)


def test_upload_with_an_ended_session_shows_signed_out(page, proxy):
    attach(page, "one.png")
    page.context.clear_cookies(name="sessionid")
    send(page)
    expect(page.locator("#connection")).to_contain_text("You are signed out")
    expect(unsent(page, "one.png")).to_be_visible()


def test_upload_with_a_stale_csrf_token_shows_signed_out(page, proxy):
    """Signing in again in another tab changes the CSRF token, so the server itself responds with 403."""
    attach(page, "one.png")
    page.context.add_cookies([{"name": "csrftoken", "value": "x" * 32, "url": proxy.url}])
    send(page)
    expect(page.locator("#connection")).to_contain_text("You are signed out")


OUTAGES = {
    "502": html("502 Bad Gateway", "nginx"),
    "503": html("503 Service Unavailable", "nginx"),
    "a page that says 200": html("200 OK", "Sign in to the hotel's network"),
    "dead": NO_RESPONSE,
}


@pytest.mark.parametrize("outage", slow(*OUTAGES))
def test_file_that_keeps_failing_is_given_up_and_later_files_are_sent(page, proxy, outage):
    page.clock.install()
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    tries_of_large_file = []

    def fail_if_large(size):
        if size > MEGABYTE:
            tries_of_large_file.append(size)
            return OUTAGES[outage]
        return None

    proxy.rules[FILES] = fail_if_large
    attach(page, "large.png", content=LARGE)
    send(page)
    expect(unsent(page, "large.png")).to_contain_text("No response yet")
    attach(page, "small.png")
    send(page)
    reply(page, "Text goes at once")
    expect_sent(page, "Text goes at once")
    expect(unsent(page, "small.png")).to_be_visible()  # files are sent in order
    for tries in range(2, MAX_TRIES + 1):
        page.clock.run_for(5000)
        wait_for(lambda tries=tries: len(tries_of_large_file) >= tries)
    expect(unsent(page, "large.png")).to_contain_text("Not sent: The server did not respond")
    expect_picture_sent(page, "small.png")
    assert len(tries_of_large_file) == MAX_TRIES
    page.reload()
    expect(unsent(page, "large.png").get_by_role("button", name="Remove")).to_be_visible()
    expect_sent(page, "Text goes at once")
    assert len(tries_of_large_file) == MAX_TRIES
    del proxy.rules[FILES]
    unsent(page, "large.png").get_by_role("button", name="Try again").click()
    expect_picture_sent(page, "large.png")
    expect(page.locator(".unsent")).to_have_count(0)
    assert bodies() == ["Text goes at once", "small.png", "large.png"]


def test_files_are_sent_in_order_after_an_outage(page, proxy):
    page.clock.install()
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    proxy.rules[FILES] = lambda size: html("502 Bad Gateway", "nginx")
    attach(page, "one.png", "two.png")
    send(page)
    expect(unsent(page, "one.png")).to_contain_text("No response yet")
    page.reload()
    expect(unsent(page, "two.png")).to_be_visible()
    del proxy.rules[FILES]
    page.clock.run_for(6000)
    expect_picture_sent(page, "two.png")
    assert bodies()[-2:] == ["one.png", "two.png"]


def test_upload_waits_for_retry_after(page, proxy):
    page.clock.install()
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    proxy.rules[FILES] = lambda size: html("429 Too Many Requests", "Slow down", Retry_After=60)
    attach(page, "one.png")
    send(page)
    wait_for(lambda: proxy.requests[FILES] == 1)
    page.clock.run_for(55_000)
    page.wait_for_timeout(300)
    assert proxy.requests[FILES] == 1
    del proxy.rules[FILES]
    page.clock.run_for(6000)
    expect_picture_sent(page, "one.png")


@pytest.mark.slow
def test_rate_limited_reply_is_sent_later(tenants, conversations, browsers):
    """As above, over the live connection, where errors carry a code."""
    with_limit = {"RATE_LIMIT_WRITE_KEY": "3"}
    with Server(*WEB, WEB_PROCESSES="1", **with_limit) as server:
        page = browsers.open(tenants.alice, path_of(conversations.north), url=server.url)
        expect(page.get_by_role("log")).to_contain_text("Hello?")
        for number in range(3):  # typing notifications count too, so each minute allows at least one reply
            reply(page, f"Quick {number}")
        expect(page.locator(".unsent").first).to_contain_text("Sending")
        expect(page.locator(".unsent")).to_have_count(0, timeout=150_000)
        expect_sent(page, "Quick 2")
