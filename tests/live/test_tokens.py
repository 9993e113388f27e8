"""Operator tokens: expiry, revocation, and how a client that fetches its own tokens stays authenticated."""

import time

import pytest

from tests.live.conftest import NPM, bodies_of, last_bodies_are

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]

SHORT_LIFETIME = 4  # seconds


def test_watched_query_fails_when_its_token_expires(all_clients, scene):
    """Runs all clients at once because it has to wait for the expiry."""
    clients = [library.open(scene.url) for library in all_clients]
    token = scene.token_of(scene.tenants.alice, seconds=SHORT_LIFETIME)
    expires_at = time.time() + SHORT_LIFETIME
    args = {"sessionToken": token, "conversationId": scene.id}
    threads = [client.watch("messages:list", args) for client in clients]
    for thread in threads:
        assert bodies_of(thread.until()) == ["Hello?"]
    for thread in threads:
        error = thread.error(patience=SHORT_LIFETIME + 30)
        assert (error["kind"], error["data"]["code"]) == ("ConvexError", "UNAUTHENTICATED")
    assert expires_at - 1.5 < time.time() < expires_at + 20
    scene.send_by_rest("not for expired eyes")
    for client, thread in zip(clients, threads, strict=True):
        failed = client.mutate("messages:send", {**args, "body": "too late"})
        assert failed.error()["data"]["code"] == "UNAUTHENTICATED"
        client.watch("messages:list", scene.in_conversation()).until(last_bodies_are("not for expired eyes"))
        assert len(thread.changes) == 1


def test_watched_query_fails_when_its_token_is_revoked(all_clients, scene):
    clients = [library.open(scene.url) for library in all_clients]
    session = scene.rest("POST", "/operator-sessions", {"email": "alice@acme.example"})
    args = {"sessionToken": session["token"], "conversationId": scene.id}
    threads = [client.watch("messages:list", args) for client in clients]
    kept = [client.watch("conversations:get", scene.in_conversation()) for client in clients]
    for watch in threads + kept:
        watch.until()
    assert scene.rest("DELETE", f"/operator-sessions/{session['sessionId']}") == {"ok": True}
    for thread in threads:
        error = thread.error(patience=30)
        assert (error["kind"], error["data"]["code"]) == ("ConvexError", "UNAUTHENTICATED")
    scene.send_by_rest("not for their eyes")
    for client, thread, other in zip(clients, threads, kept, strict=True):
        other.until(last_bodies_are("not for their eyes"))
        assert client.mutate("messages:send", {**args, "body": "no"}).error()["data"]["code"] == "UNAUTHENTICATED"
        assert len(thread.changes) == 1
        assert other.errors == []


def test_token_issued_by_rest_lasts_as_long_as_requested(newest, scene):
    session = scene.rest("POST", "/operator-sessions", {"email": "alice@acme.example", "expiresIn": 60})
    assert abs(session["expiresAt"] / 1000 - time.time() - 60) < 5
    client = newest.open(scene.url)
    counts = client.query("conversations:counts", {"sessionToken": session["token"]}).result()
    assert counts["open"] == 1


def test_set_auth_replaces_the_token_argument(npm, scene):
    client = npm.open(scene.url)
    authentication = client.authenticate(scene.token)
    authentication.until(True)
    thread = client.watch("messages:list", {"conversationId": scene.id})
    thread.until()
    client.mutate("messages:send", {"conversationId": scene.id, "body": "signed in"}).result()
    thread.until(last_bodies_are("signed in"))
    scene.send_from_shell("pushed")
    thread.until(last_bodies_are("pushed"))
    assert thread.errors == []
    authentication.until_fetched(2)  # the client fetches a new token once the first one was accepted


def test_set_auth_of_the_pypi_client_replaces_the_token_argument(start_driver, scene):
    client = start_driver("pypi").open(scene.url)
    client.authenticate(scene.token)
    thread = client.watch("messages:list", {"conversationId": scene.id})
    thread.until()
    client.mutate("messages:send", {"conversationId": scene.id, "body": "signed in"}).result()
    thread.until(last_bodies_are("signed in"))


def test_authenticating_turns_a_failed_query_into_a_result(npm, scene):
    client = npm.open(scene.url)
    thread = client.watch("messages:list", {"conversationId": scene.id})
    assert thread.error()["data"]["code"] == "UNAUTHENTICATED"
    client.authenticate(scene.token).until(True)
    assert bodies_of(thread.until()) == ["Hello?"]


def test_authenticating_as_another_operator_changes_the_result(npm, scene):
    client = npm.open(scene.url)
    client.authenticate(scene.token).until(True)
    inbox = client.watch("conversations:listInbox")
    inbox.until(lambda rows: len(rows) == 1)
    client.authenticate(scene.token_of(scene.tenants.mallory)).until(True)
    inbox.until(lambda rows: rows == [])


def test_rejected_token_makes_the_client_unauthenticated(npm, scene):
    client = npm.open(scene.url)
    client.authenticate("not.a.token").until(False)
    thread = client.watch("messages:list", {"conversationId": scene.id})
    assert thread.error()["data"]["code"] == "UNAUTHENTICATED"
    client.authenticate(scene.token).until(True)
    assert bodies_of(thread.until()) == ["Hello?"]


def test_client_refreshes_its_token_before_it_expires(all_npm_clients, scene):
    """Runs all versions at once. The first tokens expire after seconds; the query stays open."""
    short = [scene.token_of(scene.tenants.alice, seconds=SHORT_LIFETIME) for _ in range(2)]
    expires_at = time.time() + SHORT_LIFETIME
    clients = [npm.open(scene.url) for npm in all_npm_clients]
    authentications = [client.authenticate(*short, scene.token) for client in clients]
    threads = []
    for client, authentication in zip(clients, authentications, strict=True):
        authentication.until(True)
        threads.append(client.watch("messages:list", {"conversationId": scene.id}))
    for thread in threads:
        thread.until()
    for authentication in authentications:
        authentication.until_fetched(3, patience=SHORT_LIFETIME + 30)
    time.sleep(max(0.0, expires_at + 1 - time.time()))  # nothing should happen at the expiry
    scene.send_by_rest("hours later")
    for thread, authentication in zip(threads, authentications, strict=True):
        thread.until(last_bodies_are("hours later"))
        assert thread.errors == []
        assert {"isAuthenticated": False} not in authentication.events
    assert len(threads) == len(NPM)
