"""Endpoint GET /api/v1/events: the event feed."""

import orjson
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import feed
from integrations.serializers.events import EventList, EventQuery
from praxtalk.core.api.errors import Gone, UnprocessableEntity
from praxtalk.core.api.pagination import sign, unsign
from praxtalk.core.api.view import ApiView


class Events(ApiView):
    @extend_schema(
        operation_id="listEvents",
        summary="List events in commit order, without gaps",
        tags=["Events"],
        parameters=[EventQuery],
        responses={200: EventList, 410: OpenApiResponse(description="Events after this cursor have been deleted")},
    )
    def get(self, request: Request) -> Response:
        query = self.parameters(EventQuery)
        number = self._number(query["after"]) if "after" in query else None
        try:
            events, last = feed.events_after(
                self.key.workspace_id, self.key.brand_id, number=number, limit=query["limit"]
            )
        except feed.CursorTooOld as error:
            raise Gone(
                "after: This cursor is too old. Events are deleted after 30 days. "
                "Fetch the lists again, then read the feed from its start."
            ) from error
        return Response(
            {
                "events": [orjson.Fragment(bytes(event.body)) for event in events],
                "nextCursor": sign("events", str(self.key.workspace_id), last),
            }
        )

    def _number(self, cursor: str) -> int:
        try:
            number: int = unsign("events", str(self.key.workspace_id), cursor)
        except UnprocessableEntity as error:
            raise UnprocessableEntity("after: This is not a cursor of the event feed.") from error
        return number
