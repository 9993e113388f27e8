"""Form fields for business hours: a row of from and to for each time range of a day, and a row for each holiday.

People may type a time in any usual way: 9, 9:30, 09.30, 930, 9:30 am. A whole range in the first field, such as 9-18, is
understood too. All values become those that `brands.business_hours` describes.
"""

import re
from datetime import date, datetime
from itertools import zip_longest
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.forms import Field, Widget
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from brands.business_hours import MAX_HOLIDAY_NAME, MAX_HOLIDAYS, MAX_SPANS, SPAN
from praxtalk.core.validators import validate_visible

TIME = re.compile(r"(\d{1,2})(?:[:.h]?(\d{2}))?\s*(?:([ap])\.?\s?m?\.?|h|uhr)?", re.IGNORECASE)
DASH = re.compile(r"\s*(?:[-\u2010-\u2015\u2212]|\bto\b)\s*", re.IGNORECASE)
BETWEEN_SPANS = re.compile(r"[,;\n]")
DATE_FORMATS = ("%Y-%m-%d", "%d.%m.%Y")
MAX_TYPED = 200  # characters of a field
NOON = 12 * 60

Row = tuple[str, str]


class TypedTime(NamedTuple):
    """A time as it was typed. minutes: since midnight. half: "a" or "p" if am or pm was typed, or else ""."""

    minutes: int
    half: str


def parse_time(text: str) -> TypedTime:
    """Return the time. Raises ValidationError, with a sentence for the person who typed it."""
    found = TIME.fullmatch(text.strip())
    if found:
        hour, minute, half = int(found[1]), int(found[2] or 0), (found[3] or "").lower()
        if half and 1 <= hour <= 12 and minute < 60:
            return TypedTime((hour % 12) * 60 + minute + (NOON if half == "p" else 0), half)
        if not half and minute < 60 and (hour < 24 or (hour, minute) == (24, 0)):
            return TypedTime(hour * 60 + minute, "")
    raise ValidationError(f"“{text.strip()}” is not a time. Enter a time such as 9:00 or 5:30 pm.")


def parse_span(begin_text: str, end_text: str) -> str:
    """Return a time range as "09:00-17:30". Raises ValidationError.

    If only one of the two times says am or pm, the other is in the half of the day that makes the shorter range on one day.
    """
    begin, end = parse_time(begin_text), parse_time(end_text)
    start, stop = begin.minutes, end.minutes
    if end.half == "p" and not begin.half and 60 <= start <= NOON and start % NOON + NOON < stop:
        start = start % NOON + NOON
    if begin.half and not end.half and stop <= start < stop + NOON <= 2 * NOON:
        stop += NOON
    if start == 2 * NOON:
        start = 0
    if stop == 0:
        stop = 2 * NOON
    return f"{_clock(start)}-{_clock(stop)}"


def parse_spans(rows: list[Row]) -> list[str]:
    """Return the time ranges of a day. Raises ValidationError with a sentence for each row that is wrong."""
    spans, problems = [], []
    for begin, end in (pair for row in rows for pair in _pairs(*row)):
        try:
            if not begin or not end:
                known = begin or end
                raise ValidationError(
                    f"Enter when the hours that begin at {known} end."
                    if begin
                    else f"Enter when the hours that end at {known} begin."
                )
            spans.append(parse_span(begin, end))
        except ValidationError as error:
            problems += error.messages
    if len(spans) > MAX_SPANS:
        problems.append(f"Enter at most {MAX_SPANS} time ranges.")
    if problems:
        raise ValidationError(problems)
    return sorted(spans)


def _pairs(begin: str, end: str) -> list[Row]:
    """Return the pairs of times in a row. The first field may contain whole ranges: 9-12, 13-18."""
    begin, end = begin.strip()[:MAX_TYPED], end.strip()[:MAX_TYPED]
    if end or not begin:
        return [(begin, end)] if end else []
    parts = [part.strip() for part in BETWEEN_SPANS.split(begin) if part.strip()]
    split = [DASH.split(part, maxsplit=1) for part in parts]
    return [(each[0], each[1] if len(each) > 1 else "") for each in split]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


class RowsWidget(Widget):
    """Rows of two inputs each, which all have the same two names. There is an empty row at the end.

    A script adds more rows. names: the suffixes of the inputs' names.
    """

    names: Row
    template: str
    max_rows: int

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Row]:
        first, second = (data.getlist(f"{name}-{each}") for each in self.names)
        return list(zip_longest(first, second, fillvalue=""))[: 2 * self.max_rows]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return not any(f"{name}-{each}" in data for each in self.names)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        attrs = attrs or {}
        rows = [row for row in value or [] if any(row)]
        rows = [*rows, ("", "")][: max(self.max_rows, len(rows))]
        context = {
            "name": name,
            "id": attrs.get("id", f"id_{name}"),
            "rows": [(first, second, self.note(first, second)) for first, second in rows],
            "max_rows": self.max_rows,
            "is_invalid": "aria-invalid" in attrs,
            "described_by": attrs.get("aria-describedby", ""),
            "attrs": self.attrs,
        }
        return render_to_string(self.template, context)

    def note(self, first: str, second: str) -> str:
        """Return the text after a row."""
        return ""


class DayHoursWidget(RowsWidget):
    """The time ranges of a day. attrs: `day`, the day's name, and `can_copy`, whether it has a button that copies its hours."""

    names = ("from", "to")
    template = "widget/day_hours.html"
    max_rows = MAX_SPANS

    def note(self, first: str, second: str) -> str:
        return "of the next day" if SPAN.fullmatch(f"{first}-{second}") and second < first else ""


class HolidaysWidget(RowsWidget):
    names = ("date", "name")
    template = "widget/holidays.html"
    max_rows = MAX_HOLIDAYS


class DayHoursField(Field):
    """The time ranges of a day, as a list of texts such as "09:00-17:30"."""

    def __init__(self, *, day: str, can_copy: bool, **kwargs: Any) -> None:
        widget = DayHoursWidget(attrs={"day": day, "can_copy": can_copy})
        super().__init__(label=day, required=False, widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return [tuple(each.split("-")) if isinstance(each, str) else each for each in value or []]

    def clean(self, value: Any) -> list[str]:
        return parse_spans(value or [])

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return parse_spans(data or []) != sorted(initial or [])
        except ValidationError:
            return True


class HolidaysField(Field):
    """Holidays, as a dictionary of names by ISO date."""

    widget = HolidaysWidget

    def prepare_value(self, value: Any) -> Any:
        return sorted(value.items()) if isinstance(value, dict) else value

    def clean(self, value: Any) -> dict[str, str]:
        found: dict[str, str] = {}
        problems: list[str] = []
        for day_text, name in ((day.strip()[:MAX_TYPED], name.strip()) for day, name in value or []):
            if not day_text and not name:
                continue
            try:
                day = _parse_date(day_text, name)
                if day in found:
                    raise ValidationError(f"{day} is listed twice.")
                found[day] = _holiday_name(name)
            except ValidationError as error:
                problems += error.messages
        if len(found) > MAX_HOLIDAYS:
            problems.append(f"Enter at most {MAX_HOLIDAYS} holidays.")
        if problems:
            raise ValidationError(problems)
        return dict(sorted(found.items()))

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.clean(data) != (initial or {})
        except ValidationError:
            return True


def _parse_date(text: str, name: str) -> str:
    if not text:
        raise ValidationError(f"Enter the date of “{name[:MAX_HOLIDAY_NAME]}”.")
    for each in DATE_FORMATS:
        try:
            day: date = datetime.strptime(text, each).date()  # noqa: DTZ007 - only the date is used
        except ValueError:
            continue
        return day.isoformat()
    raise ValidationError(f"“{text}” is not a date. Enter a date such as 2026-12-25.")


def _holiday_name(name: str) -> str:
    if len(name) > MAX_HOLIDAY_NAME:
        raise ValidationError(f"Enter a name of at most {MAX_HOLIDAY_NAME} characters.")
    validate_visible(name)
    return name
