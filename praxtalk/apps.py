import django_stubs_ext
from django.apps import AppConfig
from django.contrib.staticfiles.apps import StaticFilesConfig as DjangoStaticFilesConfig
from django.db.backends.signals import connection_created

from praxtalk.celery import app as celery_app
from praxtalk.core.db.psycopg_loaders import register_utc_loader

django_stubs_ext.monkeypatch()  # allows ModelAdmin[...] and similar generics at run time

__all__ = ["celery_app"]  # importing it makes it the app that @shared_task uses


class PraxtalkConfig(AppConfig):
    name = "praxtalk"

    def ready(self) -> None:
        connection_created.connect(register_utc_loader)


class StaticFilesConfig(DjangoStaticFilesConfig):
    """Skip files that no page links to: the browsable API, the API reference Redoc, the sources of /widget.js, and types."""

    ignore_patterns = (*DjangoStaticFilesConfig.ignore_patterns, "rest_framework", "redoc", "widget", "*.d.ts")
