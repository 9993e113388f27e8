"""API keys of the REST API."""

import ipaddress
from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Operator, Workspace
from brands.models import Brand
from praxtalk.core.db.constraints import same_workspace
from praxtalk.core.db.ids import new_id
from praxtalk.core.db.lists import ListField


class ApiKey(models.Model):
    """A key of the REST API. Only the SHA-256 digest of its secret is stored; 214 random bits need no slow hash."""

    class Scope(models.TextChoices):
        READ = "read"
        WRITE = "write"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="api_keys")
    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, null=True, blank=True, related_name="api_keys")
    name = models.CharField(max_length=100)
    scope = models.CharField(max_length=5, choices=Scope.choices)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    prefix = models.CharField(max_length=16, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    allowed_cidrs = ListField(models.CharField(max_length=43), default=list, blank=True)
    created_by = models.ForeignKey(Operator, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["id", "workspace"], name="api_key_in_workspace"),
            models.CheckConstraint(condition=Q(scope__in=["read", "write"]), name="api_key_scope_known"),
            same_workspace("api_key", "brand", "brands.Brand"),
            same_workspace("api_key", "created_by", "accounts.Operator"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}...{self.last_four})"

    @property
    def may_write(self) -> bool:
        return self.scope == self.Scope.WRITE

    def is_valid_at(self, moment: datetime) -> bool:
        """Return whether the key is not revoked and does not expire until after `moment`."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > moment)

    def allowlist_contains(self, address: str) -> bool:
        """Return whether the key has an allowlist that contains this IP address."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(ip in ipaddress.ip_network(cidr) for cidr in self.allowed_cidrs)
