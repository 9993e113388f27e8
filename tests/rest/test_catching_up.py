"""A client that mirrors the lists and reads again from `syncedAt` misses no change, whatever transactions are open meanwhile."""

import random
import re
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import time_machine
from django.db import connection, transaction

from accounts.actions import team
from accounts.models import AuditEntry, Operator
from conversations.actions import assign, send_message, set_status
from conversations.actions.erasure import erase_visitor
from conversations.models import Channel, Conversation, Message, Visitor
from data_requests.actions import erase
from leads.actions import create_lead, update_lead
from leads.models import Lead
from praxtalk.core.api.pagination import sign
from praxtalk.core.db import sync_mark
from tests.conftest import make_conversation
from tests.servers import PROJECT
from widget.actions import VisitorDetails, update_visitor

pytestmark = pytest.mark.django_db(transaction=True)
LISTS = {"conversations": "/api/v1/conversations", "leads": "/api/v1/leads"}
WAIT_SECONDS = 20
DOCS = PROJECT / "docs/rest.md"


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
    rows, marks, cursor = {}, set(), None
    parameters = {"limit": limit, **query} | ({} if since is None else {"updatedSince": since})
    while True:
        answer = client.get(LISTS[name], parameters | ({"cursor": cursor} if cursor else {})).json()
        rows |= {row["_id"]: row for row in answer[name]}
        marks.add(answer["syncedAt"])
        cursor = answer.get("nextCursor")
        if cursor is None:
            [mark] = marks
            return rows, mark


def now_in_milliseconds():
    return int(time.time() * 1000)


def reply(conversation, body="Late"):
    send_message(conversation, role=Message.Role.OPERATOR, body=body, channel=Channel.API)


CHANGES = {
    "message": lambda cast, conversation, lead: reply(conversation),
    "status": lambda cast, conversation, lead: set_status(conversation, status="resolved"),
    "assignee": lambda cast, conversation, lead: assign(conversation, operator=cast.bob),
    "name of the assignee": lambda cast, conversation, lead: team.change_operator(
        cast.alice, by=cast.alice, name="Alicia"
    ),
    "details of the visitor": lambda cast, conversation, lead: update_visitor(
        conversation.visitor, VisitorDetails(name="Maya Abebe")
    ),
    "lead": lambda cast, conversation, lead: update_lead(lead, notes="Late"),
    "lead of an erased visitor": lambda cast, conversation, lead: erase_visitor(
        conversation.visitor, deleted_lead_ids=[]
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_committed_after_a_read_is_found_from_synced_at(cast, crm, no_safety_margin, change):
    conversation = assign(make_conversation(cast.north), operator=cast.alice)
    lead = create_lead(cast.acme.pk, name="Lead", conversation=conversation)
    name, row_id = ("leads", lead.pk) if "lead" in change else ("conversations", conversation.pk)
    time.sleep(0.2)  # on a busy machine, the mark is earlier than the transaction by the time that its query takes
    with held_transaction(lambda: CHANGES[change](cast, conversation, lead)):
        time.sleep(0.05)
        before, mark = read_all_pages(crm, name)
        assert read_all_pages(crm, name, since=mark)[0] == {}
    after, _ = read_all_pages(crm, name, since=mark)
    assert list(after) == [str(row_id)]
    assert after[str(row_id)] != before[str(row_id)]
    assert after[str(row_id)]["updatedAt"] > before[str(row_id)]["updatedAt"]


@pytest.mark.parametrize("name", LISTS)
def test_a_row_created_before_a_read_and_committed_after_it_is_found(cast, crm, no_safety_margin, name):
    create = {
        "leads": lambda: create_lead(cast.acme.pk, name="Late"),
        "conversations": lambda: make_conversation(cast.north),
    }
    with held_transaction(create[name]):
        time.sleep(0.05)
        rows, mark = read_all_pages(crm, name)
        assert rows == {}
    assert len(read_all_pages(crm, name, since=mark)[0]) == 1


def test_a_change_that_waited_for_a_lock_is_found(cast, crm, no_safety_margin):
    """The transaction of the change begins before the read, waits for a row lock, and commits after the read."""
    conversation, waits = make_conversation(cast.north), threading.Event()

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
        _, mark = read_all_pages(crm, "conversations")
    thread.join(WAIT_SECONDS)
    rows, _ = read_all_pages(crm, "conversations", since=mark)
    assert [(row["status"], row["preview"]) for row in rows.values()] == [("closed", "Late")]


def test_synced_at_is_the_start_of_the_oldest_open_transaction(cast, crm, no_safety_margin):
    conversations = [make_conversation(cast.north) for _ in range(8)]
    with ExitStack() as stack:
        started = now_in_milliseconds()
        for conversation in conversations:
            stack.enter_context(held_transaction(lambda conversation=conversation: reply(conversation)))
            time.sleep(0.02)
        oldest_first = [read_all_pages(crm, "conversations")[1] for _ in range(3)]
        assert all(abs(mark - started) < 150 for mark in oldest_first), (oldest_first, started)
    assert len(read_all_pages(crm, "conversations", since=oldest_first[0])[0]) == len(conversations)


def test_synced_at_is_just_behind_the_clock_without_open_transactions(cast, crm):
    for name in LISTS:
        before = now_in_milliseconds()
        _, mark = read_all_pages(crm, name)
        assert before - 1 <= mark + sync_mark.MARGIN / timedelta(milliseconds=1) <= now_in_milliseconds()


def test_synced_at_follows_a_frozen_clock(cast, crm):
    with time_machine.travel(datetime(2031, 5, 1, tzinfo=UTC), tick=False):
        _, mark = read_all_pages(crm, "leads")
    assert mark == datetime(2031, 5, 1, tzinfo=UTC).timestamp() * 1000 - 5000


@pytest.mark.parametrize(("program", "holds"), [("pg_dump", False), ("psql", True)])
def test_a_running_pg_dump_does_not_hold_synced_at_back(cast, crm, no_safety_margin, program, holds):
    with open_session(program) as session:
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        session.execute("SELECT count(*) FROM leads_lead")
        time.sleep(0.3)
        asked = now_in_milliseconds()
        _, mark = read_all_pages(crm, "leads")
    assert (mark < asked - 250) == holds


def test_a_writing_session_named_pg_dump_holds_synced_at_back(cast, crm, no_safety_margin):
    conversation = make_conversation(cast.north)
    with open_session("pg_dump") as session:
        session.execute("BEGIN")
        session.execute("SELECT 1 FROM conversations_conversation WHERE id = %s FOR UPDATE", [conversation.pk])
        time.sleep(0.3)
        assert read_all_pages(crm, "leads")[1] < now_in_milliseconds() - 250


def test_a_transaction_of_another_database_does_not_hold_synced_at_back(cast, crm, no_safety_margin):
    with open_session("psql", dbname="postgres") as session:
        session.execute("BEGIN")
        session.execute("SELECT 1")
        time.sleep(0.3)
        asked = now_in_milliseconds()
        assert read_all_pages(crm, "leads")[1] >= asked - 1


@contextmanager
def open_session(program, **parameters):
    known = connection.get_connection_params()
    where = {name: known[name] for name in ("host", "port", "user", "password", "dbname") if known.get(name)}
    with psycopg.connect(**where | parameters, application_name=program, autocommit=True) as session:
        yield session


@pytest.mark.parametrize("name", LISTS)
def test_every_page_has_the_synced_at_of_the_first(cast, crm, name):
    for _ in range(5):
        create_lead(cast.acme.pk, name="Lead", conversation=make_conversation(cast.north))
    first = crm.get(LISTS[name], {"limit": 2}).json()
    time.sleep(0.05)
    create_lead(cast.acme.pk, name="Lead", conversation=make_conversation(cast.north))
    second = crm.get(LISTS[name], {"limit": 2, "cursor": first["nextCursor"]}).json()
    last = crm.get(LISTS[name], {"limit": 2, "cursor": second["nextCursor"]}).json()
    assert "nextCursor" not in last
    assert first["syncedAt"] == second["syncedAt"] == last["syncedAt"]
    assert crm.get(LISTS[name], {"limit": 2}).json()["syncedAt"] > first["syncedAt"]


def test_a_conversation_that_changes_during_paging_is_found_from_synced_at(cast, crm, no_safety_margin):
    conversations = [make_conversation(cast.north) for _ in range(4)]
    first = crm.get(LISTS["conversations"], {"limit": 2}).json()
    reply(conversations[0])
    rest = crm.get(LISTS["conversations"], {"limit": 2, "cursor": first["nextCursor"]}).json()
    missed = str(conversations[0].pk)
    assert missed not in {row["_id"] for row in first["conversations"] + rest["conversations"]}
    assert missed in read_all_pages(crm, "conversations", since=rest["syncedAt"])[0]


@pytest.mark.parametrize("name", LISTS)
def test_a_cursor_of_an_earlier_release_makes_the_client_read_everything_again(cast, crm, name):
    lead = create_lead(cast.acme.pk, name="Lead", conversation=make_conversation(cast.north))
    old = sign(name, str(cast.acme.pk), [datetime(2999, 1, 1, tzinfo=UTC).isoformat(), str(lead.pk)])
    answer = crm.get(LISTS[name], {"cursor": old}).json()
    assert (len(answer[name]), answer["syncedAt"]) == (1, 0)


@pytest.mark.parametrize("name", LISTS)
def test_each_key_reads_only_the_rows_in_its_scope(cast, crm, caller, conversations, name):
    north, mallory = caller(cast.acme, brand=cast.north), caller(cast.globex)
    expected = {crm: {"north", "south"}, north: {"north"}, mallory: {"west"}}
    brands = {str(brand.pk): brand.slug for brand in (cast.north, cast.south, cast.west)}
    for client, slugs in expected.items():
        rows, mark = read_all_pages(client, name, since=0)
        assert {brands[row["brandId"]] for row in rows.values()} == slugs
        assert mark > 0


def test_deleting_an_operator_updates_their_conversations(cast, crm):
    """No action deletes an operator who has accepted the invitation, but a shell or a later release may."""
    conversation = make_conversation(cast.north)
    carol = Operator.objects.create_operator(
        workspace=cast.acme, email="c@acme.example", password="car-ol-99", name="Carol"
    )
    conversation = assign(conversation, operator=carol)
    before = read_all_pages(crm, "conversations")[0][str(conversation.pk)]
    carol.delete()
    after = read_all_pages(crm, "conversations")[0][str(conversation.pk)]
    assert (after["assignee"], before["assignee"]["name"]) == (None, "Carol")
    assert after["updatedAt"] > before["updatedAt"]


def test_changes_that_rest_does_not_show_do_not_change_updated_at(cast, crm):
    conversation = make_conversation(cast.north)
    before = read_all_pages(crm, "conversations")[0]
    Visitor.objects.filter(pk=conversation.visitor_id).update(browser="Firefox 999", time_zone="Asia/Tokyo")
    Conversation.objects.filter(pk=conversation.pk).update(mailed_position=1)
    Operator.objects.filter(pk=cast.alice.pk).update(name="Alicia")  # not the assignee
    assert read_all_pages(crm, "conversations")[0] == before


def test_a_lead_created_during_an_erasure_is_erased_too(cast, crm):
    conversation = make_conversation(cast.north)
    erased = threading.Event()

    def erase_now():
        erase(conversation.visitor)
        erased.set()
        connection.close()

    with held_transaction(lambda: create_lead(cast.acme.pk, name="Maya", conversation=conversation)):
        thread = threading.Thread(target=erase_now)
        thread.start()
        assert not erased.wait(0.3)
    thread.join(WAIT_SECONDS)
    assert erased.is_set()
    assert not Lead.objects.exists()
    assert AuditEntry.objects.get(action="visitor.erased").details == {"conversations": 1, "leads": 1}


def test_a_lead_for_a_conversation_under_erasure_is_a_404(cast, crm):
    conversation, answers = make_conversation(cast.north), []

    def ask():
        answers.append(crm.post("/api/v1/leads", {"name": "Maya", "conversationId": str(conversation.pk)}))
        connection.close()

    with held_transaction(lambda: erase(conversation.visitor)):
        thread = threading.Thread(target=ask)
        thread.start()
        time.sleep(0.3)
    thread.join(WAIT_SECONDS)
    assert (answers[0].status_code, answers[0].headers["X-Error-Code"]) == (404, "not_found")
    assert not Lead.objects.exists()


def test_a_mirror_equals_the_tables_after_many_slow_writers(cast, crm, monkeypatch):
    """Use the recipe of docs/rest.md.

    Transactions last up to eight times the safety margin, so the margin alone would lose rows.
    """
    recipe = {}
    exec(re.search(r"```python\n(def catch_up.*?)```", DOCS.read_text(), re.DOTALL)[1], recipe)
    monkeypatch.setattr(sync_mark, "MARGIN", timedelta(milliseconds=50))
    conversations = [assign(make_conversation(cast.north), operator=cast.alice) for _ in range(6)]
    leads = [create_lead(cast.acme.pk, name=f"Lead {number}") for number in range(6)]
    errors = []

    def write(seed):
        chance = random.Random(seed)
        changes = (
            lambda: reply(chance.choice(conversations), f"{chance.random()}"),
            lambda: set_status(chance.choice(conversations), status=chance.choice(["open", "resolved"])),
            lambda: assign(chance.choice(conversations), operator=chance.choice([cast.alice, cast.bob, None])),
            lambda: make_conversation(cast.south),
            lambda: create_lead(cast.acme.pk, name=f"{chance.random()}"),
            lambda: update_lead(chance.choice(leads), notes=f"{chance.random()}"),
        )
        try:
            for _ in range(12):
                with transaction.atomic():
                    chance.choice(changes)()
                    time.sleep(chance.random() * 0.4)
                time.sleep(chance.random() * 0.05)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    mirrors, marks, readings = {name: {} for name in LISTS}, dict.fromkeys(LISTS, 0), 0
    writers = [threading.Thread(target=write, args=[seed]) for seed in range(5)]
    for writer in writers:
        writer.start()
    while True:
        is_last = not any(writer.is_alive() for writer in writers)
        for name, mirror in mirrors.items():
            get = lambda path, query: crm.get(path, query | {"limit": 3}).json()  # noqa: E731 - more than one page
            marks[name] = recipe["catch_up"](get, name, mirror, marks[name])
        readings += 1
        if is_last:
            break
    assert not errors, errors
    assert readings > 10
    for name, mirror in mirrors.items():
        assert mirror == read_all_pages(crm, name)[0]
