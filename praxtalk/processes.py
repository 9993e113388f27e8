"""What a node runs: the front (Caddy), web servers (Granian), socket servers (Uvicorn), workers and the beat (Celery)."""

import shutil
import sys
from pathlib import Path

from django.conf import settings

from praxtalk.demo import DemoShop
from praxtalk.endpoints import Endpoint
from praxtalk.supervisor import Child

BACKLOG = 1024
FRONT_MEMORY = "512MiB"  # what Caddy needs beyond it, it gives back as soon as it can
# Skip Django's system checks, which import every page and view: `manage.py check` and CI run them.
WORKER = {"PROCESS_TYPE": "worker", "CELERY_SKIP_CHECKS": "1"}


def python(*arguments: str) -> list[str]:
    """A command of this Python."""
    return [sys.executable, *arguments]


def front(web: Endpoint, sockets: list[Endpoint]) -> Child:
    """Caddy on the one port that everybody uses."""
    environment = {
        "SITE": f"https://{settings.DOMAIN}" if settings.DOMAIN else f"http://:{settings.PORT}",
        "PLAIN_SITE": f"http://{settings.DOMAIN or 'plain.invalid'}",
        "HTTPS_SUFFIX": "" if settings.PORT == 443 else f":{settings.PORT}",
        "BIND": settings.HOST,
        "HTTP_PORT": str(settings.HTTP_PORT if settings.DOMAIN else settings.PORT),
        "HTTPS_PORT": str(settings.PORT if settings.DOMAIN else 443),
        "WEB": web.upstream,
        "SOCKETS": " ".join(endpoint.upstream for endpoint in sockets),
        "STATIC_ROOT": str(settings.STATIC_ROOT),
        "TRUSTED_PROXIES": " ".join(str(network) for network in settings.TRUSTED_PROXIES),
        "STORAGE": str(settings.DATA_DIR / "caddy"),
        "LOG_FORMAT": settings.LOG_FORMAT,
        "LOG_LEVEL": "WARN" if settings.DOMAIN else "ERROR",
        "PROTOCOLS": "h1 h2 h3" if settings.DOMAIN else "h1",
        "GOMEMLIMIT": FRONT_MEMORY,
    }
    command = [caddy(), "run", "--config", str(settings.BASE_DIR / "Caddyfile"), "--adapter", "caddyfile"]
    return Child("front", command, 1, environment)


def caddy() -> str:
    """The program: that of this Python's packages, or the system's. Raises FileNotFoundError."""
    found = shutil.which("caddy", path=str(Path(sys.executable).parent)) or shutil.which("caddy")
    if found is None:
        raise FileNotFoundError("Caddy is not installed: pip install -r requirements.txt")
    return found


def web(endpoint: Endpoint) -> Child:
    """Granian: WEB_PROCESSES workers of WEB_THREADS threads."""
    command = python("-m", "granian", "--interface", "wsgi", "--no-ws", "--log-level", "warning")
    command += ["--workers", str(settings.WEB_PROCESSES), "--blocking-threads", str(settings.WEB_THREADS)]
    command += ["--backlog", str(BACKLOG), "--respawn-failed-workers", "--respawn-interval", "0.2"]
    command += ["--workers-kill-timeout", "20"]
    if endpoint.path:
        command += ["--uds", endpoint.path, "--uds-permissions", "600"]
    else:
        command += ["--host", endpoint.host, "--port", str(endpoint.port)]
    command.append("praxtalk.wsgi:application")
    return Child("web", command, 2, {"PROCESS_TYPE": "web"}, endpoint.path)


def sockets(endpoint: Endpoint, number: int) -> Child:
    """Uvicorn, for WebSockets alone."""
    command = python("-m", "praxtalk.websocket_server")
    command += ["--uds", endpoint.path] if endpoint.path else ["--host", endpoint.host, "--port", str(endpoint.port)]
    return Child(f"sockets.{number}", command, 0, {"PROCESS_TYPE": "sockets"}, endpoint.path)


def demo_shop(shop: DemoShop) -> Child:
    """The shop of the demo workspace, on a port of its own."""
    command = python("-m", "praxtalk.demo_shop", "--bind", settings.HOST, "--port", str(shop.port))
    command += ["--host", settings.BASE_URL, "--widget-id", shop.widget_id]
    return Child("shop", command, 0)


def workers() -> dict[str, Child]:
    """The Celery processes, by part name."""

    return {
        "worker": Child("worker", python("-m", "praxtalk.worker", "default"), 3, WORKER),
        "webhooks": Child("webhooks", python("-m", "praxtalk.worker", "webhooks"), 3, WORKER),
        "beat": Child("beat", python("-m", "praxtalk.beat"), 0, {"DJANGO_SETTINGS_MODULE": ""}),
    }
