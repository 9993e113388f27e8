"""The context of a visitor: browser, referrer and time zone."""

import pytest

from conversations.models import Visitor
from praxtalk.core.live.topics import capture_topics
from tests.sync.live_client import call_as
from tests.sync.sockets import RequestFailed
from tests.widget.visitors import VisitorClient, client_id
from widget.actions import save_context
from widget.user_agent import browser_of

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36"
)
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
ANDROID = "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.fixture
def visitor_client(tenants):
    visitor_client = VisitorClient(tenants.north)
    visitor_client.start(message="one")
    return visitor_client


@pytest.mark.parametrize(
    ("user_agent", "summary"),
    [
        (FIREFOX, "Firefox 131 on Linux"),
        (CHROME, "Chrome 129 on Windows"),
        (f"{CHROME} Edg/129.0.0.0", "Edge 129 on Windows"),
        (f"{CHROME} OPR/114.0.0.0", "Opera 114 on Windows"),
        (f"{PHONE} Version/17.6 Mobile/15E148 Safari/604.1", "Safari 17 on iPhone"),
        (f"{PHONE} CriOS/129.0.6668.69 Mobile/15E148 Safari/604.1", "Chrome 129 on iPhone"),
        (f"{PHONE} FxiOS/131.0 Mobile/15E148 Safari/605.1.15", "Firefox 131 on iPhone"),
        (f"{ANDROID} Chrome/129.0.0.0 Mobile Safari/537.36", "Chrome 129 on Android"),
        (f"{ANDROID} SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36", "Samsung Internet 26 on Android"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15",
            "Safari 18 on macOS",
        ),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/129.0.0.0 Safari/537.36", "Chrome 129 on ChromeOS"),
        ("Firefox/131.0", "Firefox 131"),
        ("curl/8.5.0", ""),
        ("Linux", ""),
        ("Firefox/١٢", ""),
        ("", ""),
        ("\0<script>Firefox/1", "Firefox 1"),
        ("Version/1" * 20_000, ""),
    ],
)
def test_user_agent_is_summarised(user_agent, summary):
    assert browser_of(user_agent) == summary


def test_browser_of_the_last_message_is_stored(tenants):
    visitor_client = VisitorClient(tenants.north)
    visitor_client.http.defaults["HTTP_USER_AGENT"] = FIREFOX
    visitor_client.start()
    visitor = Visitor.objects.get()
    assert visitor.browser == "Firefox 131 on Linux"
    visitor_client.http.defaults["HTTP_USER_AGENT"] = CHROME
    visitor_client.send_message("from the office")
    visitor.refresh_from_db()
    assert visitor.browser == "Chrome 129 on Windows"
    visitor_client.http.defaults["HTTP_USER_AGENT"] = "unknown"
    visitor_client.send_message("from elsewhere")
    shown = call_as(tenants.alice, "visitors:get", visitorId=str(visitor.pk))
    assert shown["browser"] == "Chrome 129 on Windows"


def test_context_is_shown_and_omitted_values_are_kept(tenants, visitor_client):
    context = {"referrer": "https://search.example/?q=addis", "timeZone": "Africa/Addis_Ababa"}
    assert visitor_client.call_function("widget:tell", **context) == {"ok": True}
    for more in ({}, {"referrer": "", "timeZone": None}, {"timeZone": "Mars/Olympus_Mons"}):
        visitor_client.call_function("widget:tell", **more)
        shown = call_as(tenants.alice, "visitors:get", visitorId=str(Visitor.objects.get().pk))
        assert shown.items() >= context.items()


def test_new_context_is_published_once(visitor_client, django_capture_on_commit_callbacks):
    for expected in (True, False):  # the second call changes nothing
        with capture_topics() as announced, django_capture_on_commit_callbacks(execute=True):
            visitor = save_context(Visitor.objects.get(), time_zone="Europe/Berlin")
        assert (Visitor.topic(visitor.workspace_id, visitor.pk) in announced) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"referrer": "javascript:alert(1)"},
        {"referrer": "search.example"},
        {"referrer": "https://" + "x" * 1_993},
        {"referrer": "https://a\nb"},
        {"referrer": "https://a\0"},
        {"referrer": "https://a\ud800"},
        {"referrer": 5},
        {"referrer": ["https://a"]},
        {"timeZone": "x" * 65},
        {"timeZone": "UTC\0"},
        {"timeZone": "\ud800"},
        {"timeZone": 1},
        {"timeZone": {"name": "UTC"}},
        {"browser": "Netscape"},
    ],
    ids=str,
)
def test_invalid_context_is_rejected(visitor_client, wrong):
    with pytest.raises(RequestFailed) as refused:
        visitor_client.call_function("widget:tell", **wrong)
    assert "Server Error" not in str(refused.value)
    visitor = Visitor.objects.get()
    assert (visitor.referrer, visitor.time_zone, visitor.browser) == ("", "", "")


def test_referrer_of_2000_characters_is_accepted(visitor_client):
    visitor_client.call_function("widget:tell", referrer="https://" + "x" * 1_992)
    assert len(Visitor.objects.get().referrer) == 2_000


def test_token_is_valid_only_for_its_own_widget(tenants, visitor_client):
    for wrong in ({"widgetId": tenants.south.widget_id}, {"visitorToken": "a.b.c"}):
        with pytest.raises(RequestFailed) as refused:
            visitor_client.call_function("widget:tell", timeZone="UTC", **wrong)
        assert refused.value.code == "UNAUTHENTICATED"


def test_invalid_user_agent_does_not_prevent_a_message(tenants):
    for user_agent in ("é\x80" * 5_000, "\x00", " "):
        visitor_client = VisitorClient(tenants.north)
        visitor_client.http.defaults["HTTP_USER_AGENT"] = user_agent
        assert visitor_client.start(clientId=client_id()).status_code == 201
    assert set(Visitor.objects.values_list("browser", flat=True)) == {""}
