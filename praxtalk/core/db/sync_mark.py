"""The time that a mirror may ask again from (`updatedSince`) without missing a row.

A row carries the time at which it was written, and others see it only when its transaction commits. A mirror that asked again
from the time of its last reading would miss the rows written before that reading and committed after it.

Each write stamps its row after its transaction has begun, so no row that is still to be committed is older than the oldest
transaction that is open now. The mark is the beginning of that transaction, less MARGIN.
"""

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

# Covers what may put a stamp before the beginning of its transaction: a new row is stamped in Python a moment before BEGIN
# reaches PostgreSQL, and the clocks of several machines differ. Machines that run NTP differ by milliseconds.
MARGIN = timedelta(seconds=5)

# - PostgreSQL measures the age, and it is subtracted from our clock. MARGIN covers the difference between the clocks.
# - Only client backends of this database write its rows. What the role may not see (another role's transactions, where it is
#   neither superuser nor in pg_read_all_stats) has a null xact_start and is passed over.
# - pg_dump holds one transaction for hours. It is read-only; the missing transaction id shows that it has written nothing.
OLDEST_TRANSACTION = """
    SELECT coalesce(greatest(clock_timestamp() - min(xact_start), interval '0'), interval '0')
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
      AND NOT (application_name = 'pg_dump' AND backend_xid IS NULL)
"""


def sync_mark() -> datetime:
    """Return a time that is not later than the stamp of any change that is still uncommitted.

    Call it before the rows are read, in a statement of its own. A transaction that commits is visible before it leaves
    pg_stat_activity, so a later statement sees each row whose transaction was not found here. One statement for both would
    look at the rows first.
    """
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_TRANSACTION)
        (age,) = cursor.fetchone()
    mark: datetime = now - age - MARGIN
    return mark
