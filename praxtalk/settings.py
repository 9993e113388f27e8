"""Django settings. They are read from the environment with praxtalk/environment.py; docs/operations.md lists the variables.

Sections: environment, apps, data, REST, live queries, widget, Celery, e-mail, security, logs.
"""

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from redis.backoff import NoBackoff
from redis.retry import Retry

from praxtalk.celery_schedule import CELERY_BEAT_SCHEDULE as CELERY_BEAT_SCHEDULE
from praxtalk.core.db.connections import database_settings
from praxtalk.endpoints import local_url, wildcard_address
from praxtalk.environment import env, integer, matching, networks, require, sender
from praxtalk.logs import logging_config
from praxtalk.openapi_settings import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS

BASE_DIR = Path(__file__).resolve().parent.parent

# --- environment ------------------------------------------------------------------------------------------------------

require("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENCRYPTION_KEYS")
DEBUG = matching("DEBUG", "true|false", "true or false", default="false").lower() == "true"
SECRET_KEY = matching("SECRET_KEY", ".{50,}", "at least 50 random characters, which sign cursors and sessions")
_fallbacks = matching(
    "SECRET_KEY_FALLBACKS", r"(\s*[^,\s]{50,}\s*(,|$))*", "earlier values of SECRET_KEY, separated by commas"
)
SECRET_KEY_FALLBACKS = [key.strip() for key in _fallbacks.split(",") if key.strip()]
ENCRYPTION_KEYS = matching(
    "ENCRYPTION_KEYS", r"(\w+:[\w-]{43}=(,\s*|$))+", "id:key pairs of Fernet keys, newest first, separated by commas"
)
DATABASE_URL = matching("DATABASE_URL", "postgres(ql)?://.+", "postgresql://user:password@host/name")
REDIS_URL = matching("REDIS_URL", "(rediss?|unix)://.+", "redis://:password@host:6379/0, of Valkey or Redis")
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data")))
ATTACHMENTS_DIR = env.str("ATTACHMENTS_DIR", default=str(DATA_DIR / "attachments"))
DOMAIN = matching("DOMAIN", r"([\w-]+(\.[\w-]+)*)?", "a host name like chat.example.com, or nothing")
HOST = (env.str("HOST", default="") or (wildcard_address() if DOMAIN else "127.0.0.1")).strip("[]")
PORT = integer("PORT", 443 if DOMAIN else 8000, 1, 65535)
HTTP_PORT = integer("HTTP_PORT", 80, 1, 65535)
_own_url = f"https://{DOMAIN}{'' if PORT == 443 else f':{PORT}'}" if DOMAIN else local_url(HOST, PORT)
BASE_URL = matching("BASE_URL", r"https?://[^/\s]+/*", "http(s)://host, without a path", _own_url).rstrip("/")
BASE_HOST = urlsplit(BASE_URL).hostname or ""
BASE_IS_IP = bool(re.fullmatch(r"[0-9.]+|.*:.*", BASE_HOST))
IS_LOCAL = {BASE_HOST, HOST} <= {"127.0.0.1", "localhost", "::1"}
ALLOWED_HOSTS = [
    *env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"]),
    f"[{BASE_HOST}]" if ":" in BASE_HOST else BASE_HOST,
]
WEB_PROCESSES = integer("WEB_PROCESSES", os.cpu_count() or 1, 1)
WEB_THREADS = integer("WEB_THREADS", 4, 4, 64)
SOCKET_PROCESSES = integer("SOCKET_PROCESSES", 1, 1, 64)
PROCESS_TYPE = matching("PROCESS_TYPE", "web|sockets|worker|command", "set by serve for its processes", "command")
LOG_LEVEL = matching("LOG_LEVEL", "debug|info|warning|error", "debug, info, warning or error", default="info").upper()
LOG_FORMAT = matching("LOG_FORMAT", "console|json", "console or json", default="console")
HSTS_SCOPE = matching("HSTS_SCOPE", "host|subdomains|preload", "host, subdomains or preload", default="host").lower()
TRUSTED_PROXIES = networks("TRUSTED_PROXIES")
RATE_LIMIT_IP = integer("RATE_LIMIT_IP", 60, 1)
RATE_LIMIT_READ_KEY = integer("RATE_LIMIT_READ_KEY", 6000, 1)
RATE_LIMIT_WRITE_KEY = integer("RATE_LIMIT_WRITE_KEY", 600, 1)
METRICS_TOKEN = matching("METRICS_TOKEN", "(.{20,})?", "at least 20 characters, or nothing")
EMAIL_URL = matching(
    "EMAIL_URL", r"(smtp|smtp\+tls|smtp\+ssl|consolemail)://.*", "smtp+tls://user:password@host:587", "consolemail://"
)
EMAIL_FROM = sender("EMAIL_FROM", f"PraxTalk <praxtalk@{'localhost' if BASE_IS_IP else BASE_HOST}>")
# While PraxTalk is reachable only from this machine, webhooks may be sent to this machine, so that developers can try a receiver.
WEBHOOK_ALLOW_CIDRS = networks("WEBHOOK_ALLOW_CIDRS", default="127.0.0.0/8,::1/128" if IS_LOCAL else "")

# --- apps -------------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "praxtalk",  # before staticfiles, whose runserver it overrides with one that also serves WebSockets
    "praxtalk.core.dashboard.apps.DashboardConfig",
    "django.contrib.admin.apps.SimpleAdminConfig",  # no autodiscovery: praxtalk/urls.py loads the pages, and workers need none
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.forms",
    "praxtalk.apps.StaticFilesConfig",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "praxtalk.core.api",
    "praxtalk.core.live",
    "accounts",
    "brands",
    "integrations",
    "conversations",
    "leads",
    "widget",
]
MIDDLEWARE = [
    "praxtalk.core.api.address.ForwardedProtoMiddleware",
    "praxtalk.core.api.request_id.RequestIdMiddleware",
    "praxtalk.core.api.cors.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "praxtalk.core.dashboard.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.ActorMiddleware",
    "accounts.middleware.TimeZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
FORM_RENDERER = "praxtalk.core.dashboard.forms.FormRenderer"
ROOT_URLCONF = "praxtalk.urls"
ASGI_APPLICATION = "praxtalk.asgi.application"
WSGI_APPLICATION = "praxtalk.wsgi.application"
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
USE_I18N = False  # the dashboard is in English; the widget has its own translations
FORMAT_MODULE_PATH = "praxtalk.formats"
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(DATA_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "staticfiles": {"BACKEND": "praxtalk.static_files.HashedStaticFilesStorage"},
    "attachments": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": ATTACHMENTS_DIR}},
}

# --- data -------------------------------------------------------------------------------------------------------------

CONNECT_TIMEOUT = integer("CONNECT_TIMEOUT", 5, 1)
STATEMENT_TIMEOUT = integer("STATEMENT_TIMEOUT", 15, 0)
WORKER_STATEMENT_TIMEOUT = integer("WORKER_STATEMENT_TIMEOUT", 600, 0)
LOCK_TIMEOUT = integer("LOCK_TIMEOUT", 5, 0)
IDLE_TRANSACTION_TIMEOUT = integer("IDLE_TRANSACTION_TIMEOUT", 30, 0)
_statement_timeouts = {"worker": WORKER_STATEMENT_TIMEOUT, "command": 0}
DATABASES = {
    "default": database_settings(
        env.db_url("DATABASE_URL", engine="praxtalk.core.db.postgresql"),
        is_server=PROCESS_TYPE in ("web", "sockets"),
        connect_timeout=CONNECT_TIMEOUT,
        statement_timeout=_statement_timeouts.get(PROCESS_TYPE, STATEMENT_TIMEOUT),
        lock_timeout=0 if PROCESS_TYPE == "command" else LOCK_TIMEOUT,
        idle_transaction_timeout=0 if PROCESS_TYPE == "command" else IDLE_TRANSACTION_TIMEOUT,
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.Operator"
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
CACHES["limits"] = CACHES["default"] | {"BACKEND": "praxtalk.core.api.counters.PrecountedCache"}

# --- REST -------------------------------------------------------------------------------------------------------------

# Paths whose errors are JSON, and which pages of any site may call.
JSON_API_PREFIXES = ("/api/", "/widget/v1/")
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["integrations.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["praxtalk.core.api.permissions.WriteScopeOrReadOnly"],
    "DEFAULT_PARSER_CLASSES": ["praxtalk.core.api.json.JsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["praxtalk.core.api.json.JsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "praxtalk.core.api.json.JsonContentNegotiation",
    "DEFAULT_SCHEMA_CLASS": "praxtalk.core.api.openapi.Schema",
    "EXCEPTION_HANDLER": "praxtalk.core.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
FILE_UPLOAD_HANDLERS = ["praxtalk.core.api.uploads.UnnamedFileUploadHandler"]
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
MAX_UPLOAD_SIZE = 10 * 1024 * 1024 + 64 * 1024  # the whole body of a request with a file
RATELIMIT_USE_CACHE, RATELIMIT_CACHE_PREFIX = "limits", "limit:"
SILENCED_SYSTEM_CHECKS = [
    "auth.E003",  # the check does not recognise the e-mail's unique constraint, which is on the lower case
    "django_ratelimit.E003",  # the check does not know django_redis; a test shows that it counts across processes
    "django_ratelimit.W001",
    "security.W005",  # HSTS_SCOPE decides: subdomains may still use HTTP
    "security.W021",  # HSTS_SCOPE decides: browsers take months to remove a preloaded host
]

# --- live queries ------------------------------------------------------------------------------------------------------

LIVE_THREADS = 4  # per WebSocket process, each with a database connection

# --- widget: limits per minute ------------------------------------------------------------------------------------------

WIDGET_CALLS_PER_IP = 600  # an office may share one address
WIDGET_STARTS_PER_IP = 20
WIDGET_STARTS_PER_BRAND = 600
WIDGET_MESSAGES_PER_VISITOR = 60
WIDGET_FILES_PER_VISITOR, WIDGET_FILES_PER_IP = 10, 30

# --- Celery -----------------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# With Celery's default of 100 retries, the workers would exit after 47 minutes without Valkey, and `serve` with them.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "celery:",
    "socket_timeout": 30,  # detects a connection that was lost without being closed, and reconnects
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"integrations.tasks.dispatch_webhooks": {"queue": "webhooks"}}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False

# --- e-mail -----------------------------------------------------------------------------------------------------------

vars().update(environ.Env.email_url_config(EMAIL_URL))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = EMAIL_FROM
EMAIL_TIMEOUT = 15
EMAIL_IS_CONFIGURED = not EMAIL_URL.startswith("consolemail")

# --- security ---------------------------------------------------------------------------------------------------------

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = LOGOUT_REDIRECT_URL = "/app/login/"
SIGN_INS_A_MINUTE = 5  # failures of one client and account; accounts.throttling derives its other limits from this
PASSWORD_RESET_TIMEOUT = 3 * 24 * 3600  # also the lifetime of invitations
CSRF_TRUSTED_ORIGINS = [BASE_URL]
CSRF_FAILURE_VIEW = "accounts.dashboard.expired_forms.csrf_failure"
if BASE_URL.startswith("https://"):
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = HSTS_SCOPE in ("subdomains", "preload")
    SECURE_HSTS_PRELOAD = HSTS_SCOPE == "preload"
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # see praxtalk/core/api/address.py

# --- logs -------------------------------------------------------------------------------------------------------------

LOGGING = logging_config(level=LOG_LEVEL, as_json=LOG_FORMAT == "json")
