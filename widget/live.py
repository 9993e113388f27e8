"""The thread of a visitor, live."""

from typing import Any

from brands.scope import topics_of
from conversations.actions import read_until
from conversations.models import Visitor
from praxtalk.data.ids import parse_id
from praxtalk.live.functions import Fading, mutation, query
from praxtalk.live.outcomes import Code, Refused
from widget.actions import newest_conversation
from widget.serializers import Look, OfThread
from widget.thread import place_of, thread_json
from widget.visitor_tokens import REFUSED, VisitorCaller, visitors

Arguments = dict[str, Any]


def _topics(caller: VisitorCaller, arguments: Arguments) -> list[str]:
    brand = topics_of("brands", caller.workspace_id, caller.brand_id)[1]
    return [Visitor.topic(caller.workspace_id, caller.visitor_id), brand]


def _same_widget(caller: VisitorCaller, arguments: Arguments) -> None:
    """A token is good in its brand's widget only. Raises Refused."""
    if arguments["widgetId"] != caller.widget_id:
        raise Refused(Code.UNAUTHENTICATED, REFUSED)


@query("widget:thread", door=visitors, shape=OfThread, topics=_topics)
def show_thread(caller: VisitorCaller, arguments: Arguments) -> Fading:
    _same_widget(caller, arguments)
    return thread_json(caller.workspace_id, caller.visitor_id)


@mutation("widget:look", door=visitors, shape=Look)
def look(caller: VisitorCaller, arguments: Arguments) -> dict[str, bool]:
    _same_widget(caller, arguments)
    conversation = newest_conversation(caller.workspace_id, caller.visitor_id)
    if conversation is None:
        return {"ok": True}
    pk = parse_id(arguments.get("seenId") or "")
    place = place_of(caller.workspace_id, caller.visitor_id, pk) if pk else None
    is_of_this = place is not None and place.conversation.pk == conversation.pk
    read_until(
        conversation, by_visitor=place.position if place and is_of_this else 0, visitor_types=arguments["typing"]
    )
    return {"ok": True}
