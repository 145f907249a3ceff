"""Production: PostgreSQL, Redis, Celery, a reverse proxy that speaks TLS. Everything comes from the environment.

What is missing stops the start and is named, all of it at once. `.env.example` lists every variable read here and in
`base`; a test compares the two. See docs/operations.md.
"""

import os
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from marketplace.logs import logging_configuration
from marketplace.settings.base import *  # noqa: F403
from marketplace.settings.base import MIDDLEWARE, VAR_DIR, env, mail_server

#: Without these nothing starts.
REQUIRED = (
    "DJANGO_SECRET_KEY",
    "DJANGO_ALLOWED_HOSTS",
    "SITE_ADDRESS",
    "DATABASE_URL",
    "SEARCH_URL",
    "BROKER_URL",
    "CACHE_URL",
    "EMAIL_URL",
    "DEFAULT_FROM_EMAIL",
    "INTEGRITY_KEYS",
)
SHORTEST_SECRET = 50


def _refuse_incomplete_environment() -> None:
    missing = [name for name in REQUIRED if not env.str(name, default="").strip()]
    if missing:
        raise ImproperlyConfigured(f"缺少环境变量：{'、'.join(missing)}。请对照 .env.example 补齐后重新启动。")
    if urlsplit(env.str("SITE_ADDRESS")).scheme != "https":
        raise ImproperlyConfigured("SITE_ADDRESS 必须是以 https:// 开头的站点地址，邮件中的链接以它开头。")
    if urlsplit(env.str("DATABASE_URL")).scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured("DATABASE_URL 必须是 postgres://用户:密码@主机:端口/数据库。")
    if os.environ.get("DEMO_WITHOUT_SECOND_FACTOR"):
        raise ImproperlyConfigured("DEMO_WITHOUT_SECOND_FACTOR 只用于演示，生产环境不能关闭两步验证，请删去该变量。")
    if len(env.str("DJANGO_SECRET_KEY")) < SHORTEST_SECRET:
        raise ImproperlyConfigured(f"DJANGO_SECRET_KEY 至少 {SHORTEST_SECRET} 个字符，生成方法见 docs/operations.md。")


_refuse_incomplete_environment()

DEBUG = False
SECRET_KEY = env.str("DJANGO_SECRET_KEY")
#: Keys that still open what was signed before the last change of key (docs/operations.md).
SECRET_KEY_FALLBACKS = env.list("DJANGO_SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("DJANGO_ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = [env.str("SITE_ADDRESS").rstrip("/")]

# --- behind the proxy --------------------------------------------------------------------------------------------

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
#: Probes and figures are asked from inside, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^statusz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.int("DJANGO_HSTS_SECONDS", default=365 * 24 * 3600)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
# Entering a domain into the browsers' preload list binds all of it for years: the domain's owner decides that.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
#: How many proxies of ours stand in front; the visitor's address is that far from the right of X-Forwarded-For.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=1)
#: Who may read /statusz and /metrics without signing in.
MONITORING_NETWORKS = env.list("MONITORING_NETWORKS", default=["127.0.0.0/8", "::1/128"])
MIDDLEWARE = [
    *MIDDLEWARE[: MIDDLEWARE.index("core.middleware.RequestIdMiddleware") + 1],
    "marketplace.logs.AccessLogMiddleware",
    *MIDDLEWARE[MIDDLEWARE.index("core.middleware.RequestIdMiddleware") + 1 :],
]

# --- servers -----------------------------------------------------------------------------------------------------


def _database() -> dict[str, Any]:
    """PostgreSQL with psycopg's pool: connections outlive requests, and never exceed what the server has room for."""
    maximum = env.int("DATABASE_POOL_SIZE", default=6)
    options: dict[str, Any] = {"connect_timeout": 5, "keepalives_idle": 30, "keepalives_interval": 10}
    if maximum:
        options["pool"] = {
            "min_size": 1,
            "max_size": maximum,
            "timeout": 5,
            "max_lifetime": 1800,
            "max_idle": 300,
            # The pool waits twice as long after each failed attempt: given up early, the next request begins anew, and
            # pages answer seconds after the database does, however long it was away.
            "reconnect_timeout": 4,
        }
    database = env.db_url("DATABASE_URL")
    return database | {
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        # A pooler in transaction mode (pgbouncer) in between cannot keep server-side cursors.
        "DISABLE_SERVER_SIDE_CURSORS": env.bool("DATABASE_BEHIND_POOLER", default=False),
        "OPTIONS": database.get("OPTIONS", {}) | options,
    }


DATABASES = {"default": _database()}
CACHES = {
    "default": {
        "BACKEND": "marketplace.caching.PatientRedisCache",
        "LOCATION": env.list("CACHE_URL"),
        "KEY_PREFIX": "marketplace",
        "OPTIONS": {"socket_connect_timeout": 0.3, "socket_timeout": 0.5},
    }
}
SEARCH_URL = env.str("SEARCH_URL")
vars().update(mail_server(env.email("EMAIL_URL")))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- files -------------------------------------------------------------------------------------------------------

#: Gathered when the image is built; each release brings its own.
STATIC_ROOT = env.str("DJANGO_STATIC_ROOT", default=str(VAR_DIR / "static"))
#: Shared by all web and worker hosts.
SEALING_SIGNING_KEY_FILE = ""
CONTENT_KEY_FILE = ""
INTEGRITY_KEY_FILE = ""
MEDIA_ROOT = env.str("DJANGO_MEDIA_ROOT", default=str(VAR_DIR / "media"))

#: Where bodies lie while they arrive (base.py); an installation that cannot write here does not start.
(VAR_DIR / "incoming").mkdir(mode=0o700, parents=True, exist_ok=True)

# --- tasks (marketplace/celery.py) -------------------------------------------------------------------------------

BROKER_URL = env.str("BROKER_URL")
#: Where the beat process keeps when it last ran what.
BEAT_STATE_FILE = env.str("BEAT_STATE_FILE", default=str(VAR_DIR / "beat-schedule"))

LOGGING = logging_configuration(env.str("LOG_LEVEL", default="INFO"))
