"""Dashboard pages for leads, and for visitors: the page of a visitor shows their leads."""

from conversations.models import Visitor
from leads.dashboard.leads import LeadAdmin
from leads.dashboard.visitors import VisitorAdmin
from leads.models import Lead
from praxtalk.core.dashboard.site import dashboard

dashboard.register(Lead, LeadAdmin)
dashboard.register(Visitor, VisitorAdmin)
