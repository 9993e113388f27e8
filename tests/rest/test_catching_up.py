"""A mirror that asks again from `syncedAt` misses nothing, whatever transactions are open while it reads."""

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
from tests.conftest import make_talk
from tests.servers import PROJECT
from widget.actions import VisitorDetails
from widget.actions import update as update_visitor

pytestmark = pytest.mark.django_db(transaction=True)
LISTS = {"conversations": "/api/v1/conversations", "leads": "/api/v1/leads"}
WAIT_SECONDS = 20
DOCS = PROJECT / "docs/rest.md"


@pytest.fixture
def no_margin(monkeypatch):
    """The age of the oldest transaction alone has to do it."""
    monkeypatch.setattr(sync_mark, "MARGIN", timedelta(0))


@contextmanager
def held(write):
    """Inside, `write` has been done in a transaction of another connection; it commits at the end."""
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


def read(client, name, since=None, limit=100, **query):
    """All pages of one reading: the rows by id, and syncedAt."""
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


def milliseconds():
    return int(time.time() * 1000)


def say(talk, body="Late"):
    send_message(talk, role=Message.Role.OPERATOR, body=body, channel=Channel.API)


CHANGES = {
    "message": lambda cast, talk, lead: say(talk),
    "status": lambda cast, talk, lead: set_status(talk, status="resolved"),
    "assignee": lambda cast, talk, lead: assign(talk, operator=cast.bob),
    "name of the assignee": lambda cast, talk, lead: team.change_operator(cast.alice, by=cast.alice, name="Alicia"),
    "details of the visitor": lambda cast, talk, lead: update_visitor(talk.visitor, VisitorDetails(name="Maya Abebe")),
    "lead": lambda cast, talk, lead: update_lead(lead, notes="Late"),
    "lead of an erased visitor": lambda cast, talk, lead: erase_visitor(talk.visitor, and_events_about=[]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_committed_after_a_reading_is_found_from_synced_at(cast, crm, no_margin, change):
    talk = assign(make_talk(cast.north), operator=cast.alice)
    lead = create_lead(cast.acme.pk, name="Lead", conversation=talk)
    name, row_id = ("leads", lead.pk) if "lead" in change else ("conversations", talk.pk)
    time.sleep(0.01)
    with held(lambda: CHANGES[change](cast, talk, lead)):
        time.sleep(0.05)
        before, mark = read(crm, name)
        assert read(crm, name, since=mark)[0] == {}
    after, _ = read(crm, name, since=mark)
    assert list(after) == [str(row_id)]
    assert after[str(row_id)] != before[str(row_id)]
    assert after[str(row_id)]["updatedAt"] > before[str(row_id)]["updatedAt"]


@pytest.mark.parametrize("name", LISTS)
def test_row_created_before_a_reading_and_committed_after_it_is_found(cast, crm, no_margin, name):
    create = {"leads": lambda: create_lead(cast.acme.pk, name="Late"), "conversations": lambda: make_talk(cast.north)}
    with held(create[name]):
        time.sleep(0.05)
        rows, mark = read(crm, name)
        assert rows == {}
    assert len(read(crm, name, since=mark)[0]) == 1


def test_change_that_waited_for_a_lock_is_found(cast, crm, no_margin):
    """Its transaction begins early, waits, and commits long after."""
    talk, waits = make_talk(cast.north), threading.Event()

    def write_late():
        with transaction.atomic():
            Conversation.objects.filter(pk=talk.pk).exists()  # begins the transaction
            waits.set()
            set_status(talk, status="closed")
        connection.close()

    with held(lambda: say(talk)):
        thread = threading.Thread(target=write_late)
        thread.start()
        assert waits.wait(WAIT_SECONDS)
        _, mark = read(crm, "conversations")
    thread.join(WAIT_SECONDS)
    rows, _ = read(crm, "conversations", since=mark)
    assert [(row["status"], row["preview"]) for row in rows.values()] == [("closed", "Late")]


def test_the_oldest_of_many_open_transactions_counts(cast, crm, no_margin):
    talks = [make_talk(cast.north) for _ in range(8)]
    with ExitStack() as stack:
        started = milliseconds()
        for talk in talks:
            stack.enter_context(held(lambda talk=talk: say(talk)))
            time.sleep(0.02)
        oldest_first = [read(crm, "conversations")[1] for _ in range(3)]
        assert all(abs(mark - started) < 150 for mark in oldest_first), (oldest_first, started)
    assert len(read(crm, "conversations", since=oldest_first[0])[0]) == len(talks)


def test_the_mark_is_just_behind_the_clock_when_nothing_is_open(cast, crm):
    for name in LISTS:
        before = milliseconds()
        _, mark = read(crm, name)
        assert before - 1 <= mark + sync_mark.MARGIN / timedelta(milliseconds=1) <= milliseconds()


def test_the_mark_follows_a_frozen_clock(cast, crm):
    with time_machine.travel(datetime(2031, 5, 1, tzinfo=UTC), tick=False):
        _, mark = read(crm, "leads")
    assert mark == datetime(2031, 5, 1, tzinfo=UTC).timestamp() * 1000 - 5000


@pytest.mark.parametrize(("program", "holds"), [("pg_dump", False), ("psql", True)])
def test_a_dump_does_not_hold_the_mark_back(cast, crm, no_margin, program, holds):
    with open_session(program) as session:
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        session.execute("SELECT count(*) FROM leads_lead")
        time.sleep(0.3)
        asked = milliseconds()
        _, mark = read(crm, "leads")
    assert (mark < asked - 250) == holds


def test_a_writer_that_calls_itself_pg_dump_holds_the_mark_back(cast, crm, no_margin):
    talk = make_talk(cast.north)
    with open_session("pg_dump") as session:
        session.execute("BEGIN")
        session.execute("SELECT 1 FROM conversations_conversation WHERE id = %s FOR UPDATE", [talk.pk])
        time.sleep(0.3)
        assert read(crm, "leads")[1] < milliseconds() - 250


def test_transaction_of_another_database_does_not_hold_the_mark_back(cast, crm, no_margin):
    with open_session("psql", dbname="postgres") as session:
        session.execute("BEGIN")
        session.execute("SELECT 1")
        time.sleep(0.3)
        asked = milliseconds()
        assert read(crm, "leads")[1] >= asked - 1


@contextmanager
def open_session(program, **parameters):
    known = connection.get_connection_params()
    where = {name: known[name] for name in ("host", "port", "user", "password", "dbname") if known.get(name)}
    with psycopg.connect(**where | parameters, application_name=program, autocommit=True) as session:
        yield session


@pytest.mark.parametrize("name", LISTS)
def test_every_page_has_the_mark_of_the_first(cast, crm, name):
    for _ in range(5):
        create_lead(cast.acme.pk, name="Lead", conversation=make_talk(cast.north))
    first = crm.get(LISTS[name], {"limit": 2}).json()
    time.sleep(0.05)
    create_lead(cast.acme.pk, name="Lead", conversation=make_talk(cast.north))
    second = crm.get(LISTS[name], {"limit": 2, "cursor": first["nextCursor"]}).json()
    last = crm.get(LISTS[name], {"limit": 2, "cursor": second["nextCursor"]}).json()
    assert "nextCursor" not in last
    assert first["syncedAt"] == second["syncedAt"] == last["syncedAt"]
    assert crm.get(LISTS[name], {"limit": 2}).json()["syncedAt"] > first["syncedAt"]


def test_conversation_that_moves_while_one_pages_is_found_from_synced_at(cast, crm, no_margin):
    talks = [make_talk(cast.north) for _ in range(4)]
    first = crm.get(LISTS["conversations"], {"limit": 2}).json()
    say(talks[0])
    rest = crm.get(LISTS["conversations"], {"limit": 2, "cursor": first["nextCursor"]}).json()
    missed = str(talks[0].pk)
    assert missed not in {row["_id"] for row in first["conversations"] + rest["conversations"]}
    assert missed in read(crm, "conversations", since=rest["syncedAt"])[0]


@pytest.mark.parametrize("name", LISTS)
def test_cursor_of_an_earlier_release_asks_for_everything_again(cast, crm, name):
    lead = create_lead(cast.acme.pk, name="Lead", conversation=make_talk(cast.north))
    old = sign(name, str(cast.acme.pk), [datetime(2999, 1, 1, tzinfo=UTC).isoformat(), str(lead.pk)])
    answer = crm.get(LISTS[name], {"cursor": old}).json()
    assert (len(answer[name]), answer["syncedAt"]) == (1, 0)


@pytest.mark.parametrize("name", LISTS)
def test_catching_up_shows_each_key_its_own_rows_only(cast, crm, caller, talks, name):
    north, mallory = caller(cast.acme, brand=cast.north), caller(cast.globex)
    expected = {crm: {"north", "south"}, north: {"north"}, mallory: {"west"}}
    brands = {str(brand.pk): brand.slug for brand in (cast.north, cast.south, cast.west)}
    for client, slugs in expected.items():
        rows, mark = read(client, name, since=0)
        assert {brands[row["brandId"]] for row in rows.values()} == slugs
        assert mark > 0


def test_operator_who_is_deleted_moves_their_conversations(cast, crm):
    """No action deletes one who has joined; a shell or a later release may."""
    talk = make_talk(cast.north)
    carol = Operator.objects.create_operator(
        workspace=cast.acme, email="c@acme.example", password="car-ol-99", name="Carol"
    )
    talk = assign(talk, operator=carol)
    before = read(crm, "conversations")[0][str(talk.pk)]
    carol.delete()
    after = read(crm, "conversations")[0][str(talk.pk)]
    assert (after["assignee"], before["assignee"]["name"]) == (None, "Carol")
    assert after["updatedAt"] > before["updatedAt"]


def test_what_no_answer_shows_does_not_move_updated_at(cast, crm):
    talk = make_talk(cast.north)
    before = read(crm, "conversations")[0]
    Visitor.objects.filter(pk=talk.visitor_id).update(browser="Firefox 999", time_zone="Asia/Tokyo")
    Conversation.objects.filter(pk=talk.pk).update(mailed_position=1)
    Operator.objects.filter(pk=cast.alice.pk).update(name="Alicia")  # who is not assigned
    assert read(crm, "conversations")[0] == before


def test_lead_that_is_created_during_an_erasure_is_erased_too(cast, crm):
    talk = make_talk(cast.north)
    erased = threading.Event()

    def erase_now():
        erase(talk.visitor)
        erased.set()
        connection.close()

    with held(lambda: create_lead(cast.acme.pk, name="Maya", conversation=talk)):
        thread = threading.Thread(target=erase_now)
        thread.start()
        assert not erased.wait(0.3)
    thread.join(WAIT_SECONDS)
    assert erased.is_set()
    assert not Lead.objects.exists()
    assert AuditEntry.objects.get(action="visitor.erased").details == {"conversations": 1, "leads": 1}


def test_lead_for_a_conversation_that_is_erased_meanwhile_is_not_found(cast, crm):
    talk, answers = make_talk(cast.north), []

    def ask():
        answers.append(crm.post("/api/v1/leads", {"name": "Maya", "conversationId": str(talk.pk)}))
        connection.close()

    with held(lambda: erase(talk.visitor)):
        thread = threading.Thread(target=ask)
        thread.start()
        time.sleep(0.3)
    thread.join(WAIT_SECONDS)
    assert (answers[0].status_code, answers[0].headers["X-Error-Code"]) == (404, "not_found")
    assert not Lead.objects.exists()


def test_a_mirror_equals_the_tables_after_many_slow_writers(cast, crm, monkeypatch):
    """By the recipe of docs/rest.md. Transactions last up to eight times the margin, which alone would lose rows."""
    recipe = {}
    exec(re.search(r"```python\n(def catch_up.*?)```", DOCS.read_text(), re.DOTALL)[1], recipe)
    monkeypatch.setattr(sync_mark, "MARGIN", timedelta(milliseconds=50))
    talks = [assign(make_talk(cast.north), operator=cast.alice) for _ in range(6)]
    leads = [create_lead(cast.acme.pk, name=f"Lead {number}") for number in range(6)]
    errors = []

    def write(seed):
        chance = random.Random(seed)
        changes = (
            lambda: say(chance.choice(talks), f"{chance.random()}"),
            lambda: set_status(chance.choice(talks), status=chance.choice(["open", "resolved"])),
            lambda: assign(chance.choice(talks), operator=chance.choice([cast.alice, cast.bob, None])),
            lambda: make_talk(cast.south),
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
        assert mirror == read(crm, name)[0]
