"""The dashboard shows times in the operator's time zone, or else in the browser's, and names it."""

from datetime import UTC, datetime

import pytest

from accounts.models import Operator

pytestmark = pytest.mark.django_db

CREATED_AT = datetime(2020, 7, 1, 20, 30, tzinfo=UTC)


@pytest.fixture
def listed(client, tenants, conversations):
    """Sign Alice in, and return a function that returns the list of leads as text."""
    type(conversations.north_lead).objects.filter(pk=conversations.north_lead.pk).update(created_at=CREATED_AT)
    client.force_login(tenants.alice)
    return lambda: client.get("/app/leads/").content.decode()


def test_times_are_in_utc_if_neither_the_operator_nor_the_browser_has_a_time_zone(listed):
    assert "1 July 2020, 20:30:00 UTC" in listed()
    assert ">UTC</a>" in listed()


def test_times_are_in_the_browsers_time_zone(client, listed):
    client.cookies["time_zone"] = "Asia/Tokyo"
    page = listed()
    assert "2 July 2020, 05:30:00 Asia/Tokyo" in page
    assert ">Asia/Tokyo</a>" in page


def test_the_operators_own_time_zone_wins_and_can_be_cleared(client, tenants, listed):
    client.cookies["time_zone"] = "Asia/Tokyo"
    assert client.post("/app/profile/", {"name": "Alice", "time_zone": "Europe/Berlin"}).status_code == 302
    assert Operator.objects.get(pk=tenants.alice.pk).time_zone == "Europe/Berlin"
    assert "1 July 2020, 22:30:00 Europe/Berlin" in listed()
    assert client.post("/app/profile/", {"name": "Alice", "time_zone": ""}).status_code == 302
    assert "Asia/Tokyo" in listed()


@pytest.mark.parametrize("name", ["Mars/Base", "../../etc/passwd", "\0", "x" * 5000, '"Asia/Tokyo'])
def test_an_unknown_time_zone_is_ignored_in_the_cookie_and_refused_in_the_profile(client, listed, name):
    client.cookies["time_zone"] = name
    assert "20:30:00 UTC" in listed()
    response = client.post("/app/profile/", {"name": "Alice", "time_zone": name})
    assert (response.status_code, Operator.objects.exclude(time_zone="").exists()) == (422, False)


def test_one_request_does_not_change_the_time_zone_of_the_next(client, tenants, listed):
    client.cookies["time_zone"] = "Asia/Tokyo"
    listed()
    del client.cookies["time_zone"]
    assert "20:30:00 UTC" in listed()
