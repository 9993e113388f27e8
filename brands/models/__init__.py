"""Who: the workspace (tenant), its operators, and the brands under which it talks."""

from brands.models.audit import AuditEntry
from brands.models.mail import MailFailure
from brands.models.operators import Letter, Operator, OperatorBrand, OperatorSession, RecoveryCode
from brands.models.throttling import FailedAttempt, KnownAddress
from brands.models.workspaces import ALPHANUMERIC, Brand, Workspace, new_widget_id

__all__ = [
    "ALPHANUMERIC",
    "AuditEntry",
    "Brand",
    "FailedAttempt",
    "KnownAddress",
    "Letter",
    "MailFailure",
    "Operator",
    "OperatorBrand",
    "OperatorSession",
    "RecoveryCode",
    "Workspace",
    "new_widget_id",
]
