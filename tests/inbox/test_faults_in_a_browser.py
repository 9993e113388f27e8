"""Browser tests of outages: a failed server, an unreachable Valkey, a suspended laptop. Nothing an operator wrote is
lost, and the page shows the state of the connection."""

import re

import pytest
from playwright.sync_api import expect

from conversations.models import Message
from tests.inbox.pictures import PNG
from tests.inbox.test_in_a_browser import add_message, path_of, reply, row
from tests.live.driver import wait_for
from tests.live.proxy import Proxy
from tests.servers import WEB, Server, free_port

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]

LONG_TIMEOUT_MS = 60_000  # a page whose retries have failed for a while waits up to 24 s before the next one


def reply_field(page):
    return page.get_by_role("textbox", name="Reply")


def thread_log(page):
    return page.get_by_role("log")


def expect_stored_once(page, text):
    expect(page.locator(".entry:not(.unsent)", has_text=text)).to_have_count(1, timeout=LONG_TIMEOUT_MS)
    expect(page.locator(".unsent")).to_have_count(0)
    assert Message.objects.filter(body=text).count() == 1


@pytest.mark.slow
def test_messages_and_drafts_survive_a_killed_and_restarted_server(tenants, conversations, browsers):
    port = free_port()
    with Server(*WEB, port=port, WEB_PROCESSES="1") as server:
        page = browsers.open(tenants.alice, path_of(conversations.north), url=server.url)
        expect(thread_log(page)).to_contain_text("Hello?")
        server.kill()
        # "offline" follows soon
        expect(page.locator("#connection")).to_contain_text(re.compile("Reconnecting|offline"))
        reply(page, "Sent while the server lay.")
        expect(page.locator(".unsent")).to_contain_text("Waiting for the connection")
        reply_field(page).fill("Half a sen")
        expect(page.locator("#connection")).to_contain_text("offline")
        add_message(conversations.north, "Written meanwhile")
    with Server(*WEB, port=port, WEB_PROCESSES="1"):
        expect(thread_log(page)).to_contain_text("Written meanwhile", timeout=LONG_TIMEOUT_MS)
        expect_stored_once(page, "Sent while the server lay.")
        expect(page.locator("#connection")).to_be_hidden()
        expect(reply_field(page)).to_have_value("Half a sen")
        expect(row(page, "Sent while")).to_be_visible()


@pytest.mark.slow
def test_messages_are_sent_without_valkey_and_pushed_once_it_returns(tenants, conversations, valkey, browsers):
    options = {"WEB_PROCESSES": "1", "REDIS_URL": valkey.url}
    with Server(*WEB, **options) as one, Server(*WEB, **options) as other:
        alice = browsers.open(tenants.alice, path_of(conversations.north), url=one.url)
        bob = browsers.open(tenants.bob, path_of(conversations.north), url=other.url)
        expect(thread_log(alice)).to_contain_text("Hello?")
        expect(thread_log(bob)).to_contain_text("Hello?")
        valkey.stop()
        for page in (alice, bob):
            expect(page.locator("#connection")).to_contain_text("Updates from others may be delayed")
        reply(bob, "Sent without Valkey")
        expect_stored_once(bob, "Sent without Valkey")
        valkey.start()
        for page in (alice, bob):
            expect(page.locator("#connection")).to_be_hidden(timeout=LONG_TIMEOUT_MS)
        expect(thread_log(alice)).to_contain_text("Sent without Valkey", timeout=LONG_TIMEOUT_MS)
        reply(alice, "And I have seen it")
        expect(thread_log(bob)).to_contain_text("And I have seen it", timeout=LONG_TIMEOUT_MS)
        assert alice.problems == bob.problems == []


def test_silently_dead_connection_is_detected_and_nothing_is_lost(tenants, conversations, server, browsers):
    """The connection is dead but the page gets no close and no error."""
    with Proxy(server.port) as proxy:
        page = browsers.open(tenants.alice, path_of(conversations.north), url=proxy.url)
        expect(thread_log(page)).to_contain_text("Hello?")
        page.clock.install()
        page.reload()
        expect(thread_log(page)).to_contain_text("Hello?")
        expect(reply_field(page)).to_be_visible()
        proxy.drop_responses()
        add_message(conversations.north, "Are you there?")
        reply(page, "Written in the evening")
        expect(page.locator(".unsent")).to_contain_text("Sending")
        reply_field(page).fill("Half a sen")
        # only the response is lost
        wait_for(lambda: Message.objects.filter(body="Written in the evening").count() == 1)
        page.clock.run_for(41_000)
        expect(page.locator("#connection")).to_be_visible()
        expect(page.locator(".unsent")).to_contain_text("Waiting for the connection")
        proxy.disconnect_all()
        page.clock.run_for(30_000)
        expect(thread_log(page)).to_contain_text("Are you there?", timeout=LONG_TIMEOUT_MS)
        expect_stored_once(page, "Written in the evening")
        expect(reply_field(page)).to_have_value("Half a sen")
        expect(page.locator("#connection")).to_be_hidden()


def test_unsent_file_survives_a_reload(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    reply_field(page).wait_for()
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


def test_rejected_file_is_shown_and_removed_in_both_tabs(tenants, conversations, server, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    reply_field(page).wait_for()
    other = page.context.new_page()
    other.goto(page.url)
    reply_field(other).wait_for()
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
