"""Business hours: when a brand's operators are available.

The format is {"mon": ["09:00-12:30", "13:30-18:00"], ..., "holidays": {"2026-12-25": "Christmas Day"}} in the brand's time zone.
The brand is closed on a day that is left out. If no day has a time range, it is always open, except on holidays. "24:00" is the
end of a day. A range that ends before it begins ends on the next day: "21:00-02:00". On a holiday, no range begins; one that
began on the day before still ends when it would.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError

from praxtalk.core.validators import validate_visible

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_NAMES = dict(zip(DAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True))
HOLIDAYS = "holidays"
SPAN = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00))")
ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MAX_SPANS = 6  # per day
MAX_HOLIDAYS = 100
MAX_HOLIDAY_NAME = 100
ALL_DAY = ["00:00-24:00"]
DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES
DAYS_AHEAD = 9  # without holidays, the next time range begins within them


class OpenStatus(NamedTuple):
    """Whether a brand is open.

    opens_at: when it opens next, None if it is open. until: when the status may change, None for never.
    """

    is_open: bool
    opens_at: datetime | None
    until: datetime | None


def open_status(hours: dict[str, Any], zone: str, now: datetime) -> OpenStatus:
    """Return whether a brand with these hours is open at `now`, and until when."""
    holidays = set(hours.get(HOLIDAYS, {}))
    weekly: dict[str, list[str]] = {day: hours.get(day, []) for day in DAYS}
    if not any(weekly.values()):
        if not holidays:
            return OpenStatus(True, None, None)
        weekly = dict.fromkeys(DAYS, ALL_DAY)
    local = now.astimezone(ZoneInfo(zone))
    first = local.date() - timedelta(1)
    near = list(_spans(weekly, holidays, first, DAYS_AHEAD + 1, local.tzinfo))
    for begin, end in near:
        if begin <= now < end:
            return OpenStatus(True, None, _end_of_run(near, end))
    # Each holiday can postpone the opening by a week.
    far = _spans(weekly, holidays, first, DAYS_AHEAD + 1 + 7 * len(holidays), local.tzinfo)
    opens_at = next((begin for begin, _ in far if begin > now), None)
    return OpenStatus(False, opens_at, opens_at)


def _spans(
    weekly: dict[str, list[str]], holidays: set[str], first: date, count: int, zone: Any
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the time ranges of `count` days, the first of which is `first`, in the order in which they begin."""
    for day in (first + timedelta(offset) for offset in range(count)):
        if day.isoformat() in holidays:
            continue
        for text in sorted(weekly[DAYS[day.weekday()]]):
            begin, end = text.split("-")
            last_day = day if begin < end else day + timedelta(1)
            yield _at(day, begin, zone), _at(last_day, end, zone)


def _at(day: date, text: str, zone: Any) -> datetime:
    if text == "24:00":
        return datetime.combine(day + timedelta(1), time(), zone)
    return datetime.combine(day, time.fromisoformat(text), zone)


def _end_of_run(spans: list[tuple[datetime, datetime]], end: datetime) -> datetime:
    """Return when the brand closes.

    Spans that join without a gap count as one: 18:00-24:00 and 00:00-02:00 end at 02:00.
    """
    for begin, later in spans:
        if begin == end:
            end = later
    return end


def check_hours(hours: object) -> None:
    """Raise ValidationError if the business hours are not valid. Its messages state every problem."""
    if not isinstance(hours, dict) or set(hours) - {*DAYS, HOLIDAYS}:
        raise ValidationError(f"Business hours must be an object with keys from: {', '.join((*DAYS, HOLIDAYS))}.")
    by_day = weekly_errors(hours)
    problems = [f"{DAY_NAMES[day]}: {text}" for day in DAYS for text in by_day.get(day, [])]
    problems += [f"Holidays: {text}" for text in _holiday_errors(hours.get(HOLIDAYS, {}))]
    if problems:
        raise ValidationError(problems)


def weekly_errors(hours: dict[str, Any]) -> dict[str, list[str]]:
    """Return the sentences that say what is wrong with the time ranges of each day, by day. Without errors, return {}."""
    errors = {day: [text] for day in DAYS if (text := _format_error(hours.get(day, [])))}
    valid = {day: spans for day, spans in hours.items() if day in DAYS and day not in errors}
    for day in _overlapping_days(valid):
        errors[day] = ["These hours overlap others of this day or of the day before."]
    return errors


def _format_error(spans: object) -> str:
    if not isinstance(spans, list) or len(spans) > MAX_SPANS:
        return f'Enter a list of at most {MAX_SPANS} time ranges such as "09:00-17:30".'
    if not all(isinstance(span, str) and SPAN.fullmatch(span) for span in spans):
        return 'Enter each time range as "09:00-17:30".'
    if any(begin == end for begin, end in (span.split("-") for span in spans)):
        return 'A time range must not end at the time at which it begins. A whole day is "00:00-24:00".'
    return ""


def _overlapping_days(hours: dict[str, list[str]]) -> list[str]:
    """Return the days with a time range that begins before an earlier one has ended. Sunday night is followed by Monday."""
    spans = sorted(_week_span(day, text) for day, texts in hours.items() for text in texts)
    if not spans:
        return []
    found, last_end = [], spans[-1][1] - WEEK_MINUTES
    for begin, end in spans:
        if begin < last_end:
            found.append(DAYS[begin // DAY_MINUTES])
        last_end = max(last_end, end)
    return found


def _week_span(day: str, text: str) -> tuple[int, int]:
    """Return the begin and the end of a time range, in minutes since the beginning of the week."""
    begin, end = (int(each[:2]) * 60 + int(each[3:]) for each in text.split("-"))
    midnight = DAYS.index(day) * DAY_MINUTES
    return midnight + begin, midnight + end + (DAY_MINUTES if end < begin else 0)


def _holiday_errors(holidays: object) -> list[str]:
    if not isinstance(holidays, dict) or len(holidays) > MAX_HOLIDAYS:
        return [
            f'Enter an object of at most {MAX_HOLIDAYS} dates with names, such as {{"2026-12-25": "Christmas Day"}}.'
        ]
    return [text for day, name in holidays.items() if (text := _holiday_error(day, name))]


def _holiday_error(day: object, name: object) -> str:
    try:
        if not isinstance(day, str) or not ISO_DATE.fullmatch(day):
            raise ValueError
        date.fromisoformat(day)
    except ValueError:
        return f'{day!a} is not a date such as "2026-12-25".'
    if not isinstance(name, str) or len(name) > MAX_HOLIDAY_NAME:
        return f"{day}: the name must be a text of at most {MAX_HOLIDAY_NAME} characters."
    try:
        validate_visible(name)
    except ValidationError as error:
        return f"{day}: {error.messages[0]}"
    return ""
