"""Connections and servers that die: clients go on by themselves, nothing is missed, and nothing is written twice."""

import pytest
from django.db import connection, transaction

from conversations.models import Conversation
from tests.live.conftest import NPM, WEB, bodies_of, ends_with
from tests.live.driver import wait_for
from tests.live.proxy import Proxy
from tests.servers import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]

PATIENCE = 30  # seconds: a client tries again after 1, 2, 4, 8


@pytest.fixture
def server(cast):
    with Server(*WEB, WEB_PROCESSES="1") as running:
        yield running


def restarted(server):
    return Server(*WEB, WEB_PROCESSES="1", port=server.port)


def test_clients_go_on_after_the_server_was_killed(libraries, server, scene_on):
    scene = scene_on(server.url)
    clients = [library.open(server.url) for library in libraries]
    threads = [client.watch("messages:list", scene.in_talk()) for client in clients]
    lost = [client.watch("conversations:get", scene.in_talk()) for client in clients]
    for watch in threads + lost:
        watch.until()
    server.kill()
    scene.send_from_shell("while nobody served")
    with restarted(server):
        for thread in threads:
            thread.until(ends_with("while nobody served"), PATIENCE)
        scene.send_by_rest("afterwards")
        for watch in threads + lost:
            watch.until(ends_with("while nobody served", "afterwards"), 5)
            assert watch.errors == []
        for client in clients:
            client.mutate("messages:send", scene.in_talk(body="and back")).result()
        for driver in libraries:
            driver.close_clients()


def test_a_client_that_authenticated_itself_does_so_again(npms, server, scene_on):
    scene = scene_on(server.url)
    clients = [npm.open(server.url) for npm in npms]
    for client in clients:
        client.authenticate(scene.token).until(True)
    threads = [client.watch("messages:list", {"conversationId": scene.id}) for client in clients]
    for thread in threads:
        thread.until()
    server.kill()
    with restarted(server):
        scene.send_from_shell("afterwards")
        for thread in threads:
            thread.until(ends_with("afterwards"), PATIENCE)
            assert thread.errors == []
        for driver in npms:
            driver.close_clients()


def test_an_answer_that_was_lost_is_given_again(npms, scene):
    """The mutation arrives and is carried out, its answer does not come back. The client sends it again."""
    with Proxy(int(scene.url.rsplit(":", 1)[1])) as proxy:
        clients = [npm.open(proxy.url) for npm in npms]
        threads = [client.watch("messages:list", scene.in_talk()) for client in clients]
        for thread in threads:
            thread.until()
        proxy.hush()
        calls = {}
        for name, client in zip(NPM, clients, strict=True):
            for n in range(3):
                calls[f"{name} {n}"] = client.mutate("messages:send", scene.in_talk(body=f"{name} {n}"))
        wait_for(lambda: len(scene.bodies()) == 1 + len(calls), scene.bodies)
        assert [call.events for call in calls.values()] == [[]] * len(calls)
        proxy.cut()
        sent = {body: call.result(PATIENCE)["messageId"] for body, call in calls.items()}
        assert sorted(scene.bodies()) == sorted(["Hello?", *calls])
        held = {str(message.pk): message.body for message in scene.talk.messages.all()}
        assert {body: held[pk] for body, pk in sent.items()} == {body: body for body in calls}
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
        sent = {name: call.result(PATIENCE)["messageId"] for name, call in calls.items()}
        assert sorted(scene.bodies()) == sorted(["Hello?", *NPM])
        assert {str(message.pk): message.body for message in scene.talk.messages.all()}.items() >= {
            pk: name for name, pk in sent.items()
        }.items()
        for driver in npms:
            driver.close_clients()


def waiting_for_locks():
    """How many connections to this database wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]


def test_a_server_that_stops_in_order_hands_its_clients_over(libraries, server, scene_on):
    scene = scene_on(server.url)
    clients = [library.open(server.url) for library in libraries]
    threads = [client.watch("messages:list", scene.in_talk()) for client in clients]
    for thread in threads:
        thread.until()
    server.process.terminate()
    assert server.wait_for_end() == 0
    assert "Traceback" not in server.output
    with restarted(server):
        scene.send_from_shell("afterwards")
        for thread in threads:
            thread.until(ends_with("afterwards"), PATIENCE)
            assert thread.errors == []
        for driver in libraries:
            driver.close_clients()


def test_what_is_written_through_one_server_is_pushed_by_the_other(library, scene, second_server):
    here, there = library.open(scene.url), library.open(second_server.url)
    threads = [client.watch("messages:list", scene.in_talk()) for client in (here, there)]
    for thread in threads:
        thread.until()
    for client, body in ((here, "from here"), (there, "from there")):
        client.mutate("messages:send", scene.in_talk(body=body)).result()
        for thread in threads:
            thread.until(ends_with(body), 5)


@pytest.fixture(scope="module")
def second_server(django_db_setup):
    """Besides the shared one, with two processes, on the same database and Valkey."""
    with Server(*WEB, WEB_PROCESSES="2") as running:
        yield running
