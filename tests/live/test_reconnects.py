"""Connections and servers that die: clients go on by themselves, nothing is missed, and nothing is written twice."""

import pytest
from django.db import connection, transaction

from conversations.models import Conversation
from tests.live.conftest import NPM, OWN, PYPI, WEB, bodies_of, ends_with
from tests.live.driver import wait_for
from tests.live.proxy import Proxy
from tests.servers import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]

AT_ONCE = 5  # seconds
PATIENCE = 30  # seconds: a client tries again after 1, 2, 4, 8


@pytest.fixture
def server(cast):
    with Server(*WEB, WEB_PROCESSES="1") as running:
        yield running


def restarted(server):
    return Server(*WEB, WEB_PROCESSES="1", port=server.port)


def test_sockets_of_a_killed_server_take_no_places(newest, server, scene_on):
    """Of the 20 of an operator session, 11 are connected when the server is killed, and the same 11 afterwards."""
    scene = scene_on(server.url)
    threads = [newest.open(server.url).watch("messages:list", scene.in_talk()) for _ in range(11)]
    for thread in threads:
        thread.until()
    server.kill()
    with restarted(server):
        scene.send_from_shell("while nobody served")
        for thread in threads:
            thread.until(ends_with("while nobody served"), PATIENCE)
            assert thread.errors == []
        newest.close_clients()


@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_clients_go_on_after_the_server_was(end, libraries, convexes, server, scene_on):
    """By themselves: with what they watch, signed in again where they signed in by setAuth."""
    scene = scene_on(server.url)
    clients = [library.open(server.url) for library in libraries]
    watches = [client.watch("messages:list", scene.in_talk()) for client in clients]
    watches += [client.watch("conversations:get", scene.in_talk()) for client in clients]
    for convex in convexes:
        signed_in = convex.open(server.url)
        signed_in.authenticate(scene.token_of(scene.cast.alice))
        watches.append(signed_in.watch("messages:list", {"conversationId": scene.id}))
    for watch in watches:
        watch.until()
    if end == "killed":
        server.kill()
    else:
        server.process.terminate()
        assert server.wait_for_end() == 0
        assert "Traceback" not in server.output
    scene.send_from_shell("while nobody served")
    with restarted(server):
        for watch in watches:
            watch.until(ends_with("while nobody served"), PATIENCE)
        scene.send_by_rest("afterwards")
        for watch in watches:
            watch.until(ends_with("while nobody served", "afterwards"), AT_ONCE)
            assert watch.errors == []
        for client in clients:
            client.mutate("messages:send", scene.in_talk(body="and back")).result()
        for driver in libraries:
            driver.close_clients()


def test_an_answer_that_was_lost_is_given_again(libraries, scene):
    """The mutation arrives and is carried out, its answer does not come back: the client sends it again.

    PyPI's client does so under another name of itself, so there it takes a clientMessageId; it sends one at a time.
    """
    with Proxy(int(scene.url.rsplit(":", 1)[1])) as proxy:
        clients = [library.open(proxy.url) for library in libraries]
        threads = [client.watch("messages:list", scene.in_talk()) for client in clients]
        for thread in threads:
            thread.until()
        proxy.hush()
        calls = {}
        for name, client in zip([*NPM, PYPI, OWN], clients, strict=True):
            for n in range(1 if name == PYPI else 3):
                body, more = f"{name} {n}", {"clientMessageId": f"pypi-{n}"} if name == PYPI else {}
                calls[body] = client.mutate("messages:send", scene.in_talk(body=body, **more))
        wait_for(lambda: len(scene.bodies()) == 1 + len(calls), scene.bodies)
        assert [call.events for call in calls.values()] == [[]] * len(calls)
        proxy.cut()
        sent = {call.result(PATIENCE)["messageId"]: body for body, call in calls.items()}
        assert sorted(scene.bodies()) == sorted(["Hello?", *calls])
        assert {pk: scene.talk.messages.get(pk=pk).body for pk in sent} == sent
        for thread in threads:
            thread.until(lambda value: bodies_of(value) == scene.bodies())
        for driver in libraries:
            driver.close_clients()


def test_a_promise_survives_a_connection_that_ends_between_answer_and_effect(npms, scene):
    """The answer came, the new value of the queries did not: the client sends the mutation again."""
    with Proxy(int(scene.url.rsplit(":", 1)[1])) as proxy:
        clients = [npm.open(proxy.url) for npm in npms]
        threads = [client.watch("messages:list", scene.in_talk()) for client in clients]
        for thread in threads:
            thread.until()
        proxy.hush(after=b"MutationResponse")
        calls = [
            client.mutate("messages:send", scene.in_talk(body=name)) for name, client in zip(NPM, clients, strict=True)
        ]
        wait_for(lambda: proxy.hushed == len(clients), "Some mutation was not answered.")
        assert [call.events for call in calls] == [[]] * len(calls)
        proxy.cut()
        for call in calls:
            call.result(PATIENCE)
        assert sorted(scene.bodies()) == sorted(["Hello?", *NPM])
        for thread in threads:
            thread.until(lambda value: bodies_of(value) == scene.bodies())
        for driver in npms:
            driver.close_clients()


def test_a_mutation_under_way_when_the_server_is_killed_happens_once(npms, server, scene_on):
    scene = scene_on(server.url)
    clients = [npm.open(server.url) for npm in npms]
    for client in clients:
        client.watch("messages:list", scene.in_talk()).until()
    with transaction.atomic():  # holds the conversation: nobody gets on with it
        Conversation.objects.select_for_update().get(pk=scene.talk.pk)
        calls = {
            name: client.mutate("messages:send", scene.in_talk(body=name))
            for name, client in zip(NPM, clients, strict=True)
        }
        wait_for(lambda: waiting_for_locks() >= 1, "No mutation got under way.")
        server.kill()
    with restarted(server):
        sent = {call.result(PATIENCE)["messageId"]: name for name, call in calls.items()}
        assert sorted(scene.bodies()) == sorted(["Hello?", *NPM])
        assert {pk: scene.talk.messages.get(pk=pk).body for pk in sent} == sent
        for driver in npms:
            driver.close_clients()


def waiting_for_locks():
    """How many connections to this database wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]


def test_what_is_written_through_one_server_is_pushed_by_the_other(library, scene, second_server):
    here, there = library.open(scene.url), library.open(second_server.url)
    threads = [client.watch("messages:list", scene.in_talk()) for client in (here, there)]
    for thread in threads:
        thread.until()
    for client, body in ((here, "from here"), (there, "from there")):
        client.mutate("messages:send", scene.in_talk(body=body)).result()
        for thread in threads:
            thread.until(ends_with(body), AT_ONCE)


@pytest.fixture(scope="module")
def second_server(django_db_setup):
    """Besides the shared one, with two processes, on the same database and Valkey."""
    with Server(*WEB, WEB_PROCESSES="2") as running:
        yield running
