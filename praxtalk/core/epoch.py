"""Convert times to and from whole milliseconds since the Unix epoch (UTC), the format in which PraxTalk sends them."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
MAX_MILLISECONDS = (datetime(9999, 1, 1, tzinfo=UTC) - EPOCH) // MILLISECOND


def to_milliseconds(moment: datetime) -> int:
    """Return milliseconds since the epoch, rounded down."""
    return (moment - EPOCH) // MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """Return the time that is `milliseconds` (0 to MAX_MILLISECONDS) after the epoch."""
    return EPOCH + milliseconds * MILLISECOND


def now_after(previous: datetime) -> datetime:
    """Return the current time, or `previous` if the clock was set back, so that `updatedSince` does not miss the change."""
    return max(timezone.now(), previous)
