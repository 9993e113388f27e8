"""Settings. The environment is read here and nowhere else; docs/operations.md lists each variable.

Sections: environment, apps, data, REST, live queries, webhooks and timed work, e-mail, security, logs.
"""

import ipaddress
import os
import re
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from django.core.exceptions import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.retry import Retry

from praxtalk.data.headers import ascii_sender
from praxtalk.listening import local_url
from praxtalk.logs import logging_config
from praxtalk.openapi_settings import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

# --- environment ------------------------------------------------------------------------------------------------------

env = environ.Env()


def _refuse(name: str, hint: str) -> NoReturn:
    raise ImproperlyConfigured(f"{name} is missing or wrong: {hint}")


def _matching(name: str, pattern: str, hint: str, default: str = "") -> str:
    value: str = env.str(name, default=default)
    return value if re.fullmatch(pattern, value, re.IGNORECASE) else _refuse(name, hint)


def _integer(name: str, default: int, smallest: int, largest: int = 10**9) -> int:
    value = env.str(name, default="") or str(default)
    is_right = value.isdecimal() and smallest <= int(value) <= largest
    return int(value) if is_right else _refuse(name, f"a number from {smallest} to {largest}")


def _networks(name: str, default: str = "") -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        texts = env.str(name, default=default).split(",")
        return [ipaddress.ip_network(text.strip()) for text in texts if text.strip()]
    except ValueError as error:
        _refuse(name, f"networks like 10.0.0.0/8, separated by commas ({error})")


def _sender(name: str, default: str) -> str:
    try:
        return ascii_sender(env.str(name, default=default))
    except ValueError as error:
        _refuse(name, f"an e-mail address, or Name <address> ({error})")


DEBUG = _matching("DEBUG", "true|false", "true or false", default="false").lower() == "true"
SECRET_KEY = _matching("SECRET_KEY", ".{50,}", "at least 50 random characters, which sign cursors and sessions")
ENCRYPTION_KEYS = _matching(
    "ENCRYPTION_KEYS", r"(\w+:[\w-]{43}=(,\s*|$))+", "id:key pairs of Fernet keys, newest first, separated by commas"
)
DATABASE_URL = _matching("DATABASE_URL", "postgres(ql)?://.+", "postgresql://user:password@host/name")
REDIS_URL = _matching("REDIS_URL", "(rediss?|unix)://.+", "redis://:password@host:6379/0, of Valkey or Redis")
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data")))
ATTACHMENTS_DIR = env.str("ATTACHMENTS_DIR", default=str(DATA_DIR / "attachments"))
HOST = (env.str("HOST", default="") or "127.0.0.1").strip("[]")
PORT = _integer("PORT", 8000, 1, 65535)
BASE_URL = _matching("BASE_URL", r"https?://[^/\s]+/*", "http(s)://host, without a path", local_url(HOST, PORT)).rstrip(
    "/"
)
BASE_HOST = urlsplit(BASE_URL).hostname or ""
BASE_IS_IP = bool(re.fullmatch(r"[0-9.]+|.*:.*", BASE_HOST))
IS_LOCAL = {BASE_HOST, HOST} <= {"127.0.0.1", "localhost", "::1"}
ALLOWED_HOSTS = [
    *env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"]),
    f"[{BASE_HOST}]" if ":" in BASE_HOST else BASE_HOST,
]
WEB_PROCESSES = _integer("WEB_PROCESSES", os.cpu_count() or 1, 1)
SERVE_PID = _integer("SERVE_PID", 0, 0)
LOG_LEVEL = _matching("LOG_LEVEL", "debug|info|warning|error", "debug, info, warning or error", default="info").upper()
LOG_FORMAT = _matching("LOG_FORMAT", "console|json", "console or json", default="console")
TRUSTED_PROXIES = _networks("TRUSTED_PROXIES")
RATE_LIMIT_IP = _integer("RATE_LIMIT_IP", 60, 1)
RATE_LIMIT_READ_KEY = _integer("RATE_LIMIT_READ_KEY", 6000, 1)
RATE_LIMIT_WRITE_KEY = _integer("RATE_LIMIT_WRITE_KEY", 600, 1)
# Where only this machine reaches PraxTalk, PraxTalk may reach this machine: a receiver can be tried at once.
METRICS_TOKEN = _matching("METRICS_TOKEN", "(.{20,})?", "at least 20 characters, or nothing")
EMAIL_URL = _matching(
    "EMAIL_URL", r"(smtp|smtp\+tls|smtp\+ssl|consolemail)://.*", "smtp+tls://user:password@host:587", "consolemail://"
)
EMAIL_FROM = _sender("EMAIL_FROM", f"PraxTalk <praxtalk@{'localhost' if BASE_IS_IP else BASE_HOST}>")
WEBHOOK_ALLOW_CIDRS = _networks("WEBHOOK_ALLOW_CIDRS", default="127.0.0.0/8,::1/128" if IS_LOCAL else "")

# --- apps -------------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "praxtalk.dashboard.apps.DashboardConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "praxtalk",
    "praxtalk.api",
    "praxtalk.live",
    "brands",
    "integrations",
    "conversations",
    "leads",
    "widget",
]
MIDDLEWARE = [
    "praxtalk.api.request_id.RequestIdMiddleware",
    "praxtalk.api.cors.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "praxtalk.dashboard.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "brands.requests.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "praxtalk.urls"
ASGI_APPLICATION = "praxtalk.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LANGUAGE_CODE = "en"
USE_I18N = False  # the dashboard speaks English; the widget has its own languages
FORMAT_MODULE_PATH = "praxtalk.formats"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "attachments": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": ATTACHMENTS_DIR}},
}
WHITENOISE_USE_FINDERS = True  # serves what collectstatic has not collected, so a laptop needs no such step
warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)

# --- data -------------------------------------------------------------------------------------------------------------

DATABASES = {"default": env.db_url("DATABASE_URL", engine="django.db.backends.postgresql")}
DATABASES["default"] |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
# Statements are prepared from their third use on: half of PostgreSQL's time for a list.
DATABASES["default"].setdefault("OPTIONS", {}).update({"server_side_binding": True, "prepare_threshold": 3})
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "brands.Operator"
VALKEY_TIMEOUT_SECONDS = 0.2
VALKEY_OPTIONS: dict[str, Any] = {
    "socket_timeout": VALKEY_TIMEOUT_SECONDS,
    "socket_connect_timeout": VALKEY_TIMEOUT_SECONDS,
    "retry": Retry(NoBackoff(), 0),
}
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "praxtalk",
        "OPTIONS": {"CONNECTION_POOL_KWARGS": VALKEY_OPTIONS},
    }
}
CACHES["limits"] = CACHES["default"] | {"BACKEND": "praxtalk.api.counters.CountingCache"}

# --- REST -------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["integrations.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["praxtalk.api.permissions.WriteScopeToWrite"],
    "DEFAULT_PARSER_CLASSES": ["praxtalk.api.json.JsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["praxtalk.api.json.JsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "praxtalk.api.json.AlwaysJson",
    "DEFAULT_SCHEMA_CLASS": "praxtalk.api.openapi.Schema",
    "EXCEPTION_HANDLER": "praxtalk.api.errors.answer",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
MAX_UPLOAD_SIZE = 10 * 1024 * 1024 + 64 * 1024  # a whole body with a file in it
RATELIMIT_USE_CACHE, RATELIMIT_CACHE_PREFIX = "limits", "limit:"
SILENCED_SYSTEM_CHECKS = [
    "auth.E003",  # an operator's e-mail is unique in lower case, which the check does not see
    "django_ratelimit.E003",  # it knows no django_redis; that this cache counts across processes is tested
    "django_ratelimit.W001",
]

# --- live queries ------------------------------------------------------------------------------------------------------

LIVE_THREADS = 4  # of each web process, each with a database connection

# --- widget: how many a minute ------------------------------------------------------------------------------------------

WIDGET_CALLS_PER_IP = 600  # an office behind one address
WIDGET_STARTS_PER_IP = 20
WIDGET_STARTS_PER_BRAND = 600
WIDGET_MESSAGES_PER_VISITOR = 60
WIDGET_FILES_PER_VISITOR, WIDGET_FILES_PER_IP = 10, 30

# --- webhooks and timed work ------------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Celery's own 100 are over after 47 minutes without Valkey: the workers would end, and `serve` with them.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "celery:",
    "socket_timeout": 30,  # a Valkey that vanished without a word is noticed, and looked for again
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"integrations.tasks.pump": {"queue": "webhooks"}}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
_SECONDS_BETWEEN = {
    "integrations.tasks.pump": 5,
    "integrations.tasks.probe_paused": 60,
    "integrations.tasks.tell_owners": 60,
    "integrations.tasks.forget": 600,
    "conversations.tasks.wake_snoozed": 10,
    "conversations.tasks.forget_presence": 600,
    "conversations.tasks.send_transcripts": 10,
    "conversations.tasks.mail_mentions": 30,
    "widget.tasks.mail_replies": 30,
    "brands.tasks.send_letters": 5,
    "brands.tasks.forget_operator_sessions": 600,
    "brands.tasks.forget_mail_failures": 600,
    "praxtalk.api.tasks.forget_answers": 600,
    "praxtalk.live.tasks.forget_mutations": 600,
}
CELERY_BEAT_SCHEDULE = {
    task: {"task": task, "schedule": timedelta(seconds=seconds), "options": {"expires": max(seconds, 15)}}
    for task, seconds in _SECONDS_BETWEEN.items()
}

# --- e-mail -----------------------------------------------------------------------------------------------------------

vars().update(environ.Env.email_url_config(EMAIL_URL))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = EMAIL_FROM
EMAIL_TIMEOUT = 15

# --- security ---------------------------------------------------------------------------------------------------------

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "/app/login/"
SIGN_INS_A_MINUTE = 5  # by one address, and for one account
PASSWORD_RESET_TIMEOUT = 3 * 24 * 3600  # of invitations too
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [BASE_URL]
CSRF_FAILURE_VIEW = "praxtalk.dashboard.pages.csrf_failure"
if BASE_URL.startswith("https://"):
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    if TRUSTED_PROXIES:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- logs -------------------------------------------------------------------------------------------------------------

LOGGING = logging_config(level=LOG_LEVEL, as_json=LOG_FORMAT == "json")
