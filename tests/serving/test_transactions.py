"""One transaction for each call: joined by the actions in it, with each row locked once, and one word after the commit."""

import threading

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from brands.models import Brand
from conversations.actions import lock_conversation, set_status
from conversations.models import Conversation
from praxtalk.core.api.models import IdempotencyRecord
from praxtalk.core.db.compiled_queries import compiled
from praxtalk.core.db.inserts import insert_if_new
from praxtalk.core.db.transactions import after_commit, is_locked, joined_transaction, lock
from tests.conftest import make_talk

pytestmark = pytest.mark.django_db(transaction=True)


def rename(brand, name, *, fails=False):
    with joined_transaction():
        Brand.objects.filter(pk=brand.pk).update(name=name)
        if fails:
            raise ValueError(name)


def name_of(brand):
    return Brand.objects.get(pk=brand.pk).name


def test_inner_blocks_join_and_commit_together(cast):
    with CaptureQueriesContext(connection) as queries, joined_transaction():
        rename(cast.north, "N")
        rename(cast.south, "S")
    assert not [query for query in queries if "SAVEPOINT" in query["sql"]]
    assert (name_of(cast.north), name_of(cast.south)) == ("N", "S")


def test_an_inner_failure_takes_everything_along(cast):
    with pytest.raises(ValueError, match="S"), joined_transaction():
        rename(cast.north, "N")
        rename(cast.south, "S", fails=True)
    with pytest.raises(TransactionManagementError), joined_transaction():
        with pytest.raises(ValueError, match="N"):
            rename(cast.north, "N", fails=True)
        rename(cast.south, "S")  # who goes on after a failure needs a savepoint
    assert (name_of(cast.north), name_of(cast.south)) == ("North", "South")


def test_who_goes_on_after_a_failure_has_a_savepoint_of_their_own(cast):
    with joined_transaction():
        rename(cast.north, "N")
        with pytest.raises(ValueError, match="S"), transaction.atomic():
            rename(cast.south, "S", fails=True)
    assert (name_of(cast.north), name_of(cast.south)) == ("N", "South")


def test_a_row_is_locked_and_read_once(cast):
    conversation = make_talk(cast.north)
    with CaptureQueriesContext(connection) as queries, joined_transaction():
        locked = lock_conversation(cast.acme.pk, conversation.pk)
        assert is_locked(locked)
        assert not is_locked(conversation)  # read before the lock: it may be older
        set_status(locked, status="resolved")
    assert sum("FOR NO KEY UPDATE" in query["sql"] for query in queries) == 1
    assert not is_locked(locked)
    with joined_transaction():
        assert lock_conversation(cast.globex.pk, conversation.pk) is None
    with pytest.raises(TransactionManagementError):
        lock_conversation(cast.acme.pk, conversation.pk)


def test_a_lock_ends_with_its_transaction(cast):
    rows = Brand.objects.filter(pk=cast.north.pk)
    with joined_transaction():
        brand = lock(rows)
    with joined_transaction():
        assert not is_locked(brand)


def test_one_word_after_the_commit_and_none_after_a_rollback(cast):
    heard = []
    with joined_transaction():
        after_commit(heard.append, ["a"])
        with joined_transaction():
            after_commit(heard.append, ["a", "b"])
        assert heard == []
    assert heard == [{"a", "b"}]
    with pytest.raises(ValueError, match="no"), joined_transaction():
        after_commit(heard.append, ["c"])
        raise ValueError("no")
    assert heard == [{"a", "b"}]
    after_commit(heard.append, ["d"])
    assert heard[1:] == [{"d"}]


def test_a_row_that_is_there_is_left_alone(cast):
    name = {"workspace_id": cast.acme.pk, "caller_id": cast.alice.pk, "key": "k"}
    assert insert_if_new(IdempotencyRecord(**name, fingerprint=b"1", headers={"Location": "/"}))
    assert not insert_if_new(IdempotencyRecord(**name, fingerprint=b"2"))
    stored = IdempotencyRecord.objects.get(**name)
    assert (bytes(stored.fingerprint), stored.headers, stored.status) == (b"1", {"Location": "/"}, 0)


@compiled(literal=("most",))
def conversations(workspace_id, status, most):
    conversations.built += 1
    rows = Conversation.objects.filter(workspace_id=workspace_id).with_people().order_by("created_at")
    return (rows if status is None else rows.filter(status=status))[:most]


def test_a_prepared_query_is_composed_once_and_asks_for_each_callers_values(cast):
    conversations.built = 0
    acme = [make_talk(cast.north, name="Maya"), make_talk(cast.south, name="Noor")]
    globex = make_talk(cast.west, name="Olga")
    set_status(acme[1], status="closed")
    ask = lambda workspace, status=None, most=9: conversations(workspace_id=workspace.pk, status=status, most=most)  # noqa: E731
    for _ in range(2):
        assert ask(cast.acme) == acme
        assert ask(cast.globex) == [globex]
        assert ask(cast.acme, "closed") == [acme[1]]
        assert ask(cast.acme, most=1) == [acme[0]]
        assert [row.visitor.name for row in ask(cast.acme)] == ["Maya", "Noor"]
    assert conversations.built == 3  # with and without a status, and of another length


def test_a_prepared_query_runs_on_the_connection_of_its_thread(cast):
    make_talk(cast.north)
    found = []

    def ask():
        found.extend(conversations(workspace_id=cast.acme.pk, status=None, most=5))
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert found == conversations(workspace_id=cast.acme.pk, status=None, most=5) != []
