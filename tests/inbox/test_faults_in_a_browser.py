"""Servers fall, Valkey is gone, a laptop sleeps: nothing that an operator wrote is lost, and the page says how it stands."""

import re

import pytest
from playwright.sync_api import expect

from conversations.models import Message
from tests.inbox.pictures import PNG
from tests.inbox.test_in_a_browser import path_of, reply, row, says
from tests.live.driver import wait_for
from tests.live.proxy import Proxy
from tests.servers import WEB, Server, free_port

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]

LONG = 60_000  # ms: a page that has tried in vain for a while waits up to 24 s before it tries again


def field_of(page):
    return page.get_by_role("textbox", name="Reply")


def log_of(page):
    return page.get_by_role("log")


def stands_once(page, text):
    expect(page.locator(".entry:not(.unsent)", has_text=text)).to_have_count(1, timeout=LONG)
    expect(page.locator(".unsent")).to_have_count(0)
    assert Message.objects.filter(body=text).count() == 1


def test_a_server_that_is_killed_and_comes_back(cast, talks, browsers):
    port = free_port()
    with Server(*WEB, port=port, WEB_PROCESSES="1") as server:
        page = browsers.open(cast.alice, path_of(talks.north), url=server.url)
        expect(log_of(page)).to_contain_text("Hello?")
        server.kill()
        expect(page.locator("#connection")).to_contain_text(re.compile("Reconnecting|offline"))  # soon the second
        reply(page, "Sent while the server lay.")
        expect(page.locator(".unsent")).to_contain_text("Waiting for the connection")
        field_of(page).fill("Half a sen")
        expect(page.locator("#connection")).to_contain_text("offline")
        says(talks.north, "Written meanwhile")
    with Server(*WEB, port=port, WEB_PROCESSES="1"):
        expect(log_of(page)).to_contain_text("Written meanwhile", timeout=LONG)
        stands_once(page, "Sent while the server lay.")
        expect(page.locator("#connection")).to_be_hidden()
        expect(field_of(page)).to_have_value("Half a sen")
        expect(row(page, "Sent while")).to_be_visible()


def test_valkey_is_gone_and_comes_back(cast, talks, valkey, browsers):
    options = {"WEB_PROCESSES": "1", "REDIS_URL": valkey.url}
    with Server(*WEB, **options) as one, Server(*WEB, **options) as other:
        alice = browsers.open(cast.alice, path_of(talks.north), url=one.url)
        bob = browsers.open(cast.bob, path_of(talks.north), url=other.url)
        expect(log_of(alice)).to_contain_text("Hello?")
        expect(log_of(bob)).to_contain_text("Hello?")
        valkey.stop()
        for page in (alice, bob):
            expect(page.locator("#connection")).to_contain_text("What others do is shown late")
        reply(bob, "Sent without Valkey")
        stands_once(bob, "Sent without Valkey")
        valkey.start()
        for page in (alice, bob):
            expect(page.locator("#connection")).to_be_hidden(timeout=LONG)
        expect(log_of(alice)).to_contain_text("Sent without Valkey", timeout=LONG)
        reply(alice, "And I have seen it")
        expect(log_of(bob)).to_contain_text("And I have seen it", timeout=LONG)
        assert alice.problems == bob.problems == []


def test_a_laptop_that_slept(cast, talks, server, browsers):
    """Its connection is gone and nobody has told it: no close, no error, only silence."""
    with Proxy(server.port) as proxy:
        page = browsers.open(cast.alice, path_of(talks.north), url=proxy.url)
        expect(log_of(page)).to_contain_text("Hello?")
        page.clock.install()
        page.reload()
        expect(log_of(page)).to_contain_text("Hello?")
        expect(field_of(page)).to_be_visible()
        proxy.hush()
        says(talks.north, "Are you there?")
        reply(page, "Written in the evening")
        expect(page.locator(".unsent")).to_contain_text("Sending")
        field_of(page).fill("Half a sen")
        wait_for(lambda: Message.objects.filter(body="Written in the evening").count() == 1)  # only the answer is lost
        page.clock.run_for(41_000)
        expect(page.locator("#connection")).to_be_visible()
        expect(page.locator(".unsent")).to_contain_text("Waiting for the connection")
        proxy.cut()
        page.clock.run_for(30_000)
        expect(log_of(page)).to_contain_text("Are you there?", timeout=LONG)
        stands_once(page, "Written in the evening")
        expect(field_of(page)).to_have_value("Half a sen")
        expect(page.locator("#connection")).to_be_hidden()


def test_a_file_outlives_a_reload(cast, talks, browsers):
    page = browsers.open(cast.alice, path_of(talks.north))
    field_of(page).wait_for()
    page.route("**/app/inbox/files/", lambda route: route.abort())
    page.locator("#composer input[type=file]").set_input_files(
        {"name": "cable.png", "mimeType": "image/png", "buffer": PNG}
    )
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".unsent", has_text="cable.png")).to_be_visible()
    page.wait_for_function("caches.open('praxtalk.inbox').then(async (cache) => (await cache.keys()).length === 1)")
    page.reload()
    expect(page.locator(".unsent", has_text="cable.png")).to_be_visible()
    page.unroute("**/app/inbox/files/")
    page.reload()
    page.locator("#log img[alt='cable.png']").wait_for()
    expect(page.locator(".unsent")).to_have_count(0)
    assert Message.objects.filter(body="cable.png").count() == 1
    assert page.evaluate("caches.open('praxtalk.inbox').then(async (cache) => (await cache.keys()).length)") == 0


def test_two_tabs_show_what_neither_has_sent(cast, talks, server, browsers):
    page = browsers.open(cast.alice, path_of(talks.north))
    field_of(page).wait_for()
    other = page.context.new_page()
    other.goto(page.url)
    field_of(other).wait_for()
    page.locator("#composer input[type=file]").set_input_files(
        {"name": "broken.png", "mimeType": "image/png", "buffer": PNG[:8]}
    )
    expect(page.locator("#composer .attached li")).to_have_count(1)
    page.get_by_role("button", name="Send", exact=True).click()
    for each in (page, other):
        expect(each.locator(".unsent", has_text="broken.png")).to_contain_text("Not sent")
    other.get_by_role("button", name="Remove").click()
    for each in (page, other):
        expect(each.locator(".unsent")).to_have_count(0)
