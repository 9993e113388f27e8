"""Times leave PraxTalk as whole milliseconds since the Unix epoch, UTC."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
MAX_MILLISECONDS = (datetime(9999, 1, 1, tzinfo=UTC) - EPOCH) // MILLISECOND


def to_milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch, rounded down."""
    return (moment - EPOCH) // MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """The moment that many milliseconds after the epoch; 0 to MAX_MILLISECONDS."""
    return EPOCH + milliseconds * MILLISECOND


def now_after(previous: datetime) -> datetime:
    """The time now, or `previous` where the clock has jumped back: a change must not hide from `updatedSince`."""
    return max(timezone.now(), previous)
