"""manage.py runserver: HTTP and WebSockets in one process that reloads when code changes. For development."""

from daphne.management.commands.runserver import Command

__all__ = ["Command"]
