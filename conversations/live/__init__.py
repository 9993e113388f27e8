"""Live queries and mutations: the same rows, actions and JSON as in the REST API, and what else the inbox needs."""

from conversations.live import canned_replies, changes, lists, notifications, presence, tags, threads, visitors

__all__ = ["canned_replies", "changes", "lists", "notifications", "presence", "tags", "threads", "visitors"]
