"""Browser tests of replies: files, drafts, and replies that cannot be sent at once."""

import pytest
from playwright.sync_api import expect

from conversations.models import Message
from tests.inbox.pictures import PNG
from tests.inbox.test_in_a_browser import path_of
from tests.live.driver import wait_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


def test_attached_file_is_sent_and_shown(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    page.get_by_role("textbox", name="Reply").wait_for()
    page.locator("#composer input[type=file]").set_input_files(
        {"name": "cable.png", "mimeType": "image/png", "buffer": PNG}
    )
    page.get_by_role("button", name="Send", exact=True).click()
    picture = page.locator("#log img[alt='cable.png']")
    picture.wait_for()
    wait_for(lambda: picture.evaluate("picture => picture.complete && picture.naturalWidth"))
    page.locator("#composer input[type=file]").set_input_files(
        # the browser accepts it, the server does not
        {"name": "broken.png", "mimeType": "image/png", "buffer": PNG[:8]}
    )
    expect(page.locator("#composer .attached li")).to_have_count(1)
    page.get_by_role("button", name="Send", exact=True).click()
    held = page.locator(".unsent", has_text="broken.png")
    expect(held).to_contain_text("Not sent: Only PNG, JPEG")
    held.get_by_role("button", name="Remove").click()
    expect(held).to_have_count(0)
    assert [problem for problem in page.problems if "422" not in problem] == []


def test_draft_survives_a_reload_and_a_reply_survives_being_offline(tenants, conversations, server, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    field = page.get_by_role("textbox", name="Reply")
    field.fill("Half a sen")
    page.reload()
    expect(field).to_have_value("Half a sen")
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('offline'))")
    expect(page.locator("#connection")).to_contain_text("You are offline")
    field.fill("Half a sentence is enough.")
    field.press("Control+Enter")
    expect(page.locator(".unsent")).to_contain_text("Waiting for the connection")
    page.context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator(".entry.operator:not(.unsent)", has_text="Half a sentence")).to_be_visible()
    expect(page.locator("#connection")).to_be_hidden()
    expect(page.locator(".unsent")).to_have_count(0)
    assert Message.objects.filter(body="Half a sentence is enough.").count() == 1


def test_unsent_replies_are_sent_in_order_after_a_reload(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    page.get_by_role("textbox", name="Reply").wait_for()
    page.evaluate(
        """([operator, conversation]) => {
          for (let at = 1; at <= 12; at++) {
            const id = `${(at * 7) % 12}`; // in another order
            const sent = {id, conversationId: conversation, kind: "reply", body: `From before ${at}`, mentions: [], at};
            localStorage.setItem(`praxtalk.inbox.${operator}.sent.${id}`, JSON.stringify(sent));
          }
        }""",
        [str(tenants.alice.pk), str(conversations.north.pk)],
    )
    page.reload()
    expect(page.locator(".entry.operator:not(.unsent)", has_text="From before 12")).to_be_visible()
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("From before 12")
    sent = Message.objects.filter(body__startswith="From before").order_by("position").values_list("body", flat=True)
    assert list(sent) == [f"From before {at}" for at in range(1, 13)]
