"""Live queries and mutations: the rows, actions and JSON of the REST API, and more that the inbox needs."""

from conversations.live import canned_replies, changes, lists, notifications, presence, tags, threads, visitors

__all__ = ["canned_replies", "changes", "lists", "notifications", "presence", "tags", "threads", "visitors"]
