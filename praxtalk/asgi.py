"""The ASGI entry: WebSockets (praxtalk/websocket_server.py). `manage.py runserver` uses it for HTTP as well."""

import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")

http = get_asgi_application()  # first: it loads the apps, which the consumer needs

from praxtalk.core.live.consumer import SyncConsumer

# The clients of npm connect to /api/1.48.0/sync, that of PyPI to /api/sync. A client whose URL ends in a slash connects to
# //api/1.48.0/sync: Daphne (`runserver`) takes `//api` for a host and drops it, so the first part is optional.
SYNC = re_path(r"^(api/)?([\w.+-]{1,60}/)?sync$", SyncConsumer.as_asgi())


async def refuse(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """403 for a WebSocket on any other path."""
    await receive()
    await send({"type": "websocket.close"})


ANYTHING_ELSE = re_path("", refuse)  # type: ignore[arg-type]

application = ProtocolTypeRouter({"http": http, "websocket": URLRouter([SYNC, ANYTHING_ELSE])})
