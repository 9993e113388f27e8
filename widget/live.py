"""The live query and the mutations of the widget."""

from accounts.scope import topics_of
from conversations.actions import NotRatable, rate, read_until, set_visitor_typing
from conversations.models import Visitor
from praxtalk.core.db.ids import parse_id
from praxtalk.core.live.functions import Arguments, ExpiringResult, mutation, query
from praxtalk.core.live.results import Code, FunctionError
from widget.actions import Blocked, newest_conversation, save_context
from widget.serializers import MarkReadArguments, RateArguments, SetContextArguments, WidgetArguments
from widget.thread import position_of, thread_of
from widget.visitor_tokens import UNAVAILABLE_MESSAGE, VisitorCaller, visitors


def _topics(caller: VisitorCaller, arguments: Arguments) -> list[str]:
    brand = topics_of("brands", caller.workspace_id, caller.brand_id)[1]
    return [Visitor.topic(caller.workspace_id, caller.visitor_id), brand]


def _check_widget(caller: VisitorCaller, arguments: Arguments) -> None:
    """Raise FunctionError unless the token belongs to the brand of this widget."""
    if arguments["widgetId"] != caller.widget_id:
        raise FunctionError(Code.UNAUTHENTICATED, UNAVAILABLE_MESSAGE)


@query("widget:thread", authenticator=visitors, serializer_class=WidgetArguments, topics=_topics)
def show_thread(caller: VisitorCaller, arguments: Arguments) -> ExpiringResult:
    _check_widget(caller, arguments)
    visitors_with_brand = Visitor.objects.select_related("brand")
    return thread_of(visitors_with_brand.get(workspace_id=caller.workspace_id, pk=caller.visitor_id))


@mutation("widget:look", is_ephemeral=True, authenticator=visitors, serializer_class=MarkReadArguments)
def mark_read(caller: VisitorCaller, arguments: Arguments) -> dict[str, bool]:
    _check_widget(caller, arguments)
    conversation = newest_conversation(caller.workspace_id, caller.visitor_id)
    if conversation is None:
        return {"ok": True}
    pk = parse_id(arguments.get("seenId") or "")
    seen = position_of(caller.workspace_id, caller.visitor_id, pk) if pk else None
    is_in_newest = seen is not None and seen.conversation.pk == conversation.pk
    # Valkey is called before a row is locked.
    set_visitor_typing(conversation, is_typing=arguments["typing"] and not conversation.visitor.blocked_at)
    read_until(conversation, by_visitor=seen.position if seen and is_in_newest else 0)
    return {"ok": True}


@mutation("widget:rate", authenticator=visitors, serializer_class=RateArguments)
def rate_conversation(caller: VisitorCaller, arguments: Arguments) -> dict[str, bool]:
    """Rate the visitor's newest conversation. No other conversation can be rated."""
    _check_widget(caller, arguments)
    conversation = newest_conversation(caller.workspace_id, caller.visitor_id)
    named = arguments.get("conversationId")
    if conversation is None or (named and parse_id(named) != conversation.pk):
        raise FunctionError(Code.NOT_FOUND, "There is no such conversation.")
    if conversation.visitor.blocked_at:
        raise FunctionError(Code.INVALID, str(Blocked()))
    try:
        rate(conversation, rating=arguments["rating"], comment=arguments.get("comment", ""))
    except NotRatable as error:
        raise FunctionError(Code.INVALID, "Only a resolved or closed conversation can be rated.") from error
    return {"ok": True}


@mutation("widget:tell", authenticator=visitors, serializer_class=SetContextArguments)
def set_context(caller: VisitorCaller, arguments: Arguments) -> dict[str, bool]:
    """Store the referrer and the time zone that the visitor's browser reports."""
    _check_widget(caller, arguments)
    visitor = Visitor.objects.filter(workspace_id=caller.workspace_id, pk=caller.visitor_id).first()
    if visitor is None:
        raise FunctionError(Code.UNAUTHENTICATED, UNAVAILABLE_MESSAGE)
    save_context(visitor, referrer=arguments.get("referrer", ""), time_zone=arguments.get("timeZone", ""))
    return {"ok": True}
