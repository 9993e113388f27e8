"""Business hours: when a brand's operators are available.

The format is {"mon": ["09:00-12:30", "13:30-18:00"], ...} in the brand's time zone. The brand is closed on a day that is left
out. If no day has a time range, it is always open. "24:00" is the end of a day.
"""

import re
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))")
MAX_SPANS = 6  # per day


class OpenStatus(NamedTuple):
    """Whether a brand is open.

    opens_at: when it opens next, None if it is open. until: when the status may change, None for never.
    """

    is_open: bool
    opens_at: datetime | None
    until: datetime | None


def open_status(hours: dict[str, list[str]], zone: str, now: datetime) -> OpenStatus:
    """Return whether a brand with these hours is open at `now`, and until when."""
    if not any(hours.values()):
        return OpenStatus(True, None, None)
    local = now.astimezone(ZoneInfo(zone))
    spans = [span for offset in range(-1, 9) for span in _spans(hours, local.date() + timedelta(offset), local.tzinfo)]
    for begin, end in spans:
        if begin <= now < end:
            return OpenStatus(True, None, _end_of_run(spans, end))
    opens_at = min((begin for begin, _ in spans if begin > now), default=None)
    return OpenStatus(False, opens_at, opens_at)


def _spans(hours: dict[str, list[str]], day: date, zone: Any) -> list[tuple[datetime, datetime]]:
    spans = []
    for text in sorted(hours.get(DAYS[day.weekday()], [])):
        begin, end = text.split("-")
        spans.append((_at(day, begin, zone), _at(day, end, zone)))
    return spans


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
    """Raise ValidationError if the business hours are not valid. Its message states the problem."""
    if not isinstance(hours, dict) or set(hours) - set(DAYS):
        raise ValidationError(f"Business hours must be an object with keys from: {', '.join(DAYS)}.")
    for day, spans in hours.items():
        if not isinstance(spans, list) or len(spans) > MAX_SPANS:
            raise ValidationError(f'{day}: enter a list of at most {MAX_SPANS} time ranges such as "09:00-17:30".')
        last = ""
        for span in sorted(spans, key=str):
            if not isinstance(span, str) or not SPAN.fullmatch(span):
                raise ValidationError(f'{day}: enter each time range as "09:00-17:30".')
            begin, end = span.split("-")
            if begin >= end or begin < last:
                raise ValidationError(f"{day}: a time range must end after it starts, and must not overlap another.")
            last = end
