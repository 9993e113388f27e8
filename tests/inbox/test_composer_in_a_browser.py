"""Browser tests of the composer: drafts shared by tabs, mentions, canned replies, files and length limits."""

import pytest
from playwright.sync_api import expect

from conversations import actions
from conversations.actions.canned_replies import create_canned_reply
from conversations.models import Channel, Mention, Message, Note
from tests.inbox.pictures import PNG
from tests.inbox.test_in_a_browser import path_of, reply

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


def test_two_tabs_share_one_draft(cast, conversations, browsers):
    page = browsers.open(cast.alice, path_of(conversations.north))
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


def test_message_that_a_closed_tab_was_sending_is_sent_by_another_tab(cast, conversations, browsers):
    page = browsers.open(cast.alice, path_of(conversations.north))
    closing = page.context.new_page()
    closing.goto(page.url.split("/app/")[0] + "/app/profile/")
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    page.clock.install()
    closing.evaluate(
        """([operator, conversation]) => {
          const sent = {id: "one", conversationId: conversation, kind: "reply", body: "Gone in a hurry", mentions: [], at: 1};
          localStorage.setItem(`praxtalk.inbox.${operator}.sent.one`, JSON.stringify(sent));
        }""",
        [str(cast.alice.pk), str(conversations.north.pk)],
    )
    closing.close()
    expect(page.locator(".unsent")).to_contain_text("Gone in a hurry")
    page.clock.run_for(16_000)
    expect(page.locator(".entry.operator:not(.unsent)", has_text="Gone in a hurry")).to_be_visible()
    expect(page.locator(".unsent")).to_have_count(0)
    assert Message.objects.filter(body="Gone in a hurry").count() == 1


def test_only_operators_and_canned_replies_of_the_brand_are_offered(cast, conversations, browsers):
    for brand, shortcut in ((cast.north, "north"), (cast.south, "south"), (None, "all")):
        create_canned_reply(cast.acme.pk, shortcut=shortcut, body="Hello", brand=brand)
    page = browsers.open(cast.alice, path_of(conversations.south))
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


def test_only_names_mentioned_in_the_sent_text_create_mentions(cast, conversations, browsers):
    """Mentions count whether chosen from the list or typed in full, and survive a reload."""
    page = browsers.open(cast.alice, path_of(conversations.north))
    page.get_by_role("button", name="Note", exact=True).click()
    field = page.get_by_role("textbox", name="Note")
    field.fill("Bob? bob@example.com, @Bobby and @alice know")
    field.press("Control+Enter")
    expect(page.locator(".entry.note:not(.unsent)", has_text="Bobby")).to_be_visible()
    assert not Mention.objects.exists()
    field.fill("Look at this, @bob.")
    page.reload()
    expect(field).to_have_value("Look at this, @bob.")
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    field.press("Control+Enter")
    expect(page.locator(".entry.note:not(.unsent)", has_text="Look at this")).to_be_visible()
    assert [mention.operator for mention in Mention.objects.all()] == [cast.bob]


def test_too_long_message_is_rejected_instead_of_truncated(cast, conversations, browsers):
    page = browsers.open(cast.alice, path_of(conversations.north))
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


def test_without_canned_replies_a_hint_says_where_to_create_them(cast, conversations, browsers):
    page = browsers.open(cast.alice, path_of(conversations.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    page.get_by_role("textbox", name="Reply").press_sequentially("/")
    expect(page.get_by_role("option")).to_contain_text(["No canned replies yet"])


DROP = """
([names, selector]) => {
  const dataTransfer = new DataTransfer();
  for (const name of names) dataTransfer.items.add(new File(["%PDF-1.4 " + name], name, {type: "application/pdf"}));
  const over = new DragEvent("dragover", {dataTransfer, bubbles: true, cancelable: true});
  const drop = new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true});
  const place = document.querySelector(selector);
  return [place.dispatchEvent(over), place.dispatchEvent(drop)]; // false: prevented, the page stays
}
"""


def chips(page):
    return page.locator("#composer .attached li")


def choose_files(page, *names, content=PNG):
    files = [{"name": name, "mimeType": "image/png", "buffer": content} for name in names]
    page.locator("#composer input[type=file]").set_input_files(files)


def open_composer(cast, conversations, browsers):
    page = browsers.open(cast.alice, path_of(conversations.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    return page, page.get_by_role("textbox", name="Reply"), page.get_by_role("button", name="Send", exact=True)


def sent_operator_bodies(conversation):
    rows = Message.objects.filter(conversation=conversation, author__isnull=False).order_by("position")
    return list(rows.values_list("body", flat=True))


def test_chosen_and_dropped_files_are_sent_after_the_text_when_send_is_pressed(cast, conversations, browsers):
    page, field, _ = open_composer(cast, conversations, browsers)
    uploads = []
    page.on("request", lambda request: uploads.append(request.url) if request.method == "POST" else None)
    choose_files(page, "one.png")
    expect(chips(page)).to_contain_text(["one.png"])
    assert page.evaluate(DROP, [["two.pdf", "three.pdf"], "#list"]) == [False, False]
    expect(chips(page)).to_contain_text(["one.png", "two.pdf", "three.pdf"])
    page.get_by_role("button", name="Remove two.pdf").click()
    expect(chips(page)).to_contain_text(["one.png", "three.pdf"])
    field.fill("Two files for you")
    page.wait_for_timeout(300)
    assert not any(url.endswith("/files/") for url in uploads)
    field.press("Control+Enter")
    expect(chips(page)).to_have_count(0)
    expect(page.locator(".entry:not(.unsent) .file")).to_have_count(2)
    assert sent_operator_bodies(conversations.north) == ["Two files for you", "one.png", "three.pdf"]
    assert page.problems == []


def test_files_without_text_are_sent_before_the_conversation_is_resolved(cast, conversations, browsers):
    page, field, _ = open_composer(cast, conversations, browsers)
    choose_files(page, "one.png", "two.png")
    expect(chips(page)).to_have_count(2)
    field.press("Control+Shift+Enter")
    expect(page.locator("#thread-pane .status")).to_contain_text("Resolved")
    assert sent_operator_bodies(conversations.north) == ["one.png", "two.png"]


def test_pasted_file_is_sent_only_when_send_is_pressed(cast, conversations, browsers):
    page, field, send = open_composer(cast, conversations, browsers)
    field.evaluate(
        """field => {
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File(["%PDF-1.4 "], "pasted.pdf", {type: "application/pdf"}));
          field.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}));
        }"""
    )
    expect(chips(page)).to_contain_text(["pasted.pdf"])
    send.click()
    expect(page.locator(".entry:not(.unsent) .file")).to_have_text(["pasted.pdf"])


def test_files_the_server_would_reject_are_rejected_before_upload(cast, conversations, browsers):
    page, _, send = open_composer(cast, conversations, browsers)
    refused = page.locator("#composer .refused")
    choose_files(page, "letter.docx", content=b"PK\x03\x04")
    accepted = "Images (PNG, JPEG, GIF, WebP) and PDF files are accepted, up to 10 MB."
    expect(refused).to_have_text(f"letter.docx was not attached: {accepted}")
    choose_files(page, "large.png", content=PNG + b"\0" * 10 * 2**20)
    expect(refused).to_have_text("large.png was not attached: it has 10.1 MB. Files of up to 10 MB are accepted.")
    choose_files(page, "empty.png", content=b"")
    expect(refused).to_contain_text("it is empty")
    choose_files(page, "fine.png", "also-fine.png")
    expect(chips(page)).to_have_count(2)
    choose_files(page, "photo.jpg", content=b"\xff\xd8\xff\xe0")
    expect(chips(page)).to_have_count(3)
    expect(refused).to_have_count(0)
    assert send.is_enabled()
    assert page.problems == []


def test_reply_and_note_have_separate_drafts_that_survive_a_reload(cast, conversations, browsers):
    page, field, _ = open_composer(cast, conversations, browsers)
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


def test_file_dropped_on_a_note_is_attached_to_the_reply_draft(cast, conversations, browsers):
    page, field, _ = open_composer(cast, conversations, browsers)
    page.get_by_role("button", name="Note", exact=True).click()
    page.get_by_role("textbox", name="Note").fill("Only for us")
    page.evaluate(DROP, [["one.pdf"], "#composer"])
    expect(page.get_by_text("Notes cannot have files.")).to_be_visible()
    page.keyboard.type(", really")
    expect(page.get_by_role("textbox", name="Note")).to_have_value("Only for us, really")
    page.get_by_role("button", name="Reply", exact=True).click()
    expect(chips(page)).to_be_visible()
    expect(field).to_have_value("")


def test_choosing_reply_in_another_tab_does_not_turn_a_note_into_a_reply(cast, conversations, browsers):
    page, _, _ = open_composer(cast, conversations, browsers)
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


def test_empty_note_stays_selected_after_a_reload(cast, conversations, browsers):
    page, _, _ = open_composer(cast, conversations, browsers)
    page.get_by_role("button", name="Note", exact=True).click()
    page.reload()
    expect(page.get_by_role("textbox", name="Note")).to_be_visible()


@pytest.mark.parametrize(("kind", "label"), [("reply", "Reply"), ("note", "Note")])
def test_draft_stored_by_the_previous_version_is_read(cast, conversations, browsers, kind, label):
    page, _, _ = open_composer(cast, conversations, browsers)
    page.evaluate(
        """([operator, conversation, kind]) =>
          localStorage.setItem(`praxtalk.inbox.${operator}.draft.${conversation}`, JSON.stringify({body: "Half a sen", kind}))""",
        [str(cast.alice.pk), str(conversations.north.pk), kind],
    )
    page.reload()
    expect(page.get_by_role("textbox", name=label)).to_have_value("Half a sen")
    other = "Note" if label == "Reply" else "Reply"
    page.get_by_role("button", name=other, exact=True).click()
    expect(page.get_by_role("textbox", name=other)).to_have_value("")


def test_files_wait_for_a_held_text_and_return_to_the_composer_with_it(cast, conversations, browsers):
    page, field, _ = open_composer(cast, conversations, browsers)
    choose_files(page, "cable.png")
    field.press_sequentially("Let me see.")
    actions.send_message(
        conversations.north, role=Message.Role.OPERATOR, body="I have it.", channel=Channel.DASHBOARD, author=cast.bob
    )
    expect(page.get_by_role("log")).to_contain_text("I have it.")
    field.press("Control+Enter")
    held = page.locator(".unsent", has_text="Let me see.")
    expect(held).to_contain_text("Bob has already replied")
    expect(page.locator(".unsent", has_text="cable.png")).to_contain_text("Waiting for the message above")
    page.reload()
    expect(page.locator(".unsent", has_text="cable.png")).to_contain_text("Waiting for the message above")
    held.get_by_role("button", name="Edit").click()
    expect(field).to_have_value("Let me see.")
    expect(chips(page)).to_contain_text(["cable.png"])
    assert sent_operator_bodies(conversations.north) == ["I have it."]
    field.press("Control+Enter")
    page.locator("#log img[alt='cable.png']").wait_for()
    assert sent_operator_bodies(conversations.north) == ["I have it.", "Let me see.", "cable.png"]


def test_browser_without_cache_storage_warns_that_a_reload_loses_files(cast, conversations, browsers, server):
    """Pages without HTTPS have no Cache API. Drafts with such files are not offered to other tabs either."""
    page = browsers.open(cast.alice, path_of(conversations.north))
    page.add_init_script("delete globalThis.caches")
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    choose_files(page, "cable.png")
    warning = page.get_by_text("lost if you reload the page")
    expect(warning).to_be_visible()
    page.get_by_role("button", name="Send", exact=True).click()
    page.locator("#log img[alt='cable.png']").wait_for()
    expect(warning).to_be_hidden()
