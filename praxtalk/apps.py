import django_stubs_ext
from django.apps import AppConfig
from django.contrib.staticfiles.apps import StaticFilesConfig as DjangoStaticFilesConfig
from django.db.backends.signals import connection_created

from praxtalk.celery import app as celery_app
from praxtalk.core.db.psycopg_loaders import read_fast

django_stubs_ext.monkeypatch()  # ModelAdmin[...] and the like may be written in code

__all__ = ["celery_app"]  # the app that @shared_task uses


class PraxtalkConfig(AppConfig):
    name = "praxtalk"

    def ready(self) -> None:
        connection_created.connect(read_fast)


class StaticFilesConfig(DjangoStaticFilesConfig):
    """Leaves out what no page links to: the browsable API, an API reference that is not used, the parts of /widget.js."""

    ignore_patterns = (*DjangoStaticFilesConfig.ignore_patterns, "rest_framework", "redoc", "widget")
