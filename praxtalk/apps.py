from django.apps import AppConfig
from django.db.backends.signals import connection_created

from praxtalk.data.timestamps import read_fast


class PraxtalkConfig(AppConfig):
    name = "praxtalk"

    def ready(self) -> None:
        connection_created.connect(read_fast)
