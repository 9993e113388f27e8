"""The event feed: every event of a workspace in commit order, without omissions.

A reader remembers the last number that it has seen, so numbers must become visible in order. Numbers that are assigned by the
transactions that record the events would not: transactions commit out of order, and the reader would miss an event that commits
late. Therefore, events are numbered after they have committed, by one transaction at a time:

1. A reader locks the workspace's EventFeed row.
2. It numbers the committed events that have no number, in the order in which they were recorded, from last_number + 1.
3. It commits, so the numbers and the new last_number become visible together. The next reader sees no gap below last_number.

Two changes of one conversation or lead are recorded one after the other, because its row is locked. Their events keep that
order.
"""

from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef

from integrations import sql
from integrations.models import Event, EventFeed
from praxtalk.core.db.inserts import insert_if_new
from praxtalk.core.db.transactions import joined_transaction

NUMBER_BATCH_SIZE = 1000


def number_events(workspace_id: UUID) -> tuple[EventFeed, int]:
    """Number the committed events that have no number yet, at most NUMBER_BATCH_SIZE of them.

    Return the feed as it is then, and how many events were numbered.
    """
    waiting = Event.objects.filter(workspace_id=OuterRef("workspace_id"), number__isnull=True)
    rows = EventFeed.objects.filter(workspace_id=workspace_id)
    known = rows.annotate(is_behind=Exists(waiting)).first()
    if known and not known.is_behind:
        return known, 0
    with joined_transaction():
        if not known:
            insert_if_new(EventFeed(workspace_id=workspace_id))
        feed = rows.select_for_update().get()
        with connection.cursor() as cursor:
            cursor.execute(
                sql.NUMBER_EVENTS, {"workspace": workspace_id, "limit": NUMBER_BATCH_SIZE, "last": feed.last_number}
            )
            numbered: int = cursor.rowcount
        feed.last_number += numbered
        feed.save(update_fields=["last_number"])
    return feed, numbered


class CursorTooOld(LookupError):
    """Raised when events after the given number have been deleted, so that the reader would miss them."""


def events_after(
    workspace_id: UUID, brand_id: UUID | None, *, number: int | None, limit: int
) -> tuple[list[Event], int]:
    """Return at most `limit` events after `number`, and the number from which to continue.

    number: None to start with the oldest stored event. brand_id: return only the events of this brand.
    At the end of the feed, the number from which to continue is the last one of the workspace, whatever its brand. Otherwise
    the reader of a brand with few events would fall behind the deletion of old events. Raises CursorTooOld.
    """
    events = Event.objects.filter(workspace_id=workspace_id, number__gt=number or 0)
    if brand_id:
        events = events.filter(brand_id=brand_id)
    while True:
        feed, numbered = number_events(workspace_id)
        if number is not None and number < feed.purged_up_to:
            raise CursorTooOld
        page = list(events.order_by("number")[:limit])
        if len(page) == limit or numbered < NUMBER_BATCH_SIZE:
            break
    last = page[-1].number if page else None
    if len(page) < limit:  # last_number was read before the page, so the page misses no event up to it
        last = max(last or 0, number or 0, feed.last_number)
    return page, last or 0
