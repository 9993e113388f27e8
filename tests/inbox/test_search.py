"""The search of the inbox and of the lists of visitors and leads, in the database."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from conversations import search, tasks
from conversations.actions import change_tags, create_tag, merge_visitor, rename_tag, send_message, set_status
from conversations.models import Channel, Conversation, Message, Tag, Visitor
from conversations.search_query import parse_query
from leads.actions import create_lead, update_lead
from leads.models import Lead
from praxtalk.core.db.inserts import insert_if_new
from praxtalk.core.epoch import to_milliseconds
from tests.conftest import make_conversation
from tests.inbox.test_search_words import ADDRESS, ARABIC, CHINESE, HOSTILE, JAPANESE
from tests.sync.live_client import call_as, topics_of
from tests.sync.sockets import RequestFailed
from widget.actions import VisitorDetails, update_visitor

pytestmark = pytest.mark.django_db

REFUSED = ["\0", "\ud800", "x" * 201, *HOSTILE]
WITHOUT_MATCH = [
    "!?…",
    "<",
    "'",
    "''",
    "\\",
    "%",
    ":*",
    "zz:*",
    "& | !",
    "🎉",
    "<->",
    "\u0301",
    "\ue000",
    "配" * 200,
    "zz-" * 66,
]


def rows_of(operator, typed, **more):
    return call_as(operator, "inbox:list", q=typed, **more)["rows"]


def found(operator, typed, **more):
    return {row["_id"] for row in rows_of(operator, typed, **more)}


def say(conversation, body, **more):
    return send_message(conversation, role=Message.Role.VISITOR, body=body, channel=Channel.WIDGET, **more)


@pytest.mark.parametrize(
    ("body", "searches"),
    [
        (ADDRESS, ("quill.maya@angle.example", "A77123")),
        (JAPANESE, ("配送", "12345", "配")),
        (CHINESE, ("订单",)),
        (ARABIC, ("الطلب",)),
        ("Łukasz from Köln", ("lukasz", "koeln", "koln")),
    ],
)
def test_message_is_found_in_the_inbox_and_by_the_agent_sdk(tenants, conversations, body, searches):
    conversation = make_conversation(tenants.north, body=body)
    for typed in searches:
        assert found(tenants.alice, typed) == {str(conversation.pk)}, typed
        rows = call_as(tenants.bob, "conversations:listInbox", q=typed)
        assert [row["_id"] for row in rows] == [str(conversation.pk)]
        assert found(tenants.mallory, typed) == set()


@pytest.mark.parametrize("typed", ["+48601000111", "601000111", "lukasz", "obrien", "koeln", "ł", "o’brien@angle"])
def test_visitors_and_leads_are_found_by_name_address_and_number(tenants, conversations, client, typed):
    details = {"name": "Łukasz O'Brien Köln", "email": "o'brien@angle.example", "phone": "+48 601 000 111"}
    conversation = make_conversation(tenants.north)
    update_visitor(conversation.visitor, VisitorDetails(**details))
    south_lead = create_lead(tenants.acme.pk, brand=tenants.south, **details)
    lead = create_lead(tenants.acme.pk, brand=tenants.north, **details)
    assert found(tenants.alice, typed) == {str(conversation.pk)}
    for operator, leads in ((tenants.alice, {lead, south_lead}), (tenants.bob, {lead}), (tenants.mallory, set())):
        client.force_login(operator)
        visitors = {conversation.visitor} if operator != tenants.mallory else set()
        for page, rows in (("visitors", visitors), ("leads", leads)):
            response = client.get(f"/app/{page}/", {"q": typed})
            assert set(response.context["cl"].queryset) == rows, (page, operator)


def test_blank_search_of_a_list_shows_all_rows_and_a_search_without_words_shows_none(tenants, conversations, client):
    client.force_login(tenants.alice)
    for page in ("visitors", "leads"):
        assert client.get(f"/app/{page}/", {"q": " "}).context["cl"].queryset.count() == 2
        assert client.get(f"/app/{page}/", {"q": "%"}).context["cl"].queryset.count() == 0


@pytest.mark.parametrize("typed", WITHOUT_MATCH)
def test_odd_search_finds_nothing(tenants, conversations, client, typed):
    assert found(tenants.alice, typed) == set()
    assert call_as(tenants.alice, "conversations:listInbox", q=typed) == []
    client.force_login(tenants.alice)
    for page in ("visitors", "leads"):
        response = client.get(f"/app/{page}/", {"q": typed})
        assert list(response.context["cl"].queryset) == []


@pytest.mark.parametrize("typed", REFUSED)
def test_invalid_search_is_refused(tenants, conversations, client, typed):
    for name in ("inbox:list", "conversations:listInbox"):
        with pytest.raises(RequestFailed, match=r"ArgumentValidationError: (q: |str is not valid)"):
            call_as(tenants.alice, name, q=typed)
    client.force_login(tenants.alice)
    for page in ("visitors", "leads"):
        assert client.get(f"/app/{page}/", {"q": typed.replace("\ud800", "")}).status_code == 200


@pytest.mark.parametrize("text", [*WITHOUT_MATCH, *HOSTILE])
def test_any_text_can_be_stored(tenants, conversations, text):
    text = text.replace("\0", "").replace("\ud800", "")
    message = say(conversations.north, text)
    lead = create_lead(tenants.acme.pk, name="X", notes=text)
    update_visitor(conversations.north.visitor, VisitorDetails(name=text[:200], phone=text[:40]))
    assert stale_rows() == []
    assert (message.body, lead.notes) == (text, text)


# --- what a row of the results shows ---


def test_result_shows_the_newest_message_that_matches(tenants, conversations):
    say(conversations.north, "My order 1042 is late. " + "And so on. " * 30)
    message = say(conversations.north, "Again: " * 40 + "where is order <A77123>?")
    say(conversations.north, "Thanks!")
    (row,) = rows_of(tenants.bob, "order")
    match = row["match"]
    assert (match["messageId"], match["createdAt"]) == (str(message.pk), to_milliseconds(message.created_at))
    assert [part["text"] for part in match["parts"] if part["marked"]] == ["order"]
    assert "".join(part["text"] for part in match["parts"]) == "…Again: Again: where is order <A77123>?"


def test_result_has_no_message_if_the_visitor_matches_and_no_list_has_one(tenants, conversations):
    say(conversations.north, "I am Maya")
    assert {row["match"] for row in rows_of(tenants.alice, "maya")} == {None}
    assert "match" not in call_as(tenants.alice, "inbox:list")["rows"][0]
    assert "match" not in rows_of(tenants.alice, "")[0]
    assert "match" not in call_as(tenants.alice, "conversations:listInbox", q="maya")[0]


def test_number_of_queries_does_not_depend_on_the_number_of_results(tenants, conversations):
    counts = []
    for _ in range(2):
        for _ in range(4):
            make_conversation(tenants.north, body="About order 1042")
        with CaptureQueriesContext(connection) as queries:
            assert rows_of(tenants.alice, "order")[0]["match"]
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_conversations_are_found_by_their_tags(tenants, conversations):
    tag = create_tag(tenants.acme.pk, name="Rückgabe-VIP")
    assert found(tenants.alice, "vip") == set()
    for conversation in (conversations.north, conversations.south):
        change_tags(conversation, add=[tag.pk])
    both = {str(conversations.north.pk), str(conversations.south.pk)}
    for typed in ("vip", "VI", "rueckgabe", "ruckgabe vip", "rückgabe-vip"):
        assert found(tenants.alice, typed) == both, typed
        assert found(tenants.bob, typed) == {str(conversations.north.pk)}, typed
        assert found(tenants.mallory, typed) == set(), typed
    assert {row["match"] for row in rows_of(tenants.alice, "vip")} == {None}
    message = say(conversations.north, "I am a VIP")
    assert {row["match"] and row["match"]["messageId"] for row in rows_of(tenants.alice, "vip")} == {
        str(message.pk),
        None,
    }
    set_status(conversations.south, status=Conversation.Status.CLOSED)
    assert found(tenants.alice, "vip", status="closed") == {str(conversations.south.pk)}
    rename_tag(tag, name="Refund")
    assert found(tenants.alice, "refund") == both
    assert found(tenants.alice, "rückgabe") == set()


def test_a_search_follows_the_tags_of_the_workspace(tenants):
    for name in ("inbox:list", "conversations:listInbox"):
        assert Tag.topic(tenants.acme.pk) in topics_of(tenants.bob, name, q="vip")
    assert Tag.topic(tenants.acme.pk) not in topics_of(tenants.bob, "conversations:listInbox")


# --- no writer of a text can forget its words ---


def is_found(row, typed):
    return type(row).objects.filter(pk=row.pk, words__match=parse_query(typed)).exists()


def stale_rows():
    return [row for model in search.searched_models() for row in model.objects.filter(search.is_stale(*sources(model)))]


def sources(model):
    return model._meta.get_field("words").sources


def make_rows(tenants):
    """Return a visitor, a message and a lead in which "before" is found."""
    conversation = make_conversation(tenants.north, name="Before", body="Before")
    lead = create_lead(tenants.acme.pk, name="Before", notes="Before")
    return SimpleNamespace(visitor=conversation.visitor, message=conversation.messages.get(), lead=lead)


def test_searched_tables_are_messages_visitors_and_leads():
    assert set(search.searched_models()) == {Message, Visitor, Lead}


def test_actions_store_words_at_once(tenants, conversations):
    rows = make_rows(tenants)
    for row in (rows.visitor, rows.message, rows.lead):
        assert is_found(row, "before")
    anonymous = Visitor(workspace=tenants.acme, brand=tenants.north, name="Anonymous", phone="+48 601 000 111")
    assert insert_if_new(anonymous)
    assert is_found(anonymous, "601000111")
    merged = merge_visitor(anonymous, into=Visitor.objects.get(pk=rows.visitor.pk))
    assert is_found(merged, "before")
    update_visitor(Visitor.objects.get(pk=merged.pk), VisitorDetails(name="Äfter", email="new@angle.example"))
    update_lead(Lead.objects.get(pk=rows.lead.pk), name="Äfter", notes="")
    for row in (merged, rows.lead):
        assert is_found(row, "aefter")
        assert not is_found(row, "before")
    assert is_found(merged, "angle")
    Message.objects.bulk_create(
        [
            Message(
                workspace=tenants.acme,
                conversation=conversations.north,
                position=9,
                role="visitor",
                channel="widget",
                body="Bulk 配送",
            )
        ]
    )
    assert is_found(Message.objects.get(position=9), "配送")
    assert stale_rows() == []


def save_loaded_row(row, field):
    loaded = type(row).objects.get(pk=row.pk)
    setattr(loaded, field, "Äfter")
    loaded.save()


def save_one_field(row, field):
    loaded = type(row).objects.get(pk=row.pk)
    setattr(loaded, field, "Äfter")
    loaded.save(update_fields=[field])


def update(row, field):
    type(row).objects.filter(pk=row.pk).update(**{field: "Äfter"})


def bulk_update(row, field):
    loaded = type(row).objects.get(pk=row.pk)
    setattr(loaded, field, "Äfter")
    type(row).objects.bulk_update([loaded], [field])


def update_in_sql(row, field):
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {row._meta.db_table} SET {field} = 'Äfter' WHERE id = %s", [row.pk])


@pytest.mark.parametrize("write", [save_loaded_row, save_one_field, update, bulk_update, update_in_sql])
@pytest.mark.parametrize(("name", "field"), [("visitor", "name"), ("message", "body"), ("lead", "name")])
def test_a_writer_that_forgets_the_words_is_repaired_by_the_task(tenants, write, name, field):
    row = getattr(make_rows(tenants), name)
    write(row, field)
    tasks.fill_words()
    assert is_found(row, "aefter")
    assert stale_rows() == []


def test_rows_inserted_without_words_are_filled_in_batches(tenants, conversations, monkeypatch):
    """As by the previous version, which still runs while the database is migrated."""
    for _ in range(5):
        make_rows(tenants)
    for model in search.searched_models():
        model.objects.update(words=None, words_digest=None)
    assert found(tenants.alice, "before") == set()
    monkeypatch.setattr(search, "BATCH", 2)
    for app in ("conversations", "leads"):
        import_module(f"{app}.migrations.0003_fill_words").fill_existing_rows(apps, None)
    assert stale_rows() == []
    assert len(found(tenants.alice, "before")) == 5


@pytest.mark.django_db(transaction=True)
def test_locked_rows_do_not_stop_the_task(tenants, conversations):
    Visitor.objects.update(name="Äfter")
    locked, free = conversations.north.visitor, conversations.south.visitor
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            other.set_autocommit(False)
            cursor.execute("SELECT 1 FROM conversations_visitor WHERE id = %s FOR UPDATE", [locked.pk])
            tasks.fill_words()
            other.rollback()
    finally:
        other.close()
    assert is_found(free, "aefter")
    assert not is_found(locked, "aefter")
    tasks.fill_words()
    assert is_found(locked, "aefter")


@pytest.mark.parametrize("text", [ADDRESS, JAPANESE, ARABIC, "a\nb", "😀 'quoted' \\ %s %(x)s", "e\u0301"])
def test_digest_is_the_same_in_the_database_and_in_the_application(tenants, text):
    with transaction.atomic():
        lead = create_lead(tenants.acme.pk, name=text, notes=text)
    assert lead not in stale_rows()
