"""Lost connections and killed servers: clients recover by themselves, miss nothing, and write nothing twice."""

import pytest
from django.db import connection, transaction

from conversations.models import Conversation
from tests.live.conftest import NPM, OWN, PYPI, bodies_of, last_bodies_are
from tests.live.driver import wait_for
from tests.live.proxy import Proxy
from tests.servers import WEB, Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]

AT_ONCE = 5  # seconds
PATIENCE = 30  # seconds: clients retry after 1, 2, 4 and 8 s


@pytest.fixture
def server(tenants):
    with Server(*WEB, WEB_PROCESSES="1") as running:
        yield running


def restart_of(server):
    return Server(*WEB, WEB_PROCESSES="1", port=server.port)


@pytest.mark.slow
def test_sockets_of_a_killed_server_free_their_connection_slots(newest, server, scene_on):
    """An operator session may have 20 sockets. 11 are open when the server is killed, and the same 11 reconnect."""
    scene = scene_on(server.url)
    threads = [newest.open(server.url).watch("messages:list", scene.in_conversation()) for _ in range(11)]
    for thread in threads:
        thread.until()
    server.kill()
    with restart_of(server):
        scene.send_from_shell("while nobody served")
        for thread in threads:
            thread.until(last_bodies_are("while nobody served"), PATIENCE)
            assert thread.errors == []
        newest.close_clients()


@pytest.mark.slow
@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_clients_reconnect_after_the_server_was(end, all_clients, all_convex_clients, server, scene_on):
    """Clients reconnect with their watches, and authenticated again if they used setAuth."""
    scene = scene_on(server.url)
    clients = [library.open(server.url) for library in all_clients]
    watches = [client.watch("messages:list", scene.in_conversation()) for client in clients]
    watches += [client.watch("conversations:get", scene.in_conversation()) for client in clients]
    for convex in all_convex_clients:
        signed_in = convex.open(server.url)
        signed_in.authenticate(scene.token_of(scene.tenants.alice))
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
    with restart_of(server):
        for watch in watches:
            watch.until(last_bodies_are("while nobody served"), PATIENCE)
        scene.send_by_rest("afterwards")
        for watch in watches:
            watch.until(last_bodies_are("while nobody served", "afterwards"), AT_ONCE)
            assert watch.errors == []
        for client in clients:
            client.mutate("messages:send", scene.in_conversation(body="and back")).result()
        for driver in all_clients:
            driver.close_clients()


def test_lost_mutation_response_is_repeated_and_executed_once(all_clients, scene):
    """The mutation is executed but its response is lost: the client sends it again.

    PyPI's client resends under a new session id, so there the mutation needs a clientMessageId. That client sends one
    mutation at a time.
    """
    with Proxy(int(scene.url.rsplit(":", 1)[1])) as proxy:
        clients = [library.open(proxy.url) for library in all_clients]
        threads = [client.watch("messages:list", scene.in_conversation()) for client in clients]
        for thread in threads:
            thread.until()
        proxy.drop_responses()
        calls = {}
        for name, client in zip([*NPM, PYPI, OWN], clients, strict=True):
            for n in range(1 if name == PYPI else 3):
                body, more = f"{name} {n}", {"clientMessageId": f"pypi-{n}"} if name == PYPI else {}
                calls[body] = client.mutate("messages:send", scene.in_conversation(body=body, **more))
        wait_for(lambda: len(scene.bodies()) == 1 + len(calls), scene.bodies)
        assert [call.events for call in calls.values()] == [[]] * len(calls)
        proxy.disconnect_all()
        sent = {call.result(PATIENCE)["messageId"]: body for body, call in calls.items()}
        assert sorted(scene.bodies()) == sorted(["Hello?", *calls])
        assert {pk: scene.conversation.messages.get(pk=pk).body for pk in sent} == sent
        for thread in threads:
            thread.until(lambda value: bodies_of(value) == scene.bodies())
        for driver in all_clients:
            driver.close_clients()


def test_mutation_resolves_if_the_connection_ends_between_response_and_new_value(all_npm_clients, scene):
    """The response arrives but the new query value does not: the client sends the mutation again."""
    with Proxy(int(scene.url.rsplit(":", 1)[1])) as proxy:
        clients = [npm.open(proxy.url) for npm in all_npm_clients]
        threads = [client.watch("messages:list", scene.in_conversation()) for client in clients]
        for thread in threads:
            thread.until()
        proxy.drop_responses(after=b"MutationResponse")
        calls = [
            client.mutate("messages:send", scene.in_conversation(body=name))
            for name, client in zip(NPM, clients, strict=True)
        ]
        wait_for(lambda: proxy.silenced_count == len(clients), "Some mutation was not answered.")
        assert [call.events for call in calls] == [[]] * len(calls)
        proxy.disconnect_all()
        for call in calls:
            call.result(PATIENCE)
        assert sorted(scene.bodies()) == sorted(["Hello?", *NPM])
        for thread in threads:
            thread.until(lambda value: bodies_of(value) == scene.bodies())
        for driver in all_npm_clients:
            driver.close_clients()


@pytest.mark.slow
def test_mutation_in_progress_when_the_server_is_killed_is_executed_once(all_npm_clients, server, scene_on):
    scene = scene_on(server.url)
    clients = [npm.open(server.url) for npm in all_npm_clients]
    for client in clients:
        client.watch("messages:list", scene.in_conversation()).until()
    with transaction.atomic():  # locks the conversation, so that the mutations have to wait
        Conversation.objects.select_for_update().get(pk=scene.conversation.pk)
        calls = {
            name: client.mutate("messages:send", scene.in_conversation(body=name))
            for name, client in zip(NPM, clients, strict=True)
        }
        wait_for(lambda: waiting_for_locks() >= 1, "No mutation got under way.")
        server.kill()
    with restart_of(server):
        sent = {call.result(PATIENCE)["messageId"]: name for name, call in calls.items()}
        assert sorted(scene.bodies()) == sorted(["Hello?", *NPM])
        assert {pk: scene.conversation.messages.get(pk=pk).body for pk in sent} == sent
        for driver in all_npm_clients:
            driver.close_clients()


def waiting_for_locks():
    """Return the number of connections to this database that wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]


@pytest.mark.slow
def test_write_through_one_server_is_pushed_by_the_other(library, scene, second_server):
    here, there = library.open(scene.url), library.open(second_server.url)
    threads = [client.watch("messages:list", scene.in_conversation()) for client in (here, there)]
    for thread in threads:
        thread.until()
    for client, body in ((here, "from here"), (there, "from there")):
        client.mutate("messages:send", scene.in_conversation(body=body)).result()
        for thread in threads:
            thread.until(last_bodies_are(body), AT_ONCE)


@pytest.fixture(scope="module")
def second_server(django_db_setup):
    """Run a second server beside the shared one, with two processes, on the same database and Valkey."""
    with Server(*WEB, WEB_PROCESSES="2") as running:
        yield running
