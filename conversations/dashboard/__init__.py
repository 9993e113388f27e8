"""Dashboard pages for canned replies, tags and the team. `leads.dashboard` extends and registers the admin of visitors.

The team page is here, because changing an operator can reassign their conversations.
"""

from accounts.models import Operator
from conversations.dashboard.canned_replies import CannedReplyAdmin
from conversations.dashboard.tags import TagAdmin
from conversations.dashboard.team import TeamAdmin
from conversations.models import CannedReply, Tag
from praxtalk.core.dashboard.site import dashboard

dashboard.register(CannedReply, CannedReplyAdmin)
dashboard.register(Operator, TeamAdmin)
dashboard.register(Tag, TagAdmin)
