"""The widget's configuration: texts, business hours and allowed domains."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from brands.actions import configure_widget
from brands.allowed_domains import check_domain
from brands.business_hours import check_hours, open_status
from tests.widget.visitors import VisitorClient
from widget.translations import FOLDER, language_of, texts_in

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = {day: ["09:00-12:00", "13:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}


@pytest.mark.django_db
def test_configuration_contains_the_brands_settings(tenants, time_machine):
    time_machine.move_to("2026-05-04 08:30Z", tick=False)  # a Monday
    configure_widget(
        tenants.north, greeting="Ahoy", side="left", privacy_url="https://shop.example/privacy", business_hours=WEEK
    )
    response = VisitorClient(tenants.north).get("config", id=tenants.north.widget_id, locale="de-AT")
    shown = response.json()
    of_mails = {"mailSubject", "mailAnswer", "mailWhy"}
    assert shown.pop("texts").keys() == texts_in("en").keys() - {"greeting"} - of_mails
    assert shown == {
        "brand": {"name": "North", "color": "#2563eb"},
        "side": "left",
        "greeting": "Ahoy",
        "privacyUrl": "https://shop.example/privacy",
        "locale": "de",
        "dir": "ltr",
        "online": False,
        "opensAt": 1777885200000,
    }
    assert "max-age=60" in response["Cache-Control"]
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "Origin" in response["Vary"]
    assert not response.cookies
    again = VisitorClient(tenants.north).http.get(
        "/widget/v1/config",
        {"id": tenants.north.widget_id, "locale": "de"},
        headers={"If-None-Match": response["ETag"]},
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.django_db
def test_the_widget_names_an_opening_only_within_a_week(tenants, time_machine):
    """It names the weekday, which would be ambiguous after long holidays."""
    time_machine.move_to("2026-12-20 12:00Z", tick=False)
    holidays = {"2026-12-21": "", "2026-12-28": ""}
    configure_widget(tenants.north, business_hours={"mon": ["09:00-17:00"], "holidays": holidays})
    config = VisitorClient(tenants.north).get("config", id=tenants.north.widget_id, locale="en").json()
    assert (config["online"], config["opensAt"]) == (False, None)
    time_machine.move_to("2026-12-28 12:00Z", tick=False)
    config = VisitorClient(tenants.north).get("config", id=tenants.north.widget_id, locale="en").json()
    assert (config["online"], config["opensAt"]) == (False, 1799053200000)


@pytest.mark.django_db
def test_arabic_is_right_to_left_and_unknown_languages_get_english(tenants):
    config = VisitorClient(tenants.north).get("config", id=tenants.north.widget_id, locale="ar-EG").json()
    assert (config["locale"], config["dir"]) == ("ar", "rtl")
    for locale in ("xx", "", "en-GB", "../../etc", "EN_us"):
        assert language_of(locale) == "en"
    assert language_of("PT-br") == "pt"


def test_every_language_has_all_texts_and_placeholders():
    english = texts_in("en")
    files = sorted(path.stem for path in Path(FOLDER).glob("*.json"))
    assert files == ["ar", "de", "en", "es", "fr", "pt"]
    for language in files:
        texts = texts_in(language)
        assert texts.keys() == english.keys()
        for key, text in texts.items():
            assert text.strip(), (language, key)
            assert sorted(_placeholders(text)) == sorted(_placeholders(english[key])), (language, key)


def _placeholders(text):
    return [part.split("}")[0] for part in text.split("{")[1:]]


@pytest.mark.parametrize(
    ("local", "is_open", "opens", "until"),
    [
        ("2026-05-04 08:59", False, "2026-05-04 09:00", "2026-05-04 09:00"),
        ("2026-05-04 09:00", True, None, "2026-05-04 12:00"),
        ("2026-05-04 12:00", False, "2026-05-04 13:00", "2026-05-04 13:00"),
        ("2026-05-08 17:00", False, "2026-05-11 09:00", "2026-05-11 09:00"),
        ("2026-03-29 12:00", False, "2026-03-30 09:00", "2026-03-30 09:00"),  # daylight saving time has started
    ],
)
def test_business_hours_tell_when_the_brand_opens_or_closes(local, is_open, opens, until):
    at = lambda text: datetime.fromisoformat(text).replace(tzinfo=BERLIN)  # noqa: E731
    now = open_status(WEEK, "Europe/Berlin", at(local).astimezone(UTC))
    assert now == (is_open, at(opens) if opens else None, at(until))


def test_business_hours_over_midnight_and_empty_hours():
    night = {"fri": ["22:00-24:00"], "sat": ["00:00-04:00"]}
    friday = datetime(2026, 5, 8, 23, 0, tzinfo=UTC)
    assert open_status(night, "UTC", friday) == (True, None, friday + timedelta(hours=5))
    assert open_status({}, "UTC", friday) == (True, None, None)
    assert open_status({"mon": []}, "UTC", friday) == (True, None, None)


@pytest.mark.parametrize(
    "hours",
    [
        [],
        {"monday": []},
        {"mon": "09:00-17:00"},
        {"mon": ["9-17"]},
        {"mon": ["09:00-09:00"]},
        {"mon": ["21:00-02:00"], "tue": ["01:00-03:00"]},
        {"sun": ["21:00-02:00"], "mon": ["01:00-03:00"]},
        {"mon": ["21:00-02:00", "22:00-23:00"]},
        {"holidays": ["2026-12-25"]},
        {"holidays": {"25.12.2026": "Christmas Day"}},
        {"holidays": {"2026-02-30": "Never"}},
        {"holidays": {"2026-12-25": 5}},
        {"holidays": {"2026-12-25": "x" * 101}},
        {"holidays": {"2026-12-25": "\u200b"}},
        {"holidays": {f"2{year:03}-12-25": "" for year in range(101)}},
        {"mon": ["09:00-12:00", "11:00-13:00"]},
        {"mon": [5]},
        {"mon": ["24:00-24:00"]},
        {"mon": ["09:00-10:00"] * 7},
    ],
)
def test_invalid_business_hours_are_rejected(hours):
    with pytest.raises(ValidationError):
        check_hours(hours)
    check_hours(WEEK | {"sat": ["00:00-24:00"]})
    check_hours({"sun": ["21:00-02:00"], "mon": ["02:00-03:00"], "holidays": {"2026-12-25": "Christmas Day"}})


def test_all_problems_of_business_hours_are_reported_at_once():
    with pytest.raises(ValidationError) as refused:
        check_hours({"mon": ["9-17"], "wed": [5], "holidays": {"tomorrow": ""}})
    assert [message.split(":")[0] for message in refused.value.messages] == ["Monday", "Wednesday", "Holidays"]


NIGHTS = {"fri": ["21:00-02:00"], "sat": ["21:00-02:00"]}  # 8 and 9 May 2026


@pytest.mark.parametrize(
    ("local", "is_open", "opens", "until"),
    [
        ("2026-05-08 20:59", False, "2026-05-08 21:00", "2026-05-08 21:00"),
        ("2026-05-08 21:00", True, None, "2026-05-09 02:00"),
        ("2026-05-09 01:59", True, None, "2026-05-09 02:00"),
        ("2026-05-09 02:00", False, "2026-05-09 21:00", "2026-05-09 21:00"),
        ("2026-05-10 01:30", True, None, "2026-05-10 02:00"),
        ("2026-05-10 02:00", False, "2026-05-15 21:00", "2026-05-15 21:00"),
    ],
)
def test_hours_may_end_on_the_next_day(local, is_open, opens, until):
    at = lambda text: datetime.fromisoformat(text).replace(tzinfo=BERLIN)  # noqa: E731
    now = open_status(NIGHTS, "Europe/Berlin", at(local).astimezone(UTC))
    assert now == (is_open, at(opens) if opens else None, at(until))


@pytest.mark.parametrize(
    ("hours", "holidays", "moment", "is_open", "opens"),
    [
        (WEEK, ["2026-05-04"], "2026-05-04 10:00", False, "2026-05-05 09:00"),
        (WEEK, ["2026-05-05"], "2026-05-04 10:00", True, None),
        (WEEK, ["2026-05-05", "2026-05-06"], "2026-05-04 18:00", False, "2026-05-07 09:00"),
        (NIGHTS, ["2026-05-09"], "2026-05-09 01:00", True, None),  # the night began on the day before
        (NIGHTS, ["2026-05-09"], "2026-05-09 22:00", False, "2026-05-15 21:00"),
        ({"mon": ["09:00-17:00"]}, ["2026-05-04", "2026-05-11"], "2026-05-03 10:00", False, "2026-05-18 09:00"),
        ({}, ["2026-05-04"], "2026-05-04 10:00", False, "2026-05-05 00:00"),
        ({}, ["2026-05-04"], "2026-05-05 10:00", True, None),
    ],
)
def test_a_brand_is_closed_on_holidays(hours, holidays, moment, is_open, opens):
    at = lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC)  # noqa: E731
    status = open_status(hours | {"holidays": dict.fromkeys(holidays, "")}, "UTC", at(moment))
    assert status[:2] == (is_open, at(opens) if opens else None)


def test_a_brand_that_is_always_open_closes_when_a_holiday_begins():
    hours = {"holidays": {"2026-05-08": "Festival"}}
    monday = datetime(2026, 5, 4, 10, tzinfo=UTC)
    assert open_status(hours, "UTC", monday) == (True, None, datetime(2026, 5, 8, tzinfo=UTC))


@pytest.mark.parametrize("domain", ["https://shop.example", "SHOP.example", "shop.example/", "*", "*.*.x", "a b", ""])
def test_invalid_domains_are_rejected(domain):
    with pytest.raises(ValidationError):
        check_domain(domain)
    for right in ("shop.example", "*.shop.example", "localhost:3000", "127.0.0.1:8001"):
        check_domain(right)


@pytest.mark.django_db
def test_configure_widget_command_changes_one_brand(tenants, capsys):
    call_command(
        "configure_widget",
        tenants.north.widget_id,
        "--greeting=Ahoy",
        "--allowed-domain=shop.example",
        "--allowed-domain=*.shop.example",
        "--hours",
        json.dumps(WEEK),
        "--time-zone=Europe/Berlin",
        "--new-identity-secret",
    )
    out = capsys.readouterr().out
    tenants.north.refresh_from_db()
    tenants.south.refresh_from_db()
    assert out.startswith("pti_")
    assert (tenants.north.greeting, tenants.north.time_zone, tenants.north.business_hours) == (
        "Ahoy",
        "Europe/Berlin",
        WEEK,
    )
    assert tenants.north.allowed_domains == ["shop.example", "*.shop.example"]
    assert (tenants.south.greeting, tenants.south.allowed_domains) == ("", [])
    call_command("configure_widget", tenants.north.widget_id, "--allowed-domain=")
    tenants.north.refresh_from_db()
    assert tenants.north.allowed_domains == []
    for wrong in (["ws_x"], [tenants.north.widget_id, "--time-zone=Mars"], [tenants.north.widget_id, "--color=red"]):
        with pytest.raises(CommandError):
            call_command("configure_widget", *wrong)
