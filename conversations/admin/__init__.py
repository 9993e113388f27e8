"""The dashboard's pages of the talk: visitors and canned replies."""

from conversations.admin.canned_replies import CannedReplyAdmin
from conversations.admin.visitors import VisitorAdmin
from conversations.models import CannedReply, Visitor
from praxtalk.dashboard.site import dashboard

dashboard.register(CannedReply, CannedReplyAdmin)
dashboard.register(Visitor, VisitorAdmin)
