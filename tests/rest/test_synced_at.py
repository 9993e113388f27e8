"""A mirror of the lists that reads again from `syncedAt` misses no change, even if transactions are open while it reads."""

import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import time_machine
from django.db import connection, transaction

from accounts.actions import team
from accounts.models import Operator
from conversations.actions import assign, send_message, set_status
from conversations.actions.erasure import erase_visitor
from conversations.models import Channel, Conversation, Message, Visitor
from leads.actions import create_lead, update_lead
from praxtalk.core.api.pagination import sign
from praxtalk.core.db import sync_mark
from tests.conftest import make_conversation
from widget.actions import VisitorDetails, update_visitor

pytestmark = pytest.mark.django_db(transaction=True)
LISTS = {"conversations": "/api/v1/conversations", "leads": "/api/v1/leads"}
WAIT_SECONDS = 20


@pytest.fixture
def no_safety_margin(monkeypatch):
    """Set the safety margin to zero, so that only the age of the oldest transaction protects against missed rows."""
    monkeypatch.setattr(sync_mark, "MARGIN", timedelta(0))


@contextmanager
def held_transaction(write):
    """Call `write` in a transaction on another connection, and commit it when the context ends."""
    written, release, errors = threading.Event(), threading.Event(), []

    def run():
        try:
            with transaction.atomic():
                write()
                written.set()
                assert release.wait(WAIT_SECONDS)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()
            written.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert written.wait(WAIT_SECONDS)
        yield
    finally:
        release.set()
        thread.join(WAIT_SECONDS)
    assert not errors, errors


def read_all_pages(client, name, since=None, limit=100, **query):
    """Read all pages of a list. Returns the rows by id, and syncedAt, which is the same on every page."""
    rows, synced_at_values, cursor = {}, set(), None
    parameters = {"limit": limit, **query} | ({} if since is None else {"updatedSince": since})
    while True:
        response = client.get(LISTS[name], parameters | ({"cursor": cursor} if cursor else {})).json()
        rows |= {row["_id"]: row for row in response[name]}
        synced_at_values.add(response["syncedAt"])
        cursor = response.get("nextCursor")
        if cursor is None:
            [synced_at] = synced_at_values
            return rows, synced_at


def now_in_milliseconds():
    return int(time.time() * 1000)


def reply(conversation, body="Late"):
    send_message(conversation, role=Message.Role.OPERATOR, body=body, channel=Channel.API)


CHANGES = {
    "message": lambda tenants, conversation, lead: reply(conversation),
    "status": lambda tenants, conversation, lead: set_status(conversation, status="resolved"),
    "assignee": lambda tenants, conversation, lead: assign(conversation, operator=tenants.bob),
    "name of the assignee": lambda tenants, conversation, lead: team.change_operator(
        tenants.alice, by=tenants.alice, name="Alicia"
    ),
    "details of the visitor": lambda tenants, conversation, lead: update_visitor(
        conversation.visitor, VisitorDetails(name="Maya Abebe")
    ),
    "lead": lambda tenants, conversation, lead: update_lead(lead, notes="Late"),
    "lead of an erased visitor": lambda tenants, conversation, lead: erase_visitor(
        conversation.visitor, deleted_lead_ids=[]
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_committed_after_a_read_is_found_from_synced_at(tenants, api_client, no_safety_margin, change):
    conversation = assign(make_conversation(tenants.north), operator=tenants.alice)
    lead = create_lead(tenants.acme.pk, name="Lead", conversation=conversation)
    name, row_id = ("leads", lead.pk) if "lead" in change else ("conversations", conversation.pk)
    time.sleep(0.2)  # on a busy machine, syncedAt is earlier than the transaction by the time that its query takes
    with held_transaction(lambda: CHANGES[change](tenants, conversation, lead)):
        time.sleep(0.05)
        before, synced_at = read_all_pages(api_client, name)
        assert read_all_pages(api_client, name, since=synced_at)[0] == {}
    after, _ = read_all_pages(api_client, name, since=synced_at)
    assert list(after) == [str(row_id)]
    assert after[str(row_id)] != before[str(row_id)]
    assert after[str(row_id)]["updatedAt"] > before[str(row_id)]["updatedAt"]


@pytest.mark.parametrize("name", LISTS)
def test_a_row_created_before_a_read_and_committed_after_it_is_found(tenants, api_client, no_safety_margin, name):
    create = {
        "leads": lambda: create_lead(tenants.acme.pk, name="Late"),
        "conversations": lambda: make_conversation(tenants.north),
    }
    with held_transaction(create[name]):
        time.sleep(0.05)
        rows, synced_at = read_all_pages(api_client, name)
        assert rows == {}
    assert len(read_all_pages(api_client, name, since=synced_at)[0]) == 1


def test_a_change_that_waited_for_a_lock_is_found(tenants, api_client, no_safety_margin):
    """The transaction of the change begins before the read, waits for a row lock, and commits after the read."""
    conversation, waits = make_conversation(tenants.north), threading.Event()

    def write_late():
        with transaction.atomic():
            Conversation.objects.filter(pk=conversation.pk).exists()  # begins the transaction
            waits.set()
            set_status(conversation, status="closed")
        connection.close()

    with held_transaction(lambda: reply(conversation)):
        thread = threading.Thread(target=write_late)
        thread.start()
        assert waits.wait(WAIT_SECONDS)
        _, synced_at = read_all_pages(api_client, "conversations")
    thread.join(WAIT_SECONDS)
    rows, _ = read_all_pages(api_client, "conversations", since=synced_at)
    assert [(row["status"], row["preview"]) for row in rows.values()] == [("closed", "Late")]


def test_synced_at_is_the_start_of_the_oldest_open_transaction(tenants, api_client, no_safety_margin):
    conversations = [make_conversation(tenants.north) for _ in range(8)]
    with ExitStack() as stack:
        started = now_in_milliseconds()
        for conversation in conversations:
            stack.enter_context(held_transaction(lambda conversation=conversation: reply(conversation)))
            time.sleep(0.02)
        oldest_first = [read_all_pages(api_client, "conversations")[1] for _ in range(3)]
        assert all(abs(synced_at - started) < 150 for synced_at in oldest_first), (oldest_first, started)
    assert len(read_all_pages(api_client, "conversations", since=oldest_first[0])[0]) == len(conversations)


def test_synced_at_is_just_behind_the_clock_without_open_transactions(tenants, api_client):
    for name in LISTS:
        before = now_in_milliseconds()
        _, synced_at = read_all_pages(api_client, name)
        assert before - 1 <= synced_at + sync_mark.MARGIN / timedelta(milliseconds=1) <= now_in_milliseconds()


def test_synced_at_follows_a_frozen_clock(tenants, api_client):
    with time_machine.travel(datetime(2031, 5, 1, tzinfo=UTC), tick=False):
        _, synced_at = read_all_pages(api_client, "leads")
    assert synced_at == datetime(2031, 5, 1, tzinfo=UTC).timestamp() * 1000 - 5000


@pytest.mark.parametrize(("program", "holds"), [("pg_dump", False), ("psql", True)])
def test_a_running_pg_dump_does_not_hold_synced_at_back(tenants, api_client, no_safety_margin, program, holds):
    with open_session(program) as session:
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        session.execute("SELECT count(*) FROM leads_lead")
        time.sleep(0.3)
        requested_at = now_in_milliseconds()
        _, synced_at = read_all_pages(api_client, "leads")
    assert (synced_at < requested_at - 250) == holds


def test_a_writing_session_named_pg_dump_holds_synced_at_back(tenants, api_client, no_safety_margin):
    conversation = make_conversation(tenants.north)
    with open_session("pg_dump") as session:
        session.execute("BEGIN")
        session.execute("SELECT 1 FROM conversations_conversation WHERE id = %s FOR UPDATE", [conversation.pk])
        time.sleep(0.3)
        assert read_all_pages(api_client, "leads")[1] < now_in_milliseconds() - 250


def test_a_transaction_of_another_database_does_not_hold_synced_at_back(tenants, api_client, no_safety_margin):
    with open_session("psql", dbname="postgres") as session:
        session.execute("BEGIN")
        session.execute("SELECT 1")
        time.sleep(0.3)
        requested_at = now_in_milliseconds()
        assert read_all_pages(api_client, "leads")[1] >= requested_at - 1


@contextmanager
def open_session(program, **parameters):
    known = connection.get_connection_params()
    where = {name: known[name] for name in ("host", "port", "user", "password", "dbname") if known.get(name)}
    with psycopg.connect(**where | parameters, application_name=program, autocommit=True) as session:
        yield session


@pytest.mark.parametrize("name", LISTS)
def test_every_page_has_the_synced_at_of_the_first(tenants, api_client, name):
    for _ in range(5):
        create_lead(tenants.acme.pk, name="Lead", conversation=make_conversation(tenants.north))
    first = api_client.get(LISTS[name], {"limit": 2}).json()
    time.sleep(0.05)
    create_lead(tenants.acme.pk, name="Lead", conversation=make_conversation(tenants.north))
    second = api_client.get(LISTS[name], {"limit": 2, "cursor": first["nextCursor"]}).json()
    last = api_client.get(LISTS[name], {"limit": 2, "cursor": second["nextCursor"]}).json()
    assert "nextCursor" not in last
    assert first["syncedAt"] == second["syncedAt"] == last["syncedAt"]
    assert api_client.get(LISTS[name], {"limit": 2}).json()["syncedAt"] > first["syncedAt"]


def test_a_conversation_that_changes_during_paging_is_found_from_synced_at(tenants, api_client, no_safety_margin):
    conversations = [make_conversation(tenants.north) for _ in range(4)]
    first = api_client.get(LISTS["conversations"], {"limit": 2}).json()
    reply(conversations[0])
    rest = api_client.get(LISTS["conversations"], {"limit": 2, "cursor": first["nextCursor"]}).json()
    missed = str(conversations[0].pk)
    assert missed not in {row["_id"] for row in first["conversations"] + rest["conversations"]}
    assert missed in read_all_pages(api_client, "conversations", since=rest["syncedAt"])[0]


@pytest.mark.parametrize("name", LISTS)
def test_a_cursor_of_an_earlier_release_makes_the_client_read_everything_again(tenants, api_client, name):
    lead = create_lead(tenants.acme.pk, name="Lead", conversation=make_conversation(tenants.north))
    old = sign(name, str(tenants.acme.pk), [datetime(2999, 1, 1, tzinfo=UTC).isoformat(), str(lead.pk)])
    response = api_client.get(LISTS[name], {"cursor": old}).json()
    assert (len(response[name]), response["syncedAt"]) == (1, 0)


@pytest.mark.parametrize("name", LISTS)
def test_each_key_reads_only_the_rows_in_its_scope(tenants, api_client, api_client_for, conversations, name):
    north, mallory = api_client_for(tenants.acme, brand=tenants.north), api_client_for(tenants.globex)
    expected = {api_client: {"north", "south"}, north: {"north"}, mallory: {"west"}}
    brands = {str(brand.pk): brand.slug for brand in (tenants.north, tenants.south, tenants.west)}
    for client, slugs in expected.items():
        rows, synced_at = read_all_pages(client, name, since=0)
        assert {brands[row["brandId"]] for row in rows.values()} == slugs
        assert synced_at > 0


def test_deleting_an_operator_updates_their_conversations(tenants, api_client):
    """No action deletes an operator who has accepted the invitation, but a shell or a later release may."""
    conversation = make_conversation(tenants.north)
    carol = Operator.objects.create_operator(
        workspace=tenants.acme, email="c@acme.example", password="car-ol-99", name="Carol"
    )
    conversation = assign(conversation, operator=carol)
    before = read_all_pages(api_client, "conversations")[0][str(conversation.pk)]
    carol.delete()
    after = read_all_pages(api_client, "conversations")[0][str(conversation.pk)]
    assert (after["assignee"], before["assignee"]["name"]) == (None, "Carol")
    assert after["updatedAt"] > before["updatedAt"]


def test_changes_that_rest_does_not_show_do_not_change_updated_at(tenants, api_client):
    conversation = make_conversation(tenants.north)
    before = read_all_pages(api_client, "conversations")[0]
    Visitor.objects.filter(pk=conversation.visitor_id).update(browser="Firefox 999", time_zone="Asia/Tokyo")
    Conversation.objects.filter(pk=conversation.pk).update(mailed_position=1)
    Operator.objects.filter(pk=tenants.alice.pk).update(name="Alicia")  # not the assignee
    assert read_all_pages(api_client, "conversations")[0] == before
