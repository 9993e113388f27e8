"""Browser tests of the rating form, which is shown below the thread once the conversation has ended."""

import pytest

from conversations.actions import send_message, set_status
from conversations.models import Channel, Conversation, Message
from tests.live.driver import wait_for
from tests.tiers import slow
from tests.widget.conftest import STRICT, TRUSTED_TYPES
from tests.widget.test_budgets import violations
from tests.widget.test_conversation import expect_message, fill_form, wait_until_stored, write_message
from tests.widget.test_ui import in_widget

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

QUESTION, COMMENT, THANKS = "How did we do?", "Tell us more (optional)", "Thank you!"


def end_conversation(status="resolved"):
    return set_status(Conversation.objects.order_by("-created_at").first(), status=status)


def question(page):
    return page.get_by_role("group", name=QUESTION)


def rating_button(page, name):
    return question(page).get_by_role("button", name=name, exact=True)


def send_button(page):
    return question(page).get_by_role("button", name="Send")


def expect_rating(rating, comment=""):
    def is_it():
        conversation = Conversation.objects.order_by("-created_at").first()
        return (conversation.rating, conversation.rating_comment) == (rating, comment)

    wait_for(is_it, f"not rated {rating} {comment}")


def start_conversation(site, page, **options):
    recorder = site.open(page, **options)
    fill_form(page, "Hello?")
    wait_until_stored(["Hello?"])
    expect_message(page, "Hello?")
    page.get_by_role("button", name="Attach a file").wait_for()
    assert question(page).is_hidden()
    return recorder


@pytest.mark.parametrize("csp", [*slow(STRICT), f"{STRICT}; {TRUSTED_TYPES}"], ids=["strict", "trusted types"])
@pytest.mark.parametrize("status", ["resolved", *slow("closed")])
def test_rating_and_comment_are_stored_and_acknowledged(site, page, csp, status):
    recorder = start_conversation(site, page, csp=csp)
    end_conversation(status)
    question(page).wait_for()
    assert page.get_by_label(COMMENT).is_hidden()
    rating_button(page, "Good").click()
    expect_rating(4)
    rating_button(page, "Very good").click()
    expect_rating(5)
    assert rating_button(page, "Very good").get_attribute("aria-pressed") == "true"
    assert rating_button(page, "Good").get_attribute("aria-pressed") == "false"
    page.get_by_label(COMMENT).fill("  Quick & kind ")
    send_button(page).click()
    page.get_by_text(THANKS).wait_for()
    expect_rating(5, "Quick & kind")
    assert rating_button(page, "Good").is_hidden()
    assert page.get_by_label(COMMENT).is_hidden()
    assert recorder.reports() == recorder.errors() == []
    page.reload()
    expect_message(page, "Hello?")
    page.get_by_role("button", name="Attach a file").wait_for()
    page.wait_for_timeout(200)
    assert question(page).is_hidden()


def test_rating_form_is_hidden_after_a_new_message_until_the_conversation_ends_again(site, page):
    start_conversation(site, page)
    end_conversation("closed")
    rating_button(page, "Bad").click()
    expect_rating(2)
    write_message(page, "But")
    question(page).wait_for(state="hidden")
    wait_until_stored(["Hello?", "But"])
    end_conversation()
    question(page).wait_for()
    assert question(page).locator("[aria-pressed=true]").count() == 0
    rating_button(page, "Okay").click()
    expect_rating(3)
    assert list(Conversation.objects.order_by("created_at").values_list("rating", flat=True)) == [2, 3]


def test_rating_in_one_tab_hides_the_form_in_the_other(site, context):
    first, second = context.new_page(), context.new_page()
    start_conversation(site, first)
    end_conversation()
    site.open(second)
    question(second).wait_for()
    rating_button(first, "Very bad").click()
    question(second).wait_for(state="hidden")
    assert question(first).is_visible()
    expect_rating(1)


def test_rating_form_is_usable_by_keyboard_alone(site, page):
    start_conversation(site, page)
    end_conversation()
    question(page).wait_for()
    page.get_by_placeholder("Write a message …").focus()
    for _ in range(2):  # skip the button for files
        page.keyboard.press("Shift+Tab")
    assert in_widget(page, "root.activeElement.ariaLabel") == "Very good"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    expect_rating(4)
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.type("By keys")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect_rating(4, "By keys")
    wait_for(lambda: in_widget(page, "root.activeElement.textContent") == THANKS, "the focus is lost")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")


def test_failed_rating_shows_an_error_and_keeps_the_comment(site, page):
    start_conversation(site, page)
    end_conversation()
    page.route("**/api/mutation", lambda route: route.abort())
    rating_button(page, "Good").click()
    page.get_by_role("alert").filter(has_text="Something went wrong.").wait_for()
    page.get_by_label(COMMENT).fill("Not to be lost")
    send_button(page).click()
    page.wait_for_timeout(200)
    assert page.get_by_label(COMMENT).input_value() == "Not to be lost"
    assert page.get_by_text(THANKS).count() == 0
    page.unroute("**/api/mutation")
    send_button(page).click()
    page.get_by_text(THANKS).wait_for()
    assert question(page).get_by_role("alert").is_hidden()
    expect_rating(4, "Not to be lost")


def test_rating_works_where_websockets_are_blocked(site, page):
    start_conversation(site, page, csp=STRICT.replace(" {socket}", ""))
    end_conversation()
    question(page).wait_for(timeout=20_000)
    rating_button(page, "Good").click()
    expect_rating(4)


@pytest.mark.parametrize("scheme", [*slow("light"), "dark"])
def test_rating_form_has_no_accessibility_violations(site, page, scheme):
    page.emulate_media(color_scheme=scheme)
    start_conversation(site, page)
    end_conversation()
    rating_button(page, "Good").wait_for()
    assert violations(page) == []
    rating_button(page, "Good").click()
    page.get_by_label(COMMENT).wait_for()
    assert violations(page) == []
    send_button(page).click()
    page.get_by_text(THANKS).wait_for()
    assert violations(page) == []


def test_rating_form_is_in_view_on_a_phone_and_right_to_left(site, browser):
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
    wait_until_stored(["Hello?"])
    end_conversation()
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
    expect_rating(5)
    context.close()


def test_newest_message_stays_in_view_above_the_rating_form(site, page):
    start_conversation(site, page)
    conversation = Conversation.objects.get()
    for number in range(12):
        send_message(conversation, role=Message.Role.OPERATOR, body=f"Line {number}", channel=Channel.API)
    expect_message(page, "Line 11")
    end_conversation()
    rating_button(page, "Good").click()
    page.get_by_label(COMMENT).wait_for()
    at_end = "((one) => one.scrollTop + one.clientHeight > one.scrollHeight - 5)(root.querySelector('.scroller'))"
    wait_for(lambda: in_widget(page, at_end), "the end is not in view")
