"""Browser tests of the composer: drafts shared by tabs, mentions, canned replies and length limits."""

import pytest
from playwright.sync_api import expect

from conversations.actions.canned_replies import create_canned_reply
from conversations.models import Message, Note, Notification
from tests.inbox.pictures import PNG
from tests.inbox.test_in_a_browser import path_of, reply

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


def test_two_tabs_share_one_draft(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    other = page.context.new_page()
    other.goto(page.url)
    fields = [each.get_by_role("textbox", name="Reply") for each in (page, other)]
    fields[0].fill("Begun here,")
    expect(fields[1]).to_have_value("Begun here,")
    fields[1].fill("Begun here, ended there.")
    expect(fields[0]).to_have_value("Begun here, ended there.")
    reply(other, "Begun here, ended there.")
    expect(page.locator(".entry.operator:not(.unsent)", has_text="ended there")).to_be_visible()
    expect(page.locator(".unsent")).to_have_count(0)
    expect(fields[0]).to_have_value("")
    assert page.problems == []


def test_message_that_a_closed_tab_was_sending_is_sent_by_another_tab(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    closing = page.context.new_page()
    closing.goto(page.url.split("/app/")[0] + "/app/profile/")
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    page.clock.install()
    closing.evaluate(
        """([operator, conversation]) => {
          const sent = {id: "one", conversationId: conversation, kind: "reply", body: "Gone in a hurry", mentions: [], at: 1};
          localStorage.setItem(`praxtalk.inbox.${operator}.sent.one`, JSON.stringify(sent));
        }""",
        [str(tenants.alice.pk), str(conversations.north.pk)],
    )
    closing.close()
    expect(page.locator(".unsent")).to_contain_text("Gone in a hurry")
    page.clock.run_for(16_000)
    expect(page.locator(".entry.operator:not(.unsent)", has_text="Gone in a hurry")).to_be_visible()
    expect(page.locator(".unsent")).to_have_count(0)
    assert Message.objects.filter(body="Gone in a hurry").count() == 1


def test_only_operators_and_canned_replies_of_the_brand_are_offered(tenants, conversations, browsers):
    for brand, shortcut in ((tenants.north, "north"), (tenants.south, "south"), (None, "all")):
        create_canned_reply(tenants.acme.pk, shortcut=shortcut, body="Hello", brand=brand)
    page = browsers.open(tenants.alice, path_of(conversations.south))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    page.keyboard.press("a")
    choices = page.locator("#dialog .choices button")
    expect(choices).to_have_text(["Me", "Unassigned"])
    page.keyboard.press("Escape")
    page.get_by_role("textbox", name="Reply").press_sequentially("/")
    expect(page.locator("#suggestions strong")).to_have_text(["/all", "/south"])
    page.get_by_role("textbox", name="Reply").fill("")
    page.get_by_role("button", name="Note", exact=True).click()
    page.get_by_role("textbox", name="Note").press_sequentially("@b")
    expect(page.locator("#suggestions")).to_be_hidden()


def test_only_names_mentioned_in_the_sent_text_create_mentions(tenants, conversations, browsers):
    """Mentions count whether chosen from the list or typed in full, and survive a reload."""
    page = browsers.open(tenants.alice, path_of(conversations.north))
    page.get_by_role("button", name="Note", exact=True).click()
    field = page.get_by_role("textbox", name="Note")
    field.fill("Bob? bob@example.com, @Bobby and @alice know")
    field.press("Control+Enter")
    expect(page.locator(".entry.note:not(.unsent)", has_text="Bobby")).to_be_visible()
    assert not Notification.objects.exists()
    field.fill("Look at this, @bob.")
    page.reload()
    expect(field).to_have_value("Look at this, @bob.")
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    field.press("Control+Enter")
    expect(page.locator(".entry.note:not(.unsent)", has_text="Look at this")).to_be_visible()
    assert [mention.operator for mention in Notification.objects.all()] == [tenants.bob]


def test_too_long_message_is_rejected_instead_of_truncated(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    field = page.get_by_role("textbox", name="Reply")
    field.fill("w" * 12_000)
    expect(page.locator("#composer .refused")).to_have_text("12,000 of 10,000 characters")
    field.press("Control+Enter")
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    expect(page.locator(".unsent")).to_have_count(0)
    field.fill("😀" * 10_000)
    field.press("Control+Enter")
    expect(page.locator(".entry.operator:not(.unsent)", has_text="😀")).to_be_visible()
    assert Message.objects.filter(body="😀" * 10_000).count() == 1


def test_without_canned_replies_a_hint_says_where_to_create_them(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    page.get_by_role("textbox", name="Reply").press_sequentially("/")
    expect(page.get_by_role("option")).to_contain_text(["No canned replies yet"])


def chips(page):
    return page.locator("#composer .attached li")


def choose_files(page, *names, content=PNG):
    files = [{"name": name, "mimeType": "image/png", "buffer": content} for name in names]
    page.locator("#composer input[type=file]").set_input_files(files)


def open_composer(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    return page, page.get_by_role("textbox", name="Reply"), page.get_by_role("button", name="Send", exact=True)


def sent_operator_bodies(conversation):
    rows = Message.objects.filter(conversation=conversation, author__isnull=False).order_by("position")
    return list(rows.values_list("body", flat=True))


def test_reply_and_note_have_separate_drafts_that_survive_a_reload(tenants, conversations, browsers):
    page, field, _ = open_composer(tenants, conversations, browsers)
    note = page.get_by_role("textbox", name="Note")
    field.fill("For the visitor")
    choose_files(page, "cable.png")
    expect(chips(page)).to_have_count(1)
    page.get_by_role("button", name="Note", exact=True).click()
    expect(note).to_have_value("")
    expect(chips(page)).to_be_hidden()
    note.fill("For us alone")
    page.get_by_role("button", name="Reply", exact=True).click()
    expect(field).to_have_value("For the visitor")
    expect(chips(page)).to_be_visible()
    page.get_by_role("button", name="Note", exact=True).click()
    page.reload()
    expect(note).to_have_value("For us alone")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_role("textbox", name="Note")).to_have_value("For us alone")
    note.press("Control+Enter")
    expect(page.locator(".entry.note:not(.unsent)", has_text="For us alone")).to_be_visible()
    for each in (page, other):  # each tab chooses on its own which of the two is shown
        each.get_by_role("button", name="Reply", exact=True).click()
        expect(each.get_by_role("textbox", name="Reply")).to_have_value("For the visitor")
        expect(chips(each)).to_contain_text(["cable.png"])
    assert sent_operator_bodies(conversations.north) == []
    other.get_by_role("button", name="Send", exact=True).click()  # the other tab also has the file
    other.locator("#log img[alt='cable.png']").wait_for()
    expect(chips(page)).to_have_count(0)
    assert sent_operator_bodies(conversations.north) == ["For the visitor", "cable.png"]
    assert not Note.objects.filter(body__contains="visitor").exists()


def test_choosing_reply_in_another_tab_does_not_turn_a_note_into_a_reply(tenants, conversations, browsers):
    page, _, _ = open_composer(tenants, conversations, browsers)
    page.get_by_role("button", name="Note", exact=True).click()
    note = page.get_by_role("textbox", name="Note")
    note.fill("Only for us")
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Reply", exact=True).click()
    other.get_by_role("textbox", name="Reply").fill("Dear customer")
    page.bring_to_front()
    expect(note).to_have_value("Only for us")
    note.press_sequentially(" and nobody else")
    expect(note).to_have_value("Only for us and nobody else")
    other.close()


def test_empty_note_stays_selected_after_a_reload(tenants, conversations, browsers):
    page, _, _ = open_composer(tenants, conversations, browsers)
    page.get_by_role("button", name="Note", exact=True).click()
    page.reload()
    expect(page.get_by_role("textbox", name="Note")).to_be_visible()


@pytest.mark.parametrize(("kind", "label"), [("reply", "Reply"), ("note", "Note")])
def test_draft_stored_by_the_previous_version_is_read(tenants, conversations, browsers, kind, label):
    page, _, _ = open_composer(tenants, conversations, browsers)
    page.evaluate(
        """([operator, conversation, kind]) =>
          localStorage.setItem(`praxtalk.inbox.${operator}.draft.${conversation}`, JSON.stringify({body: "Half a sen", kind}))""",
        [str(tenants.alice.pk), str(conversations.north.pk), kind],
    )
    page.reload()
    expect(page.get_by_role("textbox", name=label)).to_have_value("Half a sen")
    other = "Note" if label == "Reply" else "Reply"
    page.get_by_role("button", name=other, exact=True).click()
    expect(page.get_by_role("textbox", name=other)).to_have_value("")
