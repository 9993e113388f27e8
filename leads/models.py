"""Leads: people to follow up."""

from typing import Any, ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import Workspace
from accounts.scope import topics_of
from brands.models import Brand
from conversations.models import Conversation
from conversations.search import DeferWordsManager, WordsDigestField, WordsField, stale_words_index
from praxtalk.core.db.constraints import CompositeForeignKey, same_workspace
from praxtalk.core.db.ids import new_id

LEADS = "leads"  # the kind of topics to which lists of leads subscribe


class LeadQuerySet(models.QuerySet["Lead"]):
    def with_email(self, email: str) -> "LeadQuerySet":
        """Return the leads with this e-mail address, ignoring case. There are none for an empty one."""
        address = Lower(models.Value(email))
        return self.alias(lower_email=Lower("email")).filter(lower_email=address).exclude(email="")


LeadManager = DeferWordsManager.from_queryset(LeadQuerySet)


class Lead(models.Model):
    """A person to follow up. May belong to a brand, and to a conversation of that brand."""

    class Status(models.TextChoices):
        NEW = "new"
        CONTACTED = "contacted"
        QUALIFIED = "qualified"
        WON = "won"
        LOST = "lost"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="leads", db_index=False)
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, null=True, blank=True, related_name="leads")
    conversation = models.ForeignKey(
        Conversation, on_delete=models.SET_NULL, null=True, blank=True, related_name="leads"
    )
    name = models.CharField(max_length=200)
    email = models.EmailField(max_length=254, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    notes = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.NEW)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    words = WordsField("name", "email", "phone", "notes")
    words_digest = WordsDigestField("name", "email", "phone", "notes")

    objects = LeadManager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(status__in=["new", "contacted", "qualified", "won", "lost"]), name="lead_status_known"
            ),
            same_workspace("lead", "brand", "brands.Brand"),
            same_workspace("lead", "conversation", "conversations.Conversation"),
            CompositeForeignKey(
                name="lead_conversation_brand",
                fields=("conversation", "brand"),
                to="conversations.Conversation",
                to_fields=("id", "brand"),
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index("workspace", F("created_at").desc(), F("id").desc(), name="lead_newest"),
            models.Index("workspace", "status", F("created_at").desc(), F("id").desc(), name="lead_by_status"),
            models.Index("workspace", "brand", F("created_at").desc(), F("id").desc(), name="lead_by_brand"),
            models.Index(
                "workspace", "brand", "status", F("created_at").desc(), F("id").desc(), name="lead_by_brand_status"
            ),
            models.Index("workspace", "updated_at", name="lead_updated"),
            models.Index("workspace", Lower("email"), condition=~Q(email=""), name="lead_by_email"),
            GinIndex(fields=["words"], name="lead_by_words"),
            stale_words_index("name", "email", "phone", "notes", name="lead_stale_words"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def topics(self) -> list[str]:
        """Return the topics to publish when this lead changes: those of all lists that may show it."""
        return topics_of(LEADS, self.workspace_id, self.brand_id)
