"""The embedded default: SQLite, the embedded engine, no servers. One command starts it (`make run`)."""

import secrets
from functools import partial

from core.secret_files import kept_secret
from marketplace.settings.base import *  # noqa: F403
from marketplace.settings.base import VAR_DIR, env, mail_server

for folder in (VAR_DIR, VAR_DIR / "incoming"):
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)

DEBUG = env.bool("DJANGO_DEBUG", default=False)
#: Made once per installation and kept in the var folder, so that sessions survive a restart.
SECRET_KEY = env.str("DJANGO_SECRET_KEY", default="") or kept_secret(
    VAR_DIR / "secret_key", partial(secrets.token_urlsafe, 48)
)
ALLOWED_HOSTS = env.list("DJANGO_ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": VAR_DIR / "marketplace.sqlite3",
        "OPTIONS": {
            # IMMEDIATE: a transaction that will write takes the write lock at its start, so the outbox
            # relay and two web threads never deadlock on an upgrade. FULL: a power cut loses nothing acknowledged.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8000;",
        },
    }
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = VAR_DIR / "mail"
if env.str("EMAIL_URL", default=""):
    vars().update(mail_server(env.email("EMAIL_URL")))
DEFAULT_FROM_EMAIL = "noreply@marketplace.example"
#: The demonstration's printed accounts may sign in with their password alone; the terminal and every page say so.
DEMO_WITHOUT_SECOND_FACTOR = env.str("DEMO_WITHOUT_SECOND_FACTOR", default="").strip().lower() in ("1", "true", "yes")
SECOND_FACTOR_REQUIRED = not DEMO_WITHOUT_SECOND_FACTOR
#: Passkeys work on http://localhost, which browsers treat as safe; not on an address of digits.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
