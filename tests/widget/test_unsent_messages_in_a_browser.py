"""Browser tests: an unsent message is never sent or shown as another person's, and is not lost."""

import pytest

from conversations.models import Message, Visitor
from data_requests.actions import erase_visitor_and_leads
from tests.live.driver import wait_for
from tests.widget.test_identity_in_a_browser import Tab

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]


def is_stored_for(text, who):
    """Return a predicate: the message is stored for this person."""
    return lambda: Message.objects.filter(body=text, conversation__visitor__external_id=who).exists()


def block_sending(context):
    """Make all requests that send messages fail."""
    for path in ("start", "messages"):
        context.route(f"**/widget/v1/{path}", lambda route: route.abort())


def unblock_sending(context):
    for path in ("start", "messages"):
        context.unroute(f"**/widget/v1/{path}")


def test_unsent_first_message_is_not_shown_to_the_next_person(site, page, context, tenants):
    anna = Tab(site, page)
    anna.identify(tenants.north, "anna")
    block_sending(context)
    anna.write("Anna's secret", arrives=False)
    bert = Tab(site, context.new_page())
    bert.identify(tenants.north, "bert")
    bert.expect_hidden("Anna's secret")
    unblock_sending(context)
    page.bring_to_front()
    anna.call_api("open")
    wait_for(is_stored_for("Anna's secret", "anna"), "it is lost", 40)
    bert.expect_hidden("Anna's secret")


def test_unsent_message_claimed_by_one_person_is_never_sent_as_another(site, page, context, tenants):
    tab = Tab(site, page)
    block_sending(context)
    tab.write("anonymous, then Anna's", arrives=False)
    tab.identify(tenants.north, "anna")
    tab.load()
    tab.identify(tenants.north, "bert")
    tab.expect_hidden("anonymous, then Anna's")
    unblock_sending(context)
    tab.load()
    tab.identify(tenants.north, "bert")
    tab.write("Bert's")
    tab.expect_thread("Bert's")
    assert not Message.objects.filter(body="anonymous, then Anna's").exists()
    tab.identify(tenants.north, "anna")
    wait_for(is_stored_for("anonymous, then Anna's", "anna"), "it is lost")
    tab.expect_thread("anonymous, then Anna's")


def test_message_pending_when_a_token_ended_is_not_sent_as_another_person(site, page, context, tenants):
    tab = Tab(site, page)
    tab.identify(tenants.north, "anna")
    tab.write("Anna's")
    tab.expect_thread("Anna's")
    block_sending(context)
    tab.write("Anna's second", arrives=False)
    erase_visitor_and_leads(Visitor.objects.get())
    tab.load()
    unblock_sending(context)
    tab.identify(tenants.north, "bert")
    tab.expect_hidden("Anna's")
    tab.write("Bert's")
    tab.expect_thread("Bert's")
    assert not Message.objects.filter(body="Anna's second").exists()


def test_unsent_message_survives_the_sign_in_of_another_person(site, page, context, tenants):
    tab = Tab(site, page)
    tab.identify(tenants.north, "anna")
    tab.write("one")
    tab.expect_thread("one")
    block_sending(context)
    tab.write("two", arrives=False)
    other = Tab(site, context.new_page())
    other.identify(tenants.north, "bert")
    other.expect_hidden("two")
    other.page.close()
    unblock_sending(context)
    tab.load()
    tab.identify(tenants.north, "anna")
    wait_for(is_stored_for("two", "anna"), "it is lost")
    tab.expect_thread("one", "two")
