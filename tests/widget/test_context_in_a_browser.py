"""Browser tests of the visitor's context, and of what a blocked visitor sees."""

import pytest

from conversations.actions import block_visitor
from conversations.models import Conversation, Visitor
from tests.live.driver import wait_for
from tests.widget.conftest import STRICT
from tests.widget.test_conversation import expect_message, fill_form, stored_bodies, wait_until_stored, write_message

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

SEARCH = "https://search.example/?q=addis"


def context_of_visitor():
    return Visitor.objects.values_list("referrer", "time_zone").first()


def context_requests(recorder):
    recorder.page.wait_for_timeout(100)  # Playwright reports requests only while it waits for the page
    return [url for url in recorder.requests if url.endswith("/api/mutation")]


def test_referrer_and_time_zone_are_sent_once_per_page(site, browser):
    context = browser.new_context(timezone_id="Africa/Addis_Ababa")
    page = context.new_page()
    recorder = site.open(page, csp=STRICT)
    page.goto(site.url, referer=SEARCH)
    page.get_by_role("button", name="Open chat").wait_for()
    assert context_requests(recorder) == []
    fill_form(page, "Hello?")
    wait_for(lambda: context_of_visitor() == (SEARCH, "Africa/Addis_Ababa"), "the context is not sent")
    assert Visitor.objects.get().browser.startswith("Chrome ")
    for text in ("one", "two"):
        write_message(page, text)
        expect_message(page, text)
    wait_until_stored(["Hello?", "one", "two"])
    assert len(context_requests(recorder)) == 1
    page.goto(f"{site.url}/terms", referer=f"{site.url}/")  # navigation within the same site
    expect_message(page, "two")
    wait_for(lambda: len(context_requests(recorder)) == 2, "the next page does not tell")
    assert context_of_visitor() == (SEARCH, "Africa/Addis_Ababa")
    assert recorder.reports() == recorder.errors() == []
    context.close()


def test_context_of_the_next_visitor_after_a_reset_is_sent_too(site, page):
    recorder = site.open(page)
    fill_form(page, "Hello?")
    wait_for(lambda: len(context_requests(recorder)) == 1, "the context is not sent")
    wait_until_stored(["Hello?"])
    page.evaluate("PraxTalk('reset')")
    fill_form(page, "It is me")
    wait_for(lambda: len(context_requests(recorder)) == 2, "the context is not sent")
    wait_for(lambda: Visitor.objects.exclude(time_zone="").count() == 2, "one is missing")


def test_messages_of_a_blocked_visitor_are_marked_as_not_sent_and_not_retried(site, page):
    recorder = site.open(page)
    fill_form(page, "Hello?")
    wait_until_stored(["Hello?"])
    expect_message(page, "Hello?")
    block_visitor(Conversation.objects.get(), is_blocked=True)
    for text in ("one", "two"):
        write_message(page, text)
        expect_message(page, text)
    wait_for(lambda: page.get_by_text("Not sent").count() == 2, "it is not marked")
    sent = len([url for url in recorder.requests if url.endswith("/widget/v1/messages")])
    page.wait_for_timeout(2500)
    assert len([url for url in recorder.requests if url.endswith("/widget/v1/messages")]) == sent == 2
    assert stored_bodies() == ["Hello?"]
    expect_message(page, "Hello?")
    block_visitor(Conversation.objects.get(), is_blocked=False)
    page.get_by_role("button", name="Try again").first.click()
    wait_until_stored(["Hello?", "one"])
