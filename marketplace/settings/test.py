"""Settings of the test run. Same code paths as production; only edges (mail, hasher cost, folders) differ."""

import atexit
import shutil
import tempfile
from pathlib import Path

from marketplace.settings.base import *  # noqa: F403
from marketplace.settings.base import STORAGES, env

DEBUG = False
SECRET_KEY = "test-only-not-a-secret"
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]

VAR_DIR = Path(tempfile.mkdtemp(prefix="marketplace-test-"))
# Each test process leaves nothing behind; what a kill leaves lies in the folder of temporary files.
atexit.register(shutil.rmtree, VAR_DIR, ignore_errors=True)
MEDIA_ROOT = VAR_DIR / "media"
SEALING_SIGNING_KEY_FILE = str(VAR_DIR / "sealing_signing_key")
CONTENT_KEY_FILE = str(VAR_DIR / "content_key")
INTEGRITY_KEY_FILE = str(VAR_DIR / "integrity_key")
INTEGRITY_HEADS_FILE = str(VAR_DIR / "integrity_heads.jsonl")
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir()
FILE_UPLOAD_TEMP_DIR = str(VAR_DIR / "incoming")
(VAR_DIR / "incoming").mkdir()
SEARCH_URL = f"embedded://{VAR_DIR / 'search'}"
#: `TEST_DATABASE_URL` (made by `make services`) runs the same suite on PostgreSQL.
if env.str("TEST_DATABASE_URL", default=""):
    DATABASES = {"default": env.db_url("TEST_DATABASE_URL")}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": VAR_DIR / "test.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
            },
            "TEST": {"NAME": str(VAR_DIR / "test.sqlite3")},
        }
    }
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
DEFAULT_FROM_EMAIL = "noreply@marketplace.example"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
