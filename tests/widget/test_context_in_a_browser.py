"""What a real Chromium tells of where its visitor comes from, and what somebody reads who was blocked."""

import pytest

from conversations.actions import block_visitor
from conversations.models import Conversation, Visitor
from tests.live.driver import wait_for
from tests.widget.conftest import STRICT
from tests.widget.test_conversation import bodies, fill_form, shows, until, write

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

SEARCH = "https://search.example/?q=addis"


def context_of_visitor():
    return Visitor.objects.values_list("referrer", "time_zone").first()


def tells(visit):
    visit.page.wait_for_timeout(100)  # requests are told while the page is asked something
    return [url for url in visit.requests if url.endswith("/api/mutation")]


def test_where_somebody_comes_from_is_told_once_a_page(site, browser):
    context = browser.new_context(timezone_id="Africa/Addis_Ababa")
    page = context.new_page()
    visit = site.open(page, csp=STRICT)
    page.goto(site.url, referer=SEARCH)
    page.get_by_role("button", name="Open chat").wait_for()
    assert tells(visit) == []
    fill_form(page, "Hello?")
    wait_for(lambda: context_of_visitor() == (SEARCH, "Africa/Addis_Ababa"), "it is not told")
    assert Visitor.objects.get().browser.startswith("Chrome ")
    for text in ("one", "two"):
        write(page, text)
        shows(page, text)
    until(["Hello?", "one", "two"])
    assert len(tells(visit)) == 1
    page.goto(f"{site.url}/terms", referer=f"{site.url}/")  # from page to page of the same site
    shows(page, "two")
    wait_for(lambda: len(tells(visit)) == 2, "the next page does not tell")
    assert context_of_visitor() == (SEARCH, "Africa/Addis_Ababa")
    assert visit.reports() == visit.errors() == []
    context.close()


def test_the_next_visitor_of_the_same_page_is_told_of_too(site, page):
    visit = site.open(page)
    fill_form(page, "Hello?")
    wait_for(lambda: len(tells(visit)) == 1, "it is not told")
    until(["Hello?"])
    page.evaluate("PraxTalk('reset')")
    fill_form(page, "It is me")
    wait_for(lambda: len(tells(visit)) == 2, "it is not told")
    wait_for(lambda: Visitor.objects.exclude(time_zone="").count() == 2, "one is missing")


def test_what_a_blocked_visitor_writes_is_marked_and_not_tried_again(site, page):
    visit = site.open(page)
    fill_form(page, "Hello?")
    until(["Hello?"])
    shows(page, "Hello?")
    block_visitor(Conversation.objects.get(), is_blocked=True)
    for text in ("one", "two"):
        write(page, text)
        shows(page, text)
    wait_for(lambda: page.get_by_text("Not sent").count() == 2, "it is not marked")
    sent = len([url for url in visit.requests if url.endswith("/widget/v1/messages")])
    page.wait_for_timeout(2500)
    assert len([url for url in visit.requests if url.endswith("/widget/v1/messages")]) == sent == 2
    assert bodies() == ["Hello?"]
    shows(page, "Hello?")
    block_visitor(Conversation.objects.get(), is_blocked=False)
    page.get_by_role("button", name="Try again").first.click()
    until(["Hello?", "one"])
