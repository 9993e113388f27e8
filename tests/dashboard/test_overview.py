"""The overview: its figures, and the setup steps shown to a new owner."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.utils import timezone

from accounts.actions import team
from accounts.models import Operator
from brands.actions import configure_widget, record_widget_load
from brands.models import Brand
from conversations.actions import send_message, set_status
from conversations.models import Conversation
from integrations.actions.api_keys import create_key
from integrations.models import WebhookSubscription
from praxtalk.core.dashboard.charts import bars
from praxtalk.core.dashboard.templatetags.durations import duration
from tests.conftest import make_conversation

pytestmark = pytest.mark.django_db
START = datetime(2027, 3, 10, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def empty_cache():
    cache.clear()


def make_answered_conversation(brand, began, answered_after=None, author=None, resolved_after=None):
    """Create a conversation that begins at `began`.

    `answered_after` and `resolved_after` are minutes since then; None leaves the conversation unanswered or unresolved.
    """
    with time_machine.travel(began, tick=False) as clock:
        conversation = make_conversation(brand)
        if answered_after is not None:
            clock.shift(timedelta(minutes=answered_after))
            send_message(conversation, role="operator", body="Hi", channel="dashboard", author=author)
            send_message(conversation, role="operator", body="More", channel="dashboard", author=author)
        if resolved_after is not None:
            clock.move_to(began + timedelta(minutes=resolved_after))
            set_status(Conversation.objects.get(pk=conversation.pk), status="resolved")
    return Conversation.objects.get(pk=conversation.pk)


@pytest.fixture
def conversations_of_a_week(tenants):
    make_answered_conversation(tenants.north, START, 1, tenants.alice, 60)
    make_answered_conversation(tenants.north, START + timedelta(hours=1), 3, tenants.bob, 120)
    make_answered_conversation(tenants.north, START + timedelta(days=1), 11, tenants.bob)
    make_answered_conversation(tenants.south, START + timedelta(days=1), 60, tenants.alice)
    make_answered_conversation(tenants.south, START + timedelta(days=1))
    make_answered_conversation(tenants.west, START, 5, tenants.mallory)


def context(client, operator, path="/app/", now=START + timedelta(days=2)):
    with time_machine.travel(now, tick=False):
        client.force_login(operator)
        cache.clear()
        return client.get(path).context_data


def test_an_owner_sees_the_figures_of_the_whole_workspace(client, tenants, conversations_of_a_week):
    shown = context(client, tenants.alice, "/app/?days=7")
    times = shown["times"]
    assert (times.conversations, times.answered, times.resolved) == (5, 4, 2)
    assert times.median_first_response == 7 * 60
    assert times.median_resolution == 90 * 60
    assert [row for row in shown["numbers"] if row[1]] == [("2027-03-10", 2, 4), ("2027-03-11", 3, 4)]
    assert {brand.name: each.conversations for brand, each in shown["brand_rows"]} == {"North": 3, "South": 2}
    assert [(name, replies, each.conversations) for name, replies, each in shown["operator_rows"]] == [
        ("Alice", 4, 2),
        ("Bob", 4, 2),
    ]


def test_figures_cover_only_the_brands_that_an_operator_may_see(client, tenants, conversations_of_a_week):
    shown = context(client, tenants.bob, "/app/?days=7")
    assert shown["times"].conversations == 3
    assert [brand.name for brand, _ in shown["brand_rows"]] == ["North"]
    assert [(name, replies) for name, replies, _ in shown["operator_rows"]] == [("Alice", 2), ("Bob", 4)]
    for brand in (tenants.south, tenants.west):
        assert context(client, tenants.bob, f"/app/?days=7&brand={brand.pk}")["times"].conversations == 3
    assert context(client, tenants.alice, f"/app/?days=7&brand={tenants.south.pk}")["times"].conversations == 2
    shown = context(client, tenants.mallory)
    assert shown["times"].conversations == 1
    assert [name for name, *_ in shown["operator_rows"]] == ["Mallory"]


def test_only_the_first_reply_counts_and_reopening_clears_the_resolution(tenants):
    conversation = make_answered_conversation(tenants.north, START, 2, tenants.alice, 30)
    assert conversation.first_reply_at == START + timedelta(minutes=2)
    assert conversation.first_reply_by == tenants.alice
    assert conversation.resolved_at == START + timedelta(minutes=30)
    send_message(conversation, role="visitor", body="One more thing", channel="widget")
    conversation.refresh_from_db()
    assert (conversation.status, conversation.resolved_at) == ("open", None)


@pytest.mark.parametrize("query", ["days=1", "days=x", "days=999999999999", "brand=x", "brand=\x00", "days=7&days=30"])
def test_invalid_query_parameters_still_show_the_overview(client, tenants, query):
    client.force_login(tenants.alice)
    assert client.get(f"/app/?{query}").status_code == 200


def open_steps(client, operator):
    """Return the titles of the setup steps that are not done; None if none is shown."""
    steps = context(client, operator, now=timezone.now())["steps"]
    return steps and [step["title"] for step in steps if not step["is_done"]]


def test_a_new_owner_sees_which_setup_steps_are_left(client, tenants, settings):
    tenants.west.delete()
    everything = [
        "Create a brand",
        "Add the snippet to your site",
        "Send the first message",
        "Set your business hours",
        "Invite your team",
        "Set up e-mail",
        "Create an API key",
        "Add a webhook and send a test event",
    ]
    assert open_steps(client, tenants.mallory) == everything
    brand = Brand.objects.create(workspace=tenants.globex, name="West", slug="west")
    assert open_steps(client, tenants.mallory) == everything[1:]
    record_widget_load(brand)
    make_conversation(brand)
    assert open_steps(client, tenants.mallory) == everything[3:]
    configure_widget(brand, business_hours={"mon": ["09:00-17:00"]})
    team.invite(tenants.mallory, email="dana@globex.example", name="Dana", role="operator")
    settings.EMAIL_IS_CONFIGURED = True
    create_key(tenants.globex, name="CRM", scope="read")
    assert open_steps(client, tenants.mallory) == everything[7:]
    webhook = WebhookSubscription.objects.create(
        workspace=tenants.globex, url="https://x.example", events=["lead.created"]
    )
    assert open_steps(client, tenants.mallory) == everything[7:]
    WebhookSubscription.objects.filter(pk=webhook.pk).update(verified_at=timezone.now())
    assert open_steps(client, tenants.mallory) is None
    assert open_steps(client, tenants.bob) is None  # an operator cannot do these steps


def test_setup_steps_leave_out_what_an_admin_may_not_do(client, tenants):
    Operator.objects.filter(pk=tenants.bob.pk).update(role="admin", sees_all_brands=False)
    titles = open_steps(client, Operator.objects.get(pk=tenants.bob.pk))
    assert "Create an API key" in titles
    assert {"Invite your team", "Set up e-mail"}.isdisjoint(titles)


def test_setup_steps_of_the_demo_ask_for_no_mail_server(client, tenants):
    tenants.acme.is_demo = True
    tenants.acme.save()
    assert "Set up e-mail" not in open_steps(client, tenants.alice)


def test_only_requests_from_another_site_mark_the_widget_as_installed(client, tenants):
    path = f"/widget/v1/config?id={tenants.north.widget_id}"
    client.get(path)
    client.get(path, headers={"origin": "http://127.0.0.1:8000"})
    tenants.north.refresh_from_db()
    assert tenants.north.widget_seen_at is None
    client.get(path, headers={"origin": "https://shop.example.com"})
    tenants.north.refresh_from_db()
    assert tenants.north.widget_seen_at is not None


def test_charts_contain_their_numbers_as_text():
    svg = bars("Replies", ["<a>", "b"], [3, 0])
    assert "<title>&lt;a&gt;: 3</title>" in svg
    assert 'aria-label="Replies: 3 in total, at most 3 per day"' in svg
    assert "style=" not in svg
    assert bars("Nothing", [], [])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        ("", "–"),
        (0, "under 1 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3661, "1 h 1 min"),
        (90_000, "1 d 1 h"),
        (86_460, "1 d"),
    ],
)
def test_durations_are_formatted_for_people(seconds, text):
    assert duration(seconds) == text
