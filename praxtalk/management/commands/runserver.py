"""manage.py runserver: serve HTTP and WebSockets from one process that reloads when code changes. For development only."""

from daphne.management.commands.runserver import Command

__all__ = ["Command"]
