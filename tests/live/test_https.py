"""Every client library over HTTPS, through the reverse proxy, with a certificate of a private authority."""

import pytest

from tests.live.conftest import NPM, OWN, PYPI, Scene, bodies_of, command_of, last_bodies_are, need_node
from tests.live.driver import Driver
from tests.servers import HttpsServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(django_db_setup):
    with HttpsServer() as running:
        yield running


@pytest.mark.parametrize("library", [*NPM, PYPI, OWN])
def test_client_watches_and_sends_over_https(library, server, tenants, wait_for_idle_database):
    if library != PYPI:
        need_node()
    scene = Scene(tenants, server.url)
    trusted = dict.fromkeys(("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"), str(server.root))
    with Driver(command_of(library), knows_floats=library == PYPI, environment=trusted) as driver:
        client = driver.open(server.url)
        thread = client.watch("messages:list", scene.in_conversation())
        thread.until()
        client.mutate("messages:send", scene.in_conversation(body="over TLS")).result()
        thread.until(last_bodies_are("over TLS"))
        scene.send_from_shell("by the shell")
        thread.until(last_bodies_are("by the shell"))
        assert bodies_of(thread.until()) == scene.bodies() == ["Hello?", "over TLS", "by the shell"]
        driver.close_clients()
