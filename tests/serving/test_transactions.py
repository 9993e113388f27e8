"""One transaction per call: actions join it, each row is locked once, and topics are published once after the commit."""

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
from tests.conftest import make_conversation

pytestmark = pytest.mark.django_db(transaction=True)


def rename(brand, name, *, fails=False):
    with joined_transaction():
        Brand.objects.filter(pk=brand.pk).update(name=name)
        if fails:
            raise ValueError(name)


def name_of(brand):
    return Brand.objects.get(pk=brand.pk).name


def test_inner_blocks_join_the_outer_transaction(tenants):
    with CaptureQueriesContext(connection) as queries, joined_transaction():
        rename(tenants.north, "N")
        rename(tenants.south, "S")
    assert not [query for query in queries if "SAVEPOINT" in query["sql"]]
    assert (name_of(tenants.north), name_of(tenants.south)) == ("N", "S")


def test_failure_in_an_inner_block_rolls_everything_back(tenants):
    with pytest.raises(ValueError, match="S"), joined_transaction():
        rename(tenants.north, "N")
        rename(tenants.south, "S", fails=True)
    with pytest.raises(TransactionManagementError), joined_transaction():
        with pytest.raises(ValueError, match="N"):
            rename(tenants.north, "N", fails=True)
        rename(tenants.south, "S")  # continuing after a failure needs a savepoint
    assert (name_of(tenants.north), name_of(tenants.south)) == ("North", "South")


def test_atomic_block_allows_continuing_after_a_failure(tenants):
    with joined_transaction():
        rename(tenants.north, "N")
        with pytest.raises(ValueError, match="S"), transaction.atomic():
            rename(tenants.south, "S", fails=True)
    assert (name_of(tenants.north), name_of(tenants.south)) == ("N", "South")


def test_row_is_locked_and_read_once(tenants):
    conversation = make_conversation(tenants.north)
    with CaptureQueriesContext(connection) as queries, joined_transaction():
        locked = lock_conversation(tenants.acme.pk, conversation.pk)
        assert is_locked(locked)
        assert not is_locked(conversation)  # read before the lock, so it may be stale
        set_status(locked, status="resolved")
    assert sum("FOR NO KEY UPDATE" in query["sql"] for query in queries) == 1
    assert not is_locked(locked)
    with joined_transaction():
        assert lock_conversation(tenants.globex.pk, conversation.pk) is None
    with pytest.raises(TransactionManagementError):
        lock_conversation(tenants.acme.pk, conversation.pk)


def test_lock_ends_with_its_transaction(tenants):
    rows = Brand.objects.filter(pk=tenants.north.pk)
    with joined_transaction():
        brand = lock(rows)
    with joined_transaction():
        assert not is_locked(brand)


def test_topics_are_published_once_after_commit_and_never_after_rollback(tenants):
    published = []
    with joined_transaction():
        after_commit(published.append, ["a"])
        with joined_transaction():
            after_commit(published.append, ["a", "b"])
        assert published == []
    assert published == [{"a", "b"}]
    with pytest.raises(ValueError, match="no"), joined_transaction():
        after_commit(published.append, ["c"])
        raise ValueError("no")
    assert published == [{"a", "b"}]
    after_commit(published.append, ["d"])
    assert published[1:] == [{"d"}]


def test_insert_if_new_leaves_an_existing_row_unchanged(tenants):
    name = {"workspace_id": tenants.acme.pk, "caller_id": tenants.alice.pk, "key": "k"}
    assert insert_if_new(IdempotencyRecord(**name, fingerprint=b"1", headers={"Location": "/"}))
    assert not insert_if_new(IdempotencyRecord(**name, fingerprint=b"2"))
    stored = IdempotencyRecord.objects.get(**name)
    assert (bytes(stored.fingerprint), stored.headers, stored.status) == (b"1", {"Location": "/"}, 0)


@compiled(literal=("most",))
def conversations(workspace_id, status, most):
    conversations.built += 1
    rows = Conversation.objects.filter(workspace_id=workspace_id).with_people().order_by("created_at")
    return (rows if status is None else rows.filter(status=status))[:most]


def test_prepared_query_is_compiled_once_and_uses_each_callers_values(tenants):
    conversations.built = 0
    acme = [make_conversation(tenants.north, name="Maya"), make_conversation(tenants.south, name="Noor")]
    globex = make_conversation(tenants.west, name="Olga")
    set_status(acme[1], status="closed")
    query = lambda workspace, status=None, most=9: conversations(workspace_id=workspace.pk, status=status, most=most)  # noqa: E731
    for _ in range(2):
        assert query(tenants.acme) == acme
        assert query(tenants.globex) == [globex]
        assert query(tenants.acme, "closed") == [acme[1]]
        assert query(tenants.acme, most=1) == [acme[0]]
        assert [row.visitor.name for row in query(tenants.acme)] == ["Maya", "Noor"]
    assert conversations.built == 3  # with a status, without one, and with another limit


def test_prepared_query_uses_the_connection_of_its_thread(tenants):
    make_conversation(tenants.north)
    found = []

    def query():
        found.extend(conversations(workspace_id=tenants.acme.pk, status=None, most=5))
        connection.close()

    thread = threading.Thread(target=query)
    thread.start()
    thread.join()
    assert found == conversations(workspace_id=tenants.acme.pk, status=None, most=5) != []
