"""The dashboard's pages of a workspace itself: its team and its audit log."""

from brands.admin.audit import AuditAdmin
from brands.admin.team import TeamAdmin
from brands.models import AuditEntry, Operator
from praxtalk.dashboard.site import dashboard

dashboard.register(Operator, TeamAdmin)
dashboard.register(AuditEntry, AuditAdmin)
