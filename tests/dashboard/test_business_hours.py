"""The form of business hours: what people may type, errors at their fields, holidays, and its buttons."""

import html
import re

import pytest
from django.core.exceptions import ValidationError
from playwright.sync_api import expect

from brands.actions import configure_widget
from brands.models import Brand
from widget.dashboard.hours import parse_spans, parse_time

SETTINGS = {"name": "North", "primary_color": "#2563eb", "side": "right", "time_zone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [
        *[
            ("9", 540),
            ("09", 540),
            ("9:00", 540),
            ("09.00", 540),
            ("0900", 540),
            ("900", 540),
            (" 9 h ", 540),
            ("9h30", 570),
        ],
        *[
            ("9:30 am", 570),
            ("9.30 a.m.", 570),
            ("9 AM", 540),
            ("5pm", 1020),
            ("5 p.m.", 1020),
            ("12 am", 0),
            ("12 pm", 720),
        ],
        *[("0", 0), ("23:59", 1439), ("24", 1440), ("24:00", 1440), ("9 Uhr", 540), ("٩:٣٠", 570)],
    ],
)
def test_times_are_understood_as_people_type_them(typed, minutes):
    assert parse_time(typed).minutes == minutes


@pytest.mark.parametrize(
    "typed", ["", "nine", "25", "24:01", "9:60", "13 pm", "0 am", "9:5", "9-18", "-1", "9" * 50, "\x00"]
)
def test_other_texts_are_no_times(typed):
    with pytest.raises(ValidationError, match="is not a time"):
        parse_time(typed)


@pytest.mark.parametrize(
    ("rows", "spans"),
    [
        ([], []),
        ([("", "")], []),
        ([("9", "18")], ["09:00-18:00"]),
        ([("9-18", "")], ["09:00-18:00"]),
        ([("9 – 12, 13 to 18", "")], ["09:00-12:00", "13:00-18:00"]),
        ([("13:30", "18"), ("", ""), ("9", "12")], ["09:00-12:00", "13:30-18:00"]),
        ([("21:00", "02:00")], ["21:00-02:00"]),
        ([("21:00", "0:00")], ["21:00-24:00"]),
        ([("0", "24")], ["00:00-24:00"]),
        ([("9-5pm", "")], ["09:00-17:00"]),
        ([("1", "5 pm")], ["13:00-17:00"]),
        ([("9 am", "5")], ["09:00-17:00"]),
        ([("9 pm", "2")], ["21:00-02:00"]),
        ([("10 pm", "2 am")], ["22:00-02:00"]),
    ],
)
def test_time_ranges_are_understood(rows, spans):
    assert parse_spans(rows) == spans


def post_hours(client, brand, **fields):
    return client.post(
        f"/app/brands/{brand.pk}/change/", SETTINGS | {name.replace("__", "-"): v for name, v in fields.items()}
    )


def rows_of(page, name):
    return re.findall(rf'name="{name}-\w+" value="(.*?)"', page)


@pytest.mark.django_db
def test_hours_past_midnight_and_holidays_are_stored_and_shown(client, tenants):
    client.force_login(tenants.alice)
    response = post_hours(
        client,
        tenants.north,
        hours_fri__from=["17", "9"],
        hours_fri__to=["2", "12"],
        holidays__date=["2026-12-25", "24.12.2026", ""],
        holidays__name=["Christmas Day", "", ""],
    )
    assert response.status_code == 302
    holidays = {"2026-12-24": "", "2026-12-25": "Christmas Day"}
    hours = {"fri": ["09:00-12:00", "17:00-02:00"], "holidays": holidays}
    assert Brand.objects.get(pk=tenants.north.pk).business_hours == hours
    page = client.get(f"/app/brands/{tenants.north.pk}/change/").content.decode()
    assert rows_of(page, "hours_fri") == ["09:00", "12:00", "17:00", "02:00", "", ""]
    assert rows_of(page, "holidays") == ["2026-12-24", "", "2026-12-25", "Christmas Day", "", ""]
    assert page.count("of the next day") == 1


@pytest.mark.django_db
def test_all_errors_are_shown_at_once_each_at_its_field(client, tenants):
    client.force_login(tenants.alice)
    response = post_hours(
        client,
        tenants.north,
        hours_mon__from=["nine", "13", ""],
        hours_mon__to=["12", "", "18"],
        hours_wed__from=["9", "11"],
        hours_wed__to=["12", "13"],
        hours_fri__from=["22"],
        hours_fri__to=["6"],
        hours_sat__from=["5"],
        hours_sat__to=["9"],
        hours_sun__from=["9"],
        hours_sun__to=["9"],
        holidays__date=["2026-02-31", "", "2026-05-01", "2026-05-01"],
        holidays__name=["Never", "Christmas", "May Day", "Again"],
    )
    form = response.context_data["adminform"].form
    overlap = ["These hours overlap others of this day or of the day before."]
    assert {name: list(errors) for name, errors in form.errors.items()} == {
        "hours_mon": [
            "“nine” is not a time. Enter a time such as 9:00 or 5:30 pm.",
            "Enter when the hours that begin at 13 end.",
            "Enter when the hours that end at 18 begin.",
        ],
        "hours_wed": overlap,
        "hours_sat": overlap,
        "hours_sun": ['A time range must not end at the time at which it begins. A whole day is "00:00-24:00".'],
        "holidays": [
            "“2026-02-31” is not a date. Enter a date such as 2026-12-25.",
            "Enter the date of “Christmas”.",
            "2026-05-01 is listed twice.",
        ],
    }
    page = html.unescape(response.content.decode())
    assert rows_of(page, "hours_mon")[:6] == ["nine", "12", "13", "", "", "18"]  # nothing that was typed is lost
    assert Brand.objects.get(pk=tenants.north.pk).business_hours == {}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {"hours_mon__from": ["9"] * 7, "hours_mon__to": [f"9:0{number}" for number in range(1, 8)]},
        {"hours_mon__from": ["\x00"], "hours_mon__to": ["\u202e"]},
        {"hours_mon__from": ["9" * 100_000]},
        {"holidays__date": ["2026-01-01"], "holidays__name": ["\u200b"]},
        {"holidays__date": ["2026-01-01"], "holidays__name": ["x" * 101]},
        {"holidays__date": [f"{2000 + number}-01-01" for number in range(101)], "holidays__name": []},
        {"holidays__date": ["x" * 100_000]},
    ],
)
def test_invalid_hours_change_nothing(client, tenants, fields):
    configure_widget(tenants.north, business_hours={"tue": ["09:00-12:00"]})
    client.force_login(tenants.alice)
    response = post_hours(client, tenants.north, **fields)
    assert response.status_code == 200
    assert len(response.content) < 200_000
    assert Brand.objects.get(pk=tenants.north.pk).business_hours == {"tue": ["09:00-12:00"]}


@pytest.mark.django_db
def test_saving_the_form_unchanged_keeps_stored_hours(client, tenants):
    hours = {"mon": ["13:00-17:00", "09:00-12:00"], "holidays": {"2026-12-25": ""}}
    before = configure_widget(tenants.north, business_hours=hours)
    client.force_login(tenants.alice)
    response = post_hours(
        client,
        tenants.north,
        time_zone="UTC",
        hours_mon__from=["13:00", "09:00"],
        hours_mon__to=["17:00", "12:00"],
        holidays__date=["2026-12-25"],
        holidays__name=[""],
    )
    assert response.status_code == 302
    assert Brand.objects.get(pk=tenants.north.pk).business_hours == before.business_hours


@pytest.mark.django_db
def test_each_domain_that_is_wrong_is_named_in_plain_words(client, tenants):
    client.force_login(tenants.alice)
    response = client.post(
        f"/app/brands/{tenants.north.pk}/change/", SETTINGS | {"allowed_domains": "https://a.example\nb.example\n*"}
    )
    [first, second] = response.context_data["adminform"].form.errors["allowed_domains"]
    assert first.startswith("'https://a.example' is not a domain.")
    assert second.startswith("'*' is not a domain.")
    with pytest.raises(ValidationError) as refused:
        configure_widget(tenants.north, allowed_domains=["shop.example", "*"])
    assert refused.value.messages[0].startswith("Item 2: '*' is not a domain.")


@pytest.mark.browser
@pytest.mark.live
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("chromium")
def test_buttons_add_hours_and_copy_monday_to_the_other_weekdays(alice_page, server, tenants):
    page = alice_page
    page.goto(f"{server.url}/app/brands/{tenants.north.pk}/change/")
    page.get_by_label("Monday, from").fill("9-12")
    page.get_by_role("button", name="Add hours on Monday").click()
    page.get_by_label("Monday, from").nth(1).fill("13")
    page.get_by_label("Monday, to").nth(1).fill("5 pm")
    page.get_by_role("button", name="Copy Monday to the other weekdays").click()
    expect(page.get_by_label("Friday, to").nth(1)).to_have_value("5 pm")
    page.get_by_label("Date of the holiday").fill("2026-12-25")
    page.get_by_role("button", name="Add a holiday").click()
    page.get_by_label("Name of the holiday").first.fill("Christmas Day")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/app/brands/")
    spans = ["09:00-12:00", "13:00-17:00"]
    expected = {
        **dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), spans),
        "holidays": {"2026-12-25": "Christmas Day"},
    }
    assert Brand.objects.get(pk=tenants.north.pk).business_hours == expected
    assert page.problems == []
