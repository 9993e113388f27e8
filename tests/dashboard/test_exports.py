"""CSV files that a CRM can import and a spreadsheet can open: quoted cells, and no formula that would run."""

import csv
import io

import pytest

from leads.actions import create_lead

pytestmark = pytest.mark.django_db

UNCHANGED = [
    "+48 601 000 111",
    "+1 (415) 555-0100",
    "+49.30/123456",
    "-12",
    "-1,5",
    "+ 48 601",
    "Maya - the second",
    "a=b",
    "maya@example.com",
    'She said "hello"; twice, at least',
    "line one\nline two",
    "'quoted'",
    "12; 13, -5",
]
GUARDED = [
    ("=2+3", "'=2+3"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
    ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
    ("-A1", "'-A1"),
    ("- first\n- second", "'- first\n- second"),
    ("\t=1", "'\t'=1"),
    # Read with the other separator, the text after ";" is a cell of its own.
    ("Maya;=2+3", "Maya;'=2+3"),
    ('Maya;"=2+3', "Maya;\"'=2+3"),
    ("Maya\n@SUM(A1)", "Maya\n'@SUM(A1)"),
]


def exported(client, path, separator):
    text = b"".join(client.get(path).streaming_content).decode("utf-8-sig")
    return text, list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True))


@pytest.mark.parametrize(("path", "separator"), [("/app/leads/export/", ","), ("/app/leads/export/semicolons/", ";")])
def test_cells_are_quoted_and_only_formulas_are_guarded(client, tenants, path, separator):
    expected = {text: text for text in UNCHANGED} | dict(GUARDED)
    for text in expected:
        create_lead(tenants.acme.pk, name="Maya", notes=text)
    client.force_login(tenants.alice)
    text, rows = exported(client, path, separator)
    assert {row["Notes"] for row in rows} == set(expected.values())
    assert all(line.startswith('"') for line in text.split("\r\n") if line)
    assert text.startswith(separator.join(f'"{name}"' for name in ("Name", "E-mail", "Phone")))


def test_both_exports_are_recorded_and_keep_to_the_operators_scope(client, tenants, conversations):
    client.force_login(tenants.bob)
    for path, separator in (("/app/leads/export/", ","), ("/app/leads/export/semicolons/?status__exact=new", ";")):
        _, rows = exported(client, path, separator)
        assert [row["Id"] for row in rows] == [str(conversations.north_lead.pk)]
    client.force_login(tenants.mallory)
    _, rows = exported(client, "/app/leads/export/semicolons/", ";")
    assert [row["Id"] for row in rows] == [str(conversations.west_lead.pk)]
