"""Workspaces, the tenants."""

from django.db import models
from django.utils import timezone

from praxtalk.core.db.ids import new_id


class Workspace(models.Model):
    """A tenant. Its data belongs to it alone, and no query on behalf of a user returns data of another tenant."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=100)
    is_demo = models.BooleanField(default=False, db_default=False)  # its people are invented: it sends no e-mail
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name
