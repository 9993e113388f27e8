"""Live queries and mutations: the same rows, actions and JSON as in the REST API, and what else the inbox needs."""

from conversations.live import changes, lists, presence, threads, words

__all__ = ["changes", "lists", "presence", "threads", "words"]
