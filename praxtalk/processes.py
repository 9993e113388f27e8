"""The processes of a node: reverse proxy (Caddy), web server (Granian), WebSocket servers (Uvicorn), Celery workers and beat."""

import shutil
import sys
from pathlib import Path

from django.conf import settings

from praxtalk.demo import DemoShop
from praxtalk.endpoints import Endpoint
from praxtalk.supervisor import Child

BACKLOG = 1024
CADDY_MEMORY_LIMIT = "512MiB"  # a soft limit: Caddy frees memory beyond it as soon as possible
# Workers skip Django's system checks, which import all pages and views. `manage.py check` and CI run the checks.
WORKER_ENVIRONMENT = {"PROCESS_TYPE": "worker", "CELERY_SKIP_CHECKS": "1"}


def python_command(*arguments: str) -> list[str]:
    """Return a command that runs the current Python interpreter with these arguments."""
    return [sys.executable, *arguments]


def reverse_proxy(web: Endpoint, sockets: list[Endpoint]) -> Child:
    """Return the process of Caddy, the reverse proxy on the node's public port."""
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
        "GOMEMLIMIT": CADDY_MEMORY_LIMIT,
    }
    command = [caddy_path(), "run", "--config", str(settings.BASE_DIR / "Caddyfile"), "--adapter", "caddyfile"]
    return Child("front", command, 1, environment)


def caddy_path() -> str:
    """Return the path of Caddy: that of the Python package if it is installed, else the system's. Raises FileNotFoundError."""
    path = shutil.which("caddy", path=str(Path(sys.executable).parent)) or shutil.which("caddy")
    if path is None:
        raise FileNotFoundError("Caddy is not installed: pip install -r requirements.txt")
    return path


def web(endpoint: Endpoint) -> Child:
    """Return the process of Granian, which runs WEB_PROCESSES workers of WEB_THREADS threads each."""
    command = python_command("-m", "granian", "--interface", "wsgi", "--no-ws", "--log-level", "warning")
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
    """Return the process of Uvicorn, which serves only WebSockets."""
    command = python_command("-m", "praxtalk.websocket_server")
    command += ["--uds", endpoint.path] if endpoint.path else ["--host", endpoint.host, "--port", str(endpoint.port)]
    return Child(f"sockets.{number}", command, 0, {"PROCESS_TYPE": "sockets"}, endpoint.path)


def demo_shop(shop: DemoShop) -> Child:
    """Return the process of the demo workspace's shop, on its own port."""
    command = python_command("-m", "praxtalk.demo_shop", "--bind", settings.HOST, "--port", str(shop.port))
    command += ["--host", settings.BASE_URL, "--widget-id", shop.widget_id]
    return Child("shop", command, 0)


def workers() -> dict[str, Child]:
    """Return the Celery processes by the names that `serve --only` accepts."""
    return {
        "worker": Child("worker", python_command("-m", "praxtalk.worker", "default"), 3, WORKER_ENVIRONMENT),
        "webhooks": Child("webhooks", python_command("-m", "praxtalk.worker", "webhooks"), 3, WORKER_ENVIRONMENT),
        "beat": Child("beat", python_command("-m", "praxtalk.beat"), 0, {"DJANGO_SETTINGS_MODULE": ""}),
    }
