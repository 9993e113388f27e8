"""The dashboard's page of the audit log. That of the team is registered by conversations.dashboard, which adds to it."""

from accounts.dashboard.audit import AuditAdmin
from accounts.models import AuditEntry
from praxtalk.core.dashboard.site import dashboard

dashboard.register(AuditEntry, AuditAdmin)
