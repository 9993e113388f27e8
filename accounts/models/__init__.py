"""Models of workspaces, operators, sign-in attempts, the audit log and mail failures. Import them from this package."""

from accounts.models.audit import AuditEntry
from accounts.models.mail import MailFailure
from accounts.models.operators import Operator, OperatorSession, QueuedEmail, RecoveryCode
from accounts.models.throttling import FailedAttempt, KnownAddress
from accounts.models.workspaces import Workspace

__all__ = [
    "AuditEntry",
    "FailedAttempt",
    "KnownAddress",
    "MailFailure",
    "Operator",
    "OperatorSession",
    "QueuedEmail",
    "RecoveryCode",
    "Workspace",
]
