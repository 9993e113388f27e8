from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class LiveConfig(AppConfig):
    name = "praxtalk.core.live"
    label = "live"

    def ready(self) -> None:
        """Each app registers its functions in its own live.py."""
        autodiscover_modules("live")
