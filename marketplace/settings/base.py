"""Settings shared by every profile. What differs between profiles is read from the environment.

Profiles: `dev` (embedded default), `test`, `prod`. See docs/architecture.md §5.
"""

from pathlib import Path
from typing import Any

import environ
from django.utils.translation import gettext_lazy as _

PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
env = environ.Env()

#: Everything the product writes on an embedded installation lives below this folder.
VAR_DIR = Path(env.str("MARKETPLACE_VAR_DIR", default=str(PROJECT_ROOT / "var")))

INSTALLED_APPS = [
    "marketplace.admin_site.MarketplaceAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
    "csp",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "drf_standardized_errors",
    "rest_framework",
    "core",
    "accounts",
    "scenarios",
    "vendors",
    "challenges",
    "search",
    "matching",
    "notifications",
    "marketplace",
]

MIDDLEWARE = [
    "marketplace.proxies.ClientAddressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.middleware.RequestIdMiddleware",
    "core.middleware.PlainRequestMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SessionLimitsMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "core.middleware.KeepableCharactersMiddleware",
    "accounts.middleware.SecondFactorMiddleware",
    "accounts.middleware.CurrentOrganisationMiddleware",
    "accounts.middleware.SuspendedOrganisationMiddleware",
    "core.middleware.DomainErrorMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "marketplace.urls"
WSGI_APPLICATION = "marketplace.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before the packages' own: the sign-in pages speak the product's language.
        "DIRS": [PROJECT_ROOT / "marketplace" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "marketplace.context.page_frame",
            ],
        },
    }
]

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "accounts.sign_in.SingleHashBackend",
]

PASSWORD_HASHERS = [
    "accounts.hashers.MeasuredArgon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "accounts.passwords.LongEnough", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "desk"
#: How many proxies of ours stand in front; without one, what a visitor writes into X-Forwarded-For is not believed.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.package_forms.LoginForm",
    "signup": "accounts.package_forms.SignupForm",
    "add_email": "accounts.package_forms.AddEmailForm",
    "change_password": "accounts.package_forms.ChangePasswordForm",
    "set_password": "accounts.package_forms.SetPasswordForm",
    "reset_password": "accounts.package_forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.package_forms.ResetPasswordKeyForm",
    "reauthenticate": "accounts.package_forms.ReauthenticateForm",
}
ACCOUNT_LOGIN_METHODS = {"email", "username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_PREVENT_ENUMERATION = True
MFA_ADAPTER = "accounts.adapter.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "accounts.package_forms.AuthenticateForm",
    "reauthenticate": "accounts.package_forms.ReauthenticateSecondFactorForm",
    "activate_totp": "accounts.package_forms.ActivateTotpForm",
    "deactivate_totp": "accounts.package_forms.DeactivateTotpForm",
    "generate_recovery_codes": "accounts.package_forms.GenerateRecoveryCodesForm",
    "add_webauthn": "accounts.package_forms.AddPasskeyForm",
    "edit_webauthn": "accounts.package_forms.EditPasskeyForm",
    "authenticate_webauthn": "accounts.package_forms.AuthenticatePasskeyForm",
    "reauthenticate_webauthn": "accounts.package_forms.ReauthenticatePasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
#: Clocks of telephones differ by some seconds: the code before and the code after are taken too.
MFA_TOTP_TOLERANCE = 1
#: Roles of accounts/enums.py do nothing before a second factor is set up. Off only in the demonstration (dev.py).
SECOND_FACTOR_REQUIRED = True
#: Failed sign-ins within a minute after which the next attempt waits for the next minute: from one address, and for
#: one account from browsers that are not its owner's (accounts/sign_in.py).
SIGN_IN_FAILURES_PER_ADDRESS = 30
SIGN_IN_FAILURES_PER_ACCOUNT = 10
MFA_TOTP_ISSUER = "数字化应用场景供需对接平台"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.5  # hours; practice under GB/T 22239 (domain.md §5.7): five failures, thirty minutes
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "accounts.sign_in.name_for_counting"
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "account/locked_out.html"

#: Twelve hours from signing in, half an hour without a request, a quarter for administrators and experts; ended on the
#: server (accounts/session_limits.py). The cookie and its row live a little longer, so that it is we who end it.
SESSION_ABSOLUTE_SECONDS = 12 * 3600
SESSION_IDLE_SECONDS = 30 * 60
SESSION_IDLE_SECONDS_SHORT = 15 * 60
SESSION_COOKIE_AGE = SESSION_ABSOLUTE_SECONDS + 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "marketplace.views.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "manifest-src": ["'self'"],
    }
}

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("简体中文"))]
TIME_ZONE = "Asia/Shanghai"
USE_I18N = True
USE_TZ = True
LOCALE_PATHS = [PROJECT_ROOT / "marketplace" / "locale"]

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
#: Front-end packages fetched from their registry by `make install`; never committed.
FRONTEND_DIR = VAR_DIR / "frontend"
STATICFILES_DIRS = [("vendor", FRONTEND_DIR)] if FRONTEND_DIR.is_dir() else []
MEDIA_ROOT = VAR_DIR / "media"
#: Ed25519 key that signs bidders' receipts: 32 bytes in base64, or a file the embedded profile makes by itself.
SEALING_SIGNING_KEY = env.str("SEALING_SIGNING_KEY", default="")
SEALING_SIGNING_KEY_FILE = str(VAR_DIR / "sealing_signing_key")
#: Fernet keys that wrap the data keys of opened bids, newest first; or a file the embedded profile makes by itself.
CONTENT_KEYS = env.list("CONTENT_KEYS", default=[])
CONTENT_KEY_FILE = str(VAR_DIR / "content_key")
#: Keys of the digests of rows that decide something, newest first; or a file the embedded profile makes by itself.
INTEGRITY_KEYS = env.list("INTEGRITY_KEYS", default=[])
INTEGRITY_KEY_FILE = str(VAR_DIR / "integrity_key")
#: Where the heads of the audit chain and of the row digests are written beside the database (core.heads).
INTEGRITY_HEADS_FILE = env.str("INTEGRITY_HEADS_FILE", default=str(VAR_DIR / "integrity_heads.jsonl"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
#: What is arriving lies here without a name until it is whole: on the disk, never in a small /tmp.
FILE_UPLOAD_TEMP_DIR = str(VAR_DIR / "incoming")
#: Everything below `VAR_DIR` belongs to the account that runs the platform, and to nobody else (security.md B).
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
#: Threads of one web process that answer pages, and those that answer requests with a large body (ADR 0013).
PAGE_THREADS = env.int("PAGE_THREADS", default=4)
UPLOAD_THREADS = env.int("UPLOAD_THREADS", default=2)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.AccessTokenAuthentication",
        "accounts.api.authentication.ChineseSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["core.api.permissions.IsAuthenticatedWithScope"],
    "DEFAULT_PAGINATION_CLASS": "core.api.pagination.NumberedPages",
    "PAGE_SIZE": 20,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "core.api.parsers.JSONParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.AnonRateThrottle",
        "rest_framework.throttling.UserRateThrottle",
        "rest_framework.throttling.ScopedRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": "120/min",
        "user": "600/min",
        "search": "120/min",
        "import": "10/min",
        "match": "60/min",
    },
    "DEFAULT_SCHEMA_CLASS": "drf_standardized_errors.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
DRF_STANDARDIZED_ERRORS = {
    "ALLOWED_ERROR_STATUS_CODES": ["400", "401", "403", "404", "409", "413", "415", "429"],
    "EXCEPTION_HANDLER_CLASS": "core.api.exceptions.Handler",
    "ERROR_SCHEMAS": {
        code: f"core.api.schema.ErrorResponse{code}Serializer"
        for code in ("400", "401", "403", "404", "409", "413", "415")
    },
}
SPECTACULAR_SETTINGS = {
    "TITLE": "数字化应用场景供需对接平台 API",
    "DESCRIPTION": "需求、清单、供给方、能力、检索与匹配。错误统一为一种结构，见 docs/api/README.md。",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_standardized_errors.openapi_hooks.postprocess_schema_enums",
        "core.api.schema.shapes_by_viewer",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ScenarioStateEnum": "scenarios.enums.ScenarioState",
        "QuarterlyListStateEnum": "scenarios.enums.QuarterlyListState",
        "CapabilityStateEnum": "vendors.enums.CapabilityState",
        "ValidationErrorEnum": "drf_standardized_errors.openapi_serializers.ValidationErrorEnum.choices",
        "ClientErrorEnum": "drf_standardized_errors.openapi_serializers.ClientErrorEnum.choices",
        "ServerErrorEnum": "drf_standardized_errors.openapi_serializers.ServerErrorEnum.choices",
        "ErrorCode401Enum": "drf_standardized_errors.openapi_serializers.ErrorCode401Enum.choices",
        "ErrorCode403Enum": "drf_standardized_errors.openapi_serializers.ErrorCode403Enum.choices",
        "ErrorCode404Enum": "drf_standardized_errors.openapi_serializers.ErrorCode404Enum.choices",
        "ErrorCode429Enum": "drf_standardized_errors.openapi_serializers.ErrorCode429Enum.choices",
    },
}

#: Virus scanner of uploads and opened bids: `tcp://host:3310` or `unix:///run/clamav/clamd.ctl`. Empty: not scanned.
SCANNER_URL = env.str("SCANNER_URL", default="")

#: Search engine by URL: `embedded:///absolute/folder` or `elasticsearch://host:port` (issue 4).
SEARCH_URL = env.str("SEARCH_URL", default=f"embedded://{VAR_DIR / 'search'}")
#: Of Elasticsearch only. Replicas: a number, or a range that follows the number of nodes. With a CA file: https.
SEARCH_INDEX_PREFIX = env.str("SEARCH_INDEX_PREFIX", default="marketplace")
SEARCH_SHARDS = env.int("SEARCH_SHARDS", default=1)
SEARCH_REPLICAS = env.str("SEARCH_REPLICAS", default="0-1")
SEARCH_TLS = env.bool("SEARCH_TLS", default=False)
SEARCH_CA_CERTS = env.str("SEARCH_CA_CERTS", default="")
SEARCH_API_KEY = env.str("SEARCH_API_KEY", default="")
SEARCH_USERNAME = env.str("SEARCH_USERNAME", default="")
SEARCH_PASSWORD = env.str("SEARCH_PASSWORD", default="")
#: What makes vectors for matching (search/encoders.py, docs/matching.md); empty: nothing does.
SEARCH_ENCODER = env.str("SEARCH_ENCODER", default="")

#: Where people reach the site; links in mails begin with it.
SITE_ADDRESS = env.str("SITE_ADDRESS", default="http://127.0.0.1:8000")
EMAIL_TIMEOUT = 10


def mail_server(found: dict[str, Any]) -> dict[str, Any]:
    """Django's mail settings as read from a URL; SMTP through the backend that knows what became of a mail."""
    plain = found["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"
    return found | {"EMAIL_BACKEND": "notifications.mailing.SmtpBackend"} if plain else found


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "axes": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        "elastic_transport": {"level": "ERROR"},
    },
}

#: Shown in the page footer. An operator fills these in; nothing is invented (domain.md §5.8).
SITE_IDENTITY = {
    "name": "数字化应用场景供需对接平台",
    "organiser": env.str("SITE_ORGANISER", default=""),
    #: Whom people turn to: a telephone number, an address, an office. In the footer, in mails, on error pages.
    "contact": env.str("SITE_CONTACT", default=""),
    "icp_number": env.str("SITE_ICP_NUMBER", default=""),
    "public_security_number": env.str("SITE_PUBLIC_SECURITY_NUMBER", default=""),
    "site_identification_code": env.str("SITE_IDENTIFICATION_CODE", default=""),
}
