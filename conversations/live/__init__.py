"""Live queries about conversations: the same rows, actions and JSON as REST, and what the inbox needs beside them."""

from conversations.live import changes, lists, presence, threads, words

__all__ = ["changes", "lists", "presence", "threads", "words"]
