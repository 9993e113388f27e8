from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class LiveConfig(AppConfig):
    name = "praxtalk.core.live"
    label = "live"

    def ready(self) -> None:
        """Import the `live` module of each app, which registers the functions of that app."""
        autodiscover_modules("live")
