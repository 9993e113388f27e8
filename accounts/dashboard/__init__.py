"""Register the audit log in the dashboard. `conversations.dashboard` extends and registers the admin of the team."""

from accounts.dashboard.audit import AuditAdmin
from accounts.models import AuditEntry
from praxtalk.core.dashboard.site import dashboard

dashboard.register(AuditEntry, AuditAdmin)
