"""Visitors and conversations."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Operator, Workspace
from accounts.scope import topics_of
from brands.models import Brand
from conversations.search import DeferWordsManager, WordsDigestField, WordsField, stale_words_index
from praxtalk.core.db.constraints import CompositeForeignKey, same_workspace
from praxtalk.core.db.ids import new_id

PREVIEW_LENGTH = 140
MAX_EXTERNAL_ID_LENGTH = 200
MAX_LOCALE_LENGTH = 35
MAX_PAGE_URL_LENGTH = 2_000
MAX_BROWSER_LENGTH = 200
MAX_TIME_ZONE_LENGTH = 64
MAX_RATING_COMMENT_LENGTH = 1_000
INBOX = "conversations"  # the kind of topics to which lists of conversations subscribe, see `accounts.scope.topics_of`


class Channel(models.TextChoices):
    """How a conversation or a message arrived."""

    WIDGET = "widget"
    API = "api"
    DASHBOARD = "dashboard"


class Visitor(models.Model):
    """A person who writes in the widget. A visitor belongs to one brand; nothing links the same person across brands."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="visitors")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="visitors")
    name = models.CharField(max_length=200)
    email = models.EmailField(max_length=254, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    # The site's own id of the visitor, verified by an HMAC. Null for an anonymous visitor.
    external_id = models.CharField(max_length=MAX_EXTERNAL_ID_LENGTH, null=True, blank=True)
    # The client's id of the form that created the visitor. Submitting the form twice creates one visitor.
    start_id = models.UUIDField(null=True, blank=True, editable=False)
    locale = models.CharField(max_length=MAX_LOCALE_LENGTH, blank=True, default="", db_default="")  # of their browser
    blocked_at = models.DateTimeField(null=True, blank=True)  # if set, their messages are rejected
    # The page on which they wrote, the page that linked to it, the browser and its system, and a zone such as "Asia/Tokyo".
    page = models.URLField(max_length=MAX_PAGE_URL_LENGTH, blank=True, default="", db_default="")
    referrer = models.URLField(max_length=MAX_PAGE_URL_LENGTH, blank=True, default="", db_default="")
    browser = models.CharField(max_length=MAX_BROWSER_LENGTH, blank=True, default="", db_default="")
    time_zone = models.CharField(max_length=MAX_TIME_ZONE_LENGTH, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now)
    words = WordsField("name", "email", "phone")
    words_digest = WordsDigestField("name", "email", "phone")

    objects = DeferWordsManager["Visitor"]()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            same_workspace("visitor", "brand", "brands.Brand"),
            models.UniqueConstraint(fields=["id", "brand"], name="visitor_in_brand"),
            models.UniqueConstraint(fields=["brand", "external_id"], name="visitor_external_id_unique"),
            models.UniqueConstraint(fields=["brand", "start_id"], name="visitor_start_id_unique"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            GinIndex(fields=["words"], name="visitor_by_words"),
            stale_words_index("name", "email", "phone", name="visitor_stale_words"),
            models.Index("workspace", F("created_at").desc(), F("id").desc(), name="visitor_newest"),
            models.Index("workspace", "brand", F("created_at").desc(), F("id").desc(), name="visitor_by_brand"),
        ]

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def topic(workspace_id: UUID, visitor_id: UUID | str) -> str:
        """Return the topic of the visitor's details and of everything that the visitor sees of their thread."""
        return f"visitor.{workspace_id}.{visitor_id}"


def private_operator_fields(path: str) -> list[str]:
    """Return the operator's fields at `path` that no response shows, for `defer`.

    Showing an operator's name must not load their password hash.
    """
    shown = ("id", "workspace", "name")
    return [f"{path}__{field.name}" for field in Operator._meta.concrete_fields if field.name not in shown]


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def with_people(self) -> "ConversationQuerySet":
        """Load each row with its visitor and assignee, in one query."""
        return self.with_assignee().select_related("visitor").defer("visitor__words", "visitor__words_digest")

    def with_assignee(self) -> "ConversationQuerySet":
        """Load each row with its assignee, in one query. Use it if the visitor is loaded already."""
        return self.select_related("assignee").defer(*private_operator_fields("assignee"))


class Conversation(models.Model):
    """One thread between a visitor and the operators of a brand."""

    class Status(models.TextChoices):
        OPEN = "open"
        SNOOZED = "snoozed"
        RESOLVED = "resolved"
        CLOSED = "closed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="conversations", db_index=False)
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="conversations")
    visitor = models.ForeignKey(Visitor, on_delete=models.PROTECT, related_name="conversations")
    assignee = models.ForeignKey(Operator, on_delete=models.SET_NULL, null=True, blank=True, related_name="assigned")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    preview = models.CharField(max_length=PREVIEW_LENGTH, blank=True)
    message_count = models.PositiveIntegerField(default=0)
    last_position = models.PositiveIntegerField(default=0)
    # The conversation is unread for operators who have not read up to here: the visitor's newest message, or, after a snooze has
    # ended, the newest entry at that time.
    unread_position = models.PositiveIntegerField(default=0, db_default=0, db_column="visitor_position")
    snoozed_until = models.DateTimeField(null=True, blank=True)
    mail_due_at = models.DateTimeField(null=True, blank=True)  # when to e-mail unseen replies to the visitor
    mail_attempts = models.PositiveSmallIntegerField(default=0, db_default=0)  # to send the e-mail that is due
    mailed_position = models.PositiveIntegerField(default=0, db_default=0)  # of the last reply sent by e-mail
    # The time of the first message of the visitor that nobody has answered. Always null while resolved or closed.
    waiting_since = models.DateTimeField(null=True, blank=True)
    first_reply_at = models.DateTimeField(null=True, blank=True)
    first_reply_by = models.ForeignKey(
        Operator, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    resolved_at = models.DateTimeField(null=True, blank=True)  # set only while resolved or closed
    rating = models.PositiveSmallIntegerField(null=True, blank=True)  # the visitor's, from 1 (bad) to 5 (good)
    rating_comment = models.CharField(max_length=MAX_RATING_COMMENT_LENGTH, blank=True, default="", db_default="")
    rated_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    last_message_at = models.DateTimeField(default=timezone.now)
    # The time of the last message or the last end of a snooze.
    last_activity_at = models.DateTimeField(default=timezone.now, db_default=Now())

    objects = ConversationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["id", "workspace"], name="conversation_in_workspace"),
            models.UniqueConstraint(fields=["id", "brand"], name="conversation_in_brand"),
            models.CheckConstraint(
                condition=Q(status__in=["open", "snoozed", "resolved", "closed"]), name="conversation_status_known"
            ),
            models.CheckConstraint(
                condition=Q(channel__in=["widget", "api", "dashboard"]), name="conversation_channel_known"
            ),
            models.CheckConstraint(
                condition=Q(status="snoozed") | Q(snoozed_until__isnull=True),
                name="conversation_wakes_only_when_snoozed",
            ),
            models.CheckConstraint(
                condition=Q(message_count__lte=F("last_position")), name="conversation_counts_agree"
            ),
            models.CheckConstraint(condition=Q(rating__range=(1, 5)), name="conversation_rating_range"),
            same_workspace("conversation", "brand", "brands.Brand"),
            same_workspace("conversation", "assignee", "accounts.Operator"),
            same_workspace("conversation", "first_reply_by", "accounts.Operator"),
            CompositeForeignKey(
                name="conversation_visitor_brand",
                fields=("visitor", "brand"),
                to="conversations.Visitor",
                to_fields=("id", "brand"),
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index("workspace", F("last_activity_at").desc(), F("id").desc(), name="conversation_newest"),
            models.Index(
                "workspace", "status", F("last_activity_at").desc(), F("id").desc(), name="conversation_by_status"
            ),
            models.Index(
                "workspace",
                "brand",
                "status",
                F("last_activity_at").desc(),
                F("id").desc(),
                name="conversation_by_brand_status",
            ),
            models.Index(
                "workspace", "brand", F("last_activity_at").desc(), F("id").desc(), name="conversation_by_brand"
            ),
            models.Index(
                "workspace",
                "assignee",
                "status",
                F("last_activity_at").desc(),
                F("id").desc(),
                name="conversation_by_assignee",
            ),
            models.Index(
                "workspace",
                "waiting_since",
                "id",
                condition=Q(waiting_since__isnull=False),
                name="conversation_waiting",
            ),
            models.Index(
                "workspace",
                "brand",
                "waiting_since",
                "id",
                condition=Q(waiting_since__isnull=False),
                name="conversation_waiting_by_brand",
            ),
            models.Index("workspace", "updated_at", name="conversation_updated"),
            models.Index("workspace", "created_at", name="conversation_by_creation"),
            models.Index("snoozed_until", condition=Q(snoozed_until__isnull=False), name="conversation_wakes"),
            models.Index("mail_due_at", condition=Q(mail_due_at__isnull=False), name="conversation_mail_due"),
        ]

    def __str__(self) -> str:
        return f"Conversation {self.id}"

    @property
    def topics(self) -> list[str]:
        """Return the topics to publish after a change: the conversation, its visitor's thread, and all lists that may show it."""
        thread = Visitor.topic(self.workspace_id, self.visitor_id)
        return [self.thread_topic, thread, *topics_of(INBOX, self.workspace_id, self.brand_id)]

    @property
    def thread_topic(self) -> str:
        """Return the topic to publish after a change that only operators see, and only in the thread."""
        return self.topic(self.workspace_id, self.pk)

    @staticmethod
    def topic(workspace_id: UUID, conversation_id: UUID | str) -> str:
        """Return the topic of one conversation.

        Pass the caller's own workspace id. The topic of another workspace's conversation is then never published.
        """
        return f"conversation.{workspace_id}.{conversation_id}"
