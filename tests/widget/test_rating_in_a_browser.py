"""The question how it was, in a real Chromium: under the thread, once it has come to its end."""

import pytest

from conversations.actions import send_message, set_status
from conversations.models import Channel, Conversation, Message
from tests.live.driver import wait_for
from tests.widget.conftest import STRICT, TRUSTED_TYPES
from tests.widget.test_behaviour import in_widget
from tests.widget.test_budgets import violations
from tests.widget.test_conversation import fill_form, shows, until, write

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

QUESTION, COMMENT, THANKS = "How did we do?", "Tell us more (optional)", "Thank you!"


def end(status="resolved"):
    return set_status(Conversation.objects.order_by("-created_at").first(), status=status)


def question(page):
    return page.get_by_role("group", name=QUESTION)


def face(page, name):
    return question(page).get_by_role("button", name=name, exact=True)


def send(page):
    return question(page).get_by_role("button", name="Send")


def rated(rating, comment=""):
    def is_it():
        conversation = Conversation.objects.order_by("-created_at").first()
        return (conversation.rating, conversation.rating_comment) == (rating, comment)

    wait_for(is_it, f"not rated {rating} {comment}")


def begin(site, page, **options):
    visit = site.open(page, **options)
    fill_form(page, "Hello?")
    until(["Hello?"])
    shows(page, "Hello?")
    page.get_by_role("button", name="Attach a file").wait_for()
    assert question(page).is_hidden()
    return visit


@pytest.mark.parametrize("csp", [STRICT, f"{STRICT}; {TRUSTED_TYPES}"], ids=["strict", "trusted types"])
@pytest.mark.parametrize("status", ["resolved", "closed"])
def test_a_face_a_comment_and_thanks(site, page, csp, status):
    visit = begin(site, page, csp=csp)
    end(status)
    question(page).wait_for()
    assert page.get_by_label(COMMENT).is_hidden()
    face(page, "Good").click()
    rated(4)
    face(page, "Very good").click()
    rated(5)
    assert face(page, "Very good").get_attribute("aria-pressed") == "true"
    assert face(page, "Good").get_attribute("aria-pressed") == "false"
    page.get_by_label(COMMENT).fill("  Quick & kind ")
    send(page).click()
    page.get_by_text(THANKS).wait_for()
    rated(5, "Quick & kind")
    assert face(page, "Good").is_hidden()
    assert page.get_by_label(COMMENT).is_hidden()
    assert visit.reports() == visit.errors() == []
    page.reload()
    shows(page, "Hello?")
    page.get_by_role("button", name="Attach a file").wait_for()
    page.wait_for_timeout(200)
    assert question(page).is_hidden()


def test_who_writes_on_is_asked_no_more_until_it_ends_anew(site, page):
    begin(site, page)
    end("closed")
    face(page, "Bad").click()
    rated(2)
    write(page, "But")
    question(page).wait_for(state="hidden")
    until(["Hello?", "But"])
    end()
    question(page).wait_for()
    assert question(page).locator("[aria-pressed=true]").count() == 0
    face(page, "Okay").click()
    rated(3)
    assert list(Conversation.objects.order_by("created_at").values_list("rating", flat=True)) == [2, 3]


def test_what_was_rated_in_another_tab_is_asked_no_more(site, context):
    first, second = context.new_page(), context.new_page()
    begin(site, first)
    end()
    site.open(second)
    question(second).wait_for()
    face(first, "Very bad").click()
    question(second).wait_for(state="hidden")
    assert question(first).is_visible()
    rated(1)


def test_by_keyboard_alone(site, page):
    begin(site, page)
    end()
    question(page).wait_for()
    page.get_by_placeholder("Write a message …").focus()
    for _ in range(2):  # past the button for files
        page.keyboard.press("Shift+Tab")
    assert in_widget(page, "root.activeElement.ariaLabel") == "Very good"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    rated(4)
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.type("By keys")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    rated(4, "By keys")
    wait_for(lambda: in_widget(page, "root.activeElement.textContent") == THANKS, "the focus is lost")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")


def test_what_did_not_arrive_is_said_and_kept(site, page):
    begin(site, page)
    end()
    page.route("**/api/mutation", lambda route: route.abort())
    face(page, "Good").click()
    page.get_by_role("alert").filter(has_text="Something went wrong.").wait_for()
    page.get_by_label(COMMENT).fill("Not to be lost")
    send(page).click()
    page.wait_for_timeout(200)
    assert page.get_by_label(COMMENT).input_value() == "Not to be lost"
    assert page.get_by_text(THANKS).count() == 0
    page.unroute("**/api/mutation")
    send(page).click()
    page.get_by_text(THANKS).wait_for()
    assert question(page).get_by_role("alert").is_hidden()
    rated(4, "Not to be lost")


def test_where_sockets_are_blocked(site, page):
    begin(site, page, csp=STRICT.replace(" {socket}", ""))
    end()
    question(page).wait_for(timeout=20_000)
    face(page, "Good").click()
    rated(4)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_and_use_it(site, page, scheme):
    page.emulate_media(color_scheme=scheme)
    begin(site, page)
    end()
    face(page, "Good").wait_for()
    assert violations(page) == []
    face(page, "Good").click()
    page.get_by_label(COMMENT).wait_for()
    assert violations(page) == []
    send(page).click()
    page.get_by_text(THANKS).wait_for()
    assert violations(page) == []


def test_right_to_left_and_on_a_phone_all_of_it_is_in_view(site, browser):
    context = browser.new_context(
        locale="ar-EG", viewport={"width": 320, "height": 568}, is_mobile=True, has_touch=True
    )
    page = context.new_page()
    site.open(page)
    page.locator("#praxtalk .bubble").tap()
    for name, value in {"name": "Maya", "email": "maya@example.com"}.items():
        page.locator(f"input[name={name}]").fill(value)
    page.locator("textarea[name=message]").fill("Hello?")
    page.locator("#praxtalk .submit").tap()
    until(["Hello?"])
    end()
    box = page.get_by_role("group", name="كيف كانت خدمتنا؟")
    box.get_by_role("button", name="جيدة جدًا").tap()
    box.get_by_placeholder("أخبرنا بالمزيد (اختياري)").wait_for()
    places = [
        in_widget(
            page,
            f"(({{ left, right }}) => [left, right])([...root.querySelectorAll('{part}')].at({at})"
            ".getBoundingClientRect())",
        )
        for part, at in ((".faces button", 0), (".faces button", 4), (".rating", 0))
    ]
    bad, good, around = places
    assert good[1] <= bad[0]
    assert around[0] >= 0
    assert around[1] <= 320
    assert around[0] <= good[0]
    assert bad[1] <= around[1]
    assert in_widget(page, "new Set([...root.querySelectorAll('.faces button')].map((one) => one.offsetTop)).size") == 1
    rated(5)
    context.close()


def test_the_newest_message_stays_in_view(site, page):
    begin(site, page)
    conversation = Conversation.objects.get()
    for number in range(12):
        send_message(conversation, role=Message.Role.OPERATOR, body=f"Line {number}", channel=Channel.API)
    shows(page, "Line 11")
    end()
    face(page, "Good").click()
    page.get_by_label(COMMENT).wait_for()
    at_end = "((one) => one.scrollTop + one.clientHeight > one.scrollHeight - 5)(root.querySelector('.scroller'))"
    wait_for(lambda: in_widget(page, at_end), "the end is not in view")
