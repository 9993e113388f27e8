"""Fixtures shared by all tests.

The `tenants` fixture holds two workspaces: Acme, with the brands North and South, its owner Alice and the operator Bob, who sees
North only; and the competing Globex, with the brand West and its owner Mallory.
"""

import itertools
import os
import shutil
from types import SimpleNamespace

import pytest
from django.db import connection
from playwright.sync_api import expect
from rest_framework.test import APIClient

from accounts.models import Operator, Workspace
from brands.actions import create_brand
from brands.models import OperatorBrand
from conversations.actions import send_message, start_conversation
from conversations.models import Channel, Message, Visitor
from integrations.actions.api_keys import create_key
from integrations.actions.replays import start_replay
from integrations.actions.subscriptions import create_webhook
from integrations.models import EventName
from leads.actions import create_lead
from praxtalk.static_files import collect_static_files
from tests import empty_tables
from tests.recorded_rows import reuse_rows
from tests.servers import WEB, Server
from tests.template_database import migrated_template

UNLIMITED = 1_000_000
CHROMIUM = "/usr/bin/chromium"
_addresses = itertools.count(1)


empty_tables.install()


def pytest_collection_modifyitems(items):
    """Run tests of live servers first, so that all workers finish at about the same time, and browser tests last.

    Browser tests come last because Playwright leaves an event loop running, see `chromium`.
    """
    rank = lambda item: bool(item.get_closest_marker("browser")) * 2 + (not item.get_closest_marker("live"))  # noqa: E731
    items.sort(key=rank)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    connection.settings_dict["TEST"]["TEMPLATE"] = migrated_template()


@pytest.fixture(scope="session", autouse=True)
def static_files():
    """Collect the static files: pages link to them by the hash of their content."""
    collect_static_files()


@pytest.fixture(scope="session")
def server(django_db_setup, django_db_blocker):
    """Run one server on this worker's database, for all its tests: one process serves HTTP, two serve sockets.

    A test that stops its server, or needs other settings, starts a `Server` of its own.
    """
    with django_db_blocker.unblock(), Server(*WEB, WEB_PROCESSES="1", SOCKET_PROCESSES="2") as running:
        yield running


# Chromium loads the popup of its address bar into every new window, even without a screen: 1.5 s of CPU time for each test.
ADDRESS_BAR = "WebUIOmniboxPopup,WebUIOmniboxAimPopup"
# Chromium uses only the last --disable-features of its command line, so this list repeats what Playwright disables in Chromium.
DISABLED_BY_PLAYWRIGHT = (
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,"
    "LensOverlay,MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,AvoidCorsURLLoaderRestartOnRedirect,"
    "TcpPortRandomizationWin,OptimizationHints,NetworkTimeServiceQuerying,AimEnabled,PreconnectToSearch"
)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    quiet = ("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
    disabled = f"--disable-features={DISABLED_BY_PLAYWRIGHT},{ADDRESS_BAR}"
    return {
        **browser_type_launch_args,
        "executable_path": CHROMIUM,
        "args": ["--no-sandbox", *quiet, "--disable-component-update", "--disable-sync", disabled],
    }


@pytest.fixture(scope="session")
def chromium():
    """Skip the test where Chromium is not installed, except in CI.

    Playwright leaves an event loop running in this thread, so Django takes all later ORM calls for asynchronous code. This
    fixture therefore sets `DJANGO_ALLOW_ASYNC_UNSAFE` for the rest of the session.
    """
    if not shutil.which(CHROMIUM) and not os.environ.get("CI"):
        pytest.skip("no Chromium here (apt-get install chromium)")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=20_000)


REPORT_RESTORED_PAGE = 'addEventListener("pageshow", ({ persisted }) => persisted && console.debug("kept"))'


@pytest.fixture
def cached_page(chromium, playwright, browser_type_launch_args):
    """Return a page of a Chromium with the back/forward cache, which Playwright disables by default."""
    options = browser_type_launch_args | {"ignore_default_args": ["--disable-back-forward-cache"]}
    browser = playwright.chromium.launch(**options)
    page = browser.new_page()
    page.add_init_script(REPORT_RESTORED_PAGE)
    yield page
    browser.close()


def go_back_to_cached_page(page):
    """Navigate a `cached_page` back and wait until it reports that it was restored from the back/forward cache.

    An immediate `evaluate()` would run a script before the page is shown, and so evict it from the cache.
    """
    with page.expect_console_message(lambda message: message.text == "kept"):
        page.go_back(wait_until="commit")


@pytest.fixture(autouse=True)
def fast_hashing_and_no_rate_limits(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.RATE_LIMIT_IP = settings.RATE_LIMIT_READ_KEY = settings.RATE_LIMIT_WRITE_KEY = UNLIMITED
    settings.SIGN_INS_A_MINUTE = UNLIMITED


def make_conversation(brand, *, name="Maya A.", body="Hello?"):
    """Create a conversation of the brand with one message from a new visitor."""
    visitor = Visitor.objects.create(
        workspace_id=brand.workspace_id, brand=brand, name=name, email="maya@example.com", phone="+251 11 000"
    )
    return start_conversation(visitor, body=body, channel=Channel.WIDGET)


@pytest.fixture
def tenants(db):
    """Create the workspaces, brands and operators that most tests use, see the docstring of this module."""
    return reuse_rows(make_tenants)


def make_tenants():
    acme, globex = Workspace.objects.create(name="Acme"), Workspace.objects.create(name="Globex")
    north, south = create_brand(acme, name="North"), create_brand(acme, name="South")
    west = create_brand(globex, name="West")
    create = Operator.objects.create_operator
    alice = create(workspace=acme, email="alice@acme.example", password="wonder-land-9", name="Alice", role="owner")
    bob = create(
        workspace=acme,
        email="bob@acme.example",
        password="build-er-9",
        name="Bob",
        role="operator",
        sees_all_brands=False,
    )
    OperatorBrand.objects.create(workspace=acme, operator=bob, brand=north)
    mallory = create(
        workspace=globex, email="mallory@globex.example", password="mal-lory-9", name="Mallory", role="owner"
    )
    return SimpleNamespace(
        acme=acme, globex=globex, north=north, south=south, west=west, alice=alice, bob=bob, mallory=mallory
    )


@pytest.fixture
def conversations(tenants):
    """Create a conversation (`.north`) and a lead (`.north_lead`) of each brand."""
    return reuse_rows(make_conversations, tenants)


def make_conversations(tenants):
    by_brand = SimpleNamespace()
    for brand in (tenants.north, tenants.south, tenants.west):
        conversation = make_conversation(brand)
        send_message(conversation, role=Message.Role.OPERATOR, body="Hi!", channel=Channel.DASHBOARD)
        conversation.refresh_from_db()
        setattr(by_brand, brand.slug, conversation)
        setattr(by_brand, f"{brand.slug}_lead", create_lead(brand.workspace_id, name="Maya A.", brand=brand))
    return by_brand


@pytest.fixture
def webhooks(tenants):
    """Create a webhook (`.north`) of each brand, with a delivery of a lead (`.north_delivery`) and a replay (`.north_replay`)."""
    return reuse_rows(make_webhooks, tenants)


def make_webhooks(tenants):
    by_brand = SimpleNamespace()
    for brand in (tenants.north, tenants.south, tenants.west):
        webhook, _ = create_webhook(
            brand.workspace_id, url="http://127.0.0.1:9/", events=[EventName.LEAD_CREATED], brand=brand
        )
        create_lead(brand.workspace_id, name="Maya A.", brand=brand)
        setattr(by_brand, brand.slug, webhook)
        setattr(by_brand, f"{brand.slug}_delivery", webhook.deliveries.get())
        setattr(by_brand, f"{brand.slug}_replay", start_replay(webhook, what="missing"))
    return by_brand


class ApiKeyClient(APIClient):
    """A test client that calls the API with a key, from an IP address that no other client uses."""

    def __init__(self, secret=None):
        super().__init__(raise_request_exception=False)
        if secret:
            self.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        number = next(_addresses)
        self.defaults["REMOTE_ADDR"] = f"198.18.{number // 250 % 250}.{number % 250}"

    def post(self, path, data=None, **extra):
        return super().post(path, data if data is not None else {}, format="json", **extra)

    def patch(self, path, data=None, **extra):
        return super().patch(path, data if data is not None else {}, format="json", **extra)


@pytest.fixture
def api_client_for():
    """Return a function that creates an API key: `api_client_for(workspace, scope, **key_fields)` returns a client."""

    def make(workspace, scope="write", **fields):
        return client_of(*create_key(workspace, name="test", scope=scope, **fields))

    return make


@pytest.fixture
def api_client(tenants):
    """Return a client with a write key of Acme that is not limited to a brand."""
    return client_of(*reuse_rows(make_write_key, tenants))


def make_write_key(tenants):
    return create_key(tenants.acme, name="test", scope="write")


def client_of(key, secret):
    client = ApiKeyClient(secret)
    client.key, client.secret = key, secret
    return client
