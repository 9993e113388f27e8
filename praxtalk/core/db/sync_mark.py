"""Compute the time from which a mirroring client may request changes next (`updatedSince`) without missing a row.

A row contains the time at which it was written, but becomes visible to others only when its transaction commits. A client that
continued from the time of its last request would miss rows that were written before that request and committed after it.

Each write sets the timestamp of its row after its transaction has begun. So no uncommitted row has a timestamp before the start
of the oldest open transaction. The mark is the start of that transaction minus MARGIN.
"""

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

# Covers the reasons why a timestamp may be earlier than the start of its transaction: Python sets the timestamp of a new row
# shortly before BEGIN reaches PostgreSQL, and the clocks of several machines differ. With NTP, they differ by milliseconds.
MARGIN = timedelta(seconds=5)

# - PostgreSQL measures the age, which is subtracted from this machine's clock. MARGIN covers the difference between the clocks.
# - Only client backends of this database write its rows. Transactions that the role may not see have a null xact_start and are
#   ignored: those of other roles, unless it is a superuser or a member of pg_read_all_stats.
# - pg_dump keeps one transaction open for hours, but only reads. The null backend_xid shows that it has written nothing.
OLDEST_TRANSACTION = """
    SELECT coalesce(greatest(clock_timestamp() - min(xact_start), interval '0'), interval '0')
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
      AND NOT (application_name = 'pg_dump' AND backend_xid IS NULL)
"""


def sync_mark() -> datetime:
    """Return a time that is not later than the timestamp of any uncommitted change.

    Call this before the rows are read, as a separate statement. When a transaction commits, its rows become visible before it
    disappears from pg_stat_activity. So a later statement sees the rows of every transaction that was not found here. A single
    statement for both would read the rows first.
    """
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_TRANSACTION)
        (age,) = cursor.fetchone()
    mark: datetime = now - age - MARGIN
    return mark
