"""The live query for canned replies."""

from typing import Any

from django.db.models import Q

from accounts.operator_tokens import OperatorCaller, operators
from brands.live import brand_in_scope
from conversations.inbox_json import canned_reply_json
from conversations.live.arguments import BrandArguments
from conversations.models import CANNED_REPLIES, CannedReply
from praxtalk.core.live.functions import Arguments, query

MAX_CANNED_REPLIES = 500


def _canned_reply_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [f"{CANNED_REPLIES}.{caller.workspace_id}"]


@query("cannedReplies:list", authenticator=operators, serializer_class=BrandArguments, topics=_canned_reply_topics)
def list_canned_replies(caller: OperatorCaller, arguments: Arguments) -> list[dict[str, Any]]:
    """Return the canned replies for all brands, and those of the given brand or, without one, of each brand in scope."""
    rows = CannedReply.objects.filter(workspace_id=caller.workspace_id)
    if brand := brand_in_scope(caller, arguments.get("brandId")):
        rows = rows.filter(Q(brand=brand) | Q(brand__isnull=True))
    elif caller.scope.brand_ids is not None:
        rows = rows.filter(Q(brand_id__in=caller.scope.brand_ids) | Q(brand__isnull=True))
    return [canned_reply_json(reply) for reply in rows.order_by("shortcut", "pk")[:MAX_CANNED_REPLIES]]
