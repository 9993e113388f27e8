"""The ASGI application. It serves WebSockets (praxtalk/websocket_server.py); `manage.py runserver` also uses it for HTTP."""

import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")

http = get_asgi_application()  # first, because it loads the apps, which the consumer needs

from praxtalk.core.live.consumer import SyncConsumer

# The npm client connects to /api/1.48.0/sync, the PyPI client to /api/sync. A client whose URL ends in a slash connects to
# //api/1.48.0/sync: Daphne (`runserver`) interprets `//api` as a host and drops it, so `api/` is optional here.
SYNC = re_path(r"^(api/)?([\w.+-]{1,60}/)?sync$", SyncConsumer.as_asgi())


async def reject(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Refuse a WebSocket on any other path with 403."""
    await receive()
    await send({"type": "websocket.close"})


ANYTHING_ELSE = re_path("", reject)  # type: ignore[arg-type]

application = ProtocolTypeRouter({"http": http, "websocket": URLRouter([SYNC, ANYTHING_ELSE])})
