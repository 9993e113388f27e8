"""The dashboard's pages of the talk: visitors, canned replies and tags; and of the team, whose conversations are handed over."""

from accounts.models import Operator
from conversations.dashboard.canned_replies import CannedReplyAdmin
from conversations.dashboard.tags import TagAdmin
from conversations.dashboard.team import TeamAdmin
from conversations.dashboard.visitors import VisitorAdmin
from conversations.models import CannedReply, Tag, Visitor
from praxtalk.core.dashboard.site import dashboard

dashboard.register(CannedReply, CannedReplyAdmin)
dashboard.register(Operator, TeamAdmin)
dashboard.register(Tag, TagAdmin)
dashboard.register(Visitor, VisitorAdmin)
