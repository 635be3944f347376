"""Every setting of Nesoi, read from the environment; deploy/settings.md documents each once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import environ

from controlplane.config.broker import broker_settings
from controlplane.config.content_policy import CONTENT_SECURITY_POLICY  # noqa: F401 - Django looks for it here
from controlplane.config.logging import logging_config
from controlplane.config.rest import REST_FRAMEWORK, SPECTACULAR_SETTINGS  # noqa: F401 - Django looks for them here

BASE_DIR = Path(__file__).resolve().parent.parent.parent
INSECURE_SECRET_KEY = "insecure-and-refused-in-production"  # noqa: S105 - its use is refused by a check

env = environ.Env()

EMBEDDED: bool = env.bool("EMBEDDED", default=False)
DEBUG: bool = env.bool("DEBUG", default=False)
SECRET_KEY: str = env.str("SECRET_KEY", default=INSECURE_SECRET_KEY)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PUBLIC_URL: str = env.str("PUBLIC_URL", default="").rstrip("/")
TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", default=[])
BEHIND_TLS_PROXY: bool = env.bool("BEHIND_TLS_PROXY", default=False)
SECURE_COOKIES: bool = env.bool("SECURE_COOKIES", default=not EMBEDDED)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "heroicons",
    "csp",
    "controlplane.config",
    "controlplane.tenants",
    "controlplane.tenants.isolation",
    "controlplane.catalog",
    "controlplane.identity",
    "controlplane.notices",
    "controlplane.osb",
    "controlplane.api",
    "controlplane.console",
    "provisioner.landscapes",
    "provisioner.runtimes",
    "provisioner.modules",
    "provisioner.operations",
    "provisioner.lifecycle",
    "provisioner.findings",
    "provisioner.observer",
    "provisioner.rollouts",
    "billing.usage",
    "billing.collecting",
    "billing.books",
    "billing.footprint",
    "billing.statements",
    "billing.costs",
    "billing.exports",
    "controlplane.trials",
]

MIDDLEWARE = [
    "controlplane.config.middleware.RequestIdMiddleware",
    "controlplane.config.middleware.ForwardedMiddleware",
    "controlplane.tenants.audit.denials.DeniedMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "controlplane.config.limits.middleware.RateLimitMiddleware",
    "controlplane.config.middleware.BodyLimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "controlplane.identity.middleware.StandingSessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "controlplane.config.urls"
WSGI_APPLICATION = "controlplane.config.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ]
        },
    }
]

DATABASE_POOL_SIZE: int = env.int("DATABASE_POOL_SIZE", default=8)
DATABASE_ROLE: str = env.str("DATABASE_ROLE", default="")
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default="postgres://nesoi@localhost/nesoi")
}
DATABASES["default"]["ENGINE"] = "controlplane.tenants.isolation.postgresql"
DATABASES["default"].setdefault("OPTIONS", {})
if DATABASE_ROLE:  # as a start option, for Django's own `assume_role` and the pool wait for each other
    given = DATABASES["default"]["OPTIONS"].get("options", "")
    DATABASES["default"]["OPTIONS"]["options"] = f"{given} -c role={DATABASE_ROLE}".strip()
if DATABASE_POOL_SIZE:
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 5}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHE_URL: str = env.str("CACHE_URL", default="redis://localhost:6379/1")
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    if CACHE_URL.startswith("locmem:")
    else {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": CACHE_URL}
}

AUTH_USER_MODEL = "tenants.User"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_SIGN_IN: bool = env.bool("PASSWORD_SIGN_IN", default=EMBEDDED)
INVITATION_DAYS: int = env.int("INVITATION_DAYS", default=7)
INVITATIONS_PER_HOUR: int = env.int("INVITATIONS_PER_HOUR", default=60)
INVITATIONS_PER_ADDRESS: int = env.int("INVITATIONS_PER_ADDRESS", default=5)
TRIAL_INVITATIONS_PER_HOUR: int = env.int("TRIAL_INVITATIONS_PER_HOUR", default=5)
TOKEN_MAX_DAYS: int = env.int("TOKEN_MAX_DAYS", default=366)
LOGIN_URL = "console:sign-in"
LOGIN_REDIRECT_URL = "console:runtimes"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "controlplane.console.views.expired_form.form_expired"
OUTBOUND_PRIVATE_NETWORKS: list[str] = env.list("OUTBOUND_PRIVATE_NETWORKS", default=[])
OUTBOUND_PLAIN_HOSTS: list[str] = env.list("OUTBOUND_PLAIN_HOSTS", default=[])
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds())

LANGUAGE_CODE = "en"
USE_I18N = False
NUMBER_GROUPING = 3  # where a template asks for thousands apart
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / ".nesoi" / "static")))
WHITENOISE_USE_FINDERS = EMBEDDED
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if EMBEDDED
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

BODY_LIMIT_BYTES: int = env.int("BODY_LIMIT_BYTES", default=1_048_576)
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_LIMIT_BYTES

RATE_LIMITS: dict[str, str] = {  # requests/seconds
    "address": env.str("RATE_LIMIT_ADDRESS", default="20000/10" if EMBEDDED else "3000/10"),
    "token": env.str("RATE_LIMIT_TOKEN", default="10000/10" if EMBEDDED else "1000/10"),
    "tenant": env.str("RATE_LIMIT_TENANT", default="20000/10" if EMBEDDED else "3000/10"),
    "sign-in": env.str("RATE_LIMIT_SIGN_IN", default="2000/60" if EMBEDDED else "60/300"),
    "trials": env.str("RATE_LIMIT_TRIALS", default="2000/60" if EMBEDDED else "60/600"),
    "minting": env.str("RATE_LIMIT_MINTING", default="2000/60" if EMBEDDED else "120/60"),
    "invitations": env.str("RATE_LIMIT_INVITATIONS", default="2000/60" if EMBEDDED else "60/600"),
}

CELERY_BROKER_URL: str = env.str("BROKER_URL", default="redis://localhost:6379/0")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "nesoi"
vars().update(broker_settings(CELERY_BROKER_URL))

ROLLOUT_NOTICE_HOURS: float = env.float("ROLLOUT_NOTICE_HOURS", default=0.0 if EMBEDDED else 24.0)
TRIAL_PLAN = "trial"
TRIAL_DAYS: int = env.int("TRIAL_DAYS", default=14)
TRIAL_UNBUILT_DAYS: int = env.int("TRIAL_UNBUILT_DAYS", default=7)
TRIAL_EXTENSION_DAYS: int = env.int("TRIAL_EXTENSION_DAYS", default=7)
TRIAL_GRACE_DAYS: int = env.int("TRIAL_GRACE_DAYS", default=7)
TRIAL_AGAIN_DAYS: int = env.int("TRIAL_AGAIN_DAYS", default=180)
TRIAL_TOMBSTONE_DAYS: int = env.int("TRIAL_TOMBSTONE_DAYS", default=30)
TRIAL_PERSON_KEY: str = env.str("TRIAL_PERSON_KEY", default="")
TRIAL_PLACES: int = env.int("TRIAL_PLACES", default=50)
TRIAL_CONVERTED_RUNTIMES: int = env.int("TRIAL_CONVERTED_RUNTIMES", default=10)
TRIAL_SIGN_UPS_PER_NETWORK: int = env.int("TRIAL_SIGN_UPS_PER_NETWORK", default=1000 if EMBEDDED else 20)
TRIAL_SIGN_UPS_PER_DOMAIN: int = env.int("TRIAL_SIGN_UPS_PER_DOMAIN", default=1000 if EMBEDDED else 20)
TRIAL_CHECK: str = env.str("TRIAL_CHECK", default="")
TRIAL_WORK_BITS: int = env.int("TRIAL_WORK_BITS", default=20)
TRIAL_ORIGINS: list[str] = env.list("TRIAL_ORIGINS", default=[])
TRIAL_FRAME_ANCESTORS: list[str] = env.list("TRIAL_FRAME_ANCESTORS", default=[])
TRIAL_TICK_SECONDS: float = env.float("TRIAL_TICK_SECONDS", default=10.0)
NOTICE_DAYS: int = env.int("NOTICE_DAYS", default=30)
WEBHOOK_DAYS: int = env.int("WEBHOOK_DAYS", default=30)
EMAIL_URL: str = env.str("EMAIL_URL", default="mailbox:" if EMBEDDED else "")
if EMAIL_URL in {"", "mailbox:"}:
    EMAIL_BACKEND = f"controlplane.notices.mailbox.{'MailboxBackend' if EMAIL_URL else 'UnsetBackend'}"
else:
    vars().update(environ.Env.email_url_config(EMAIL_URL))
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL: str = env.str("EMAIL_FROM", default="Nesoi <nesoi@localhost>")

SWEEP_SECONDS: float = env.float("SWEEP_SECONDS", default=1.0)
LEASE_SECONDS: int = env.int("LEASE_SECONDS", default=60)
STEP_TIMEOUT_SECONDS: int = env.int("STEP_TIMEOUT_SECONDS", default=30)
LANDSCAPE_TIMEOUT_SECONDS: float = env.float("LANDSCAPE_TIMEOUT_SECONDS", default=10.0)
DRIFT_REPAIR_SECONDS: float = env.float("DRIFT_REPAIR_SECONDS", default=600.0)
MODULE_INSPECTION_SECONDS: float = env.float("MODULE_INSPECTION_SECONDS", default=21600.0)
MODULE_REGISTRY: str = env.str("MODULE_REGISTRY", default="registry.nesoi.example/modules").rstrip("/")
MODULE_IMAGE_MIRRORS: dict[str, str] = env.dict("MODULE_IMAGE_MIRRORS", default={})
MODULE_SOURCE_NETWORKS: list[str] = env.list("MODULE_SOURCE_NETWORKS", default=[])
MODULE_SOURCE_CREDENTIALS: str = env.str("MODULE_SOURCE_CREDENTIALS", default="")
MODULE_SOURCE_AUTHORITIES: str = env.str("MODULE_SOURCE_AUTHORITIES", default="")
HELM_BINARY: str = env.str("HELM_BINARY", default="helm")
HELM_SECONDS: float = env.float("HELM_SECONDS", default=20.0)
FINDINGS_SECONDS: float = env.float("FINDINGS_SECONDS", default=21600.0)
ROLLOUT_TICK_SECONDS: float = env.float("ROLLOUT_TICK_SECONDS", default=0.5)
STANDING_SECONDS: float = env.float("STANDING_SECONDS", default=5.0)
DELETION_UNDO_DAYS: int = env.int("DELETION_UNDO_DAYS", default=30)
AUDIT_SECONDS: float = env.float("AUDIT_SECONDS", default=3600.0)

KUBECONFIG_SECONDS: int = env.int("KUBECONFIG_SECONDS", default=86_400)
KUBECONFIG_SECONDS_OF_PLAN: dict[str, int] = {
    plan: int(seconds) for plan, seconds in env.dict("KUBECONFIG_SECONDS_OF_PLAN", default={}).items()
}
AUDIT_SEAL_SECONDS: float = env.float("AUDIT_SEAL_SECONDS", default=30.0)
AUDIT_HEADS_TO: str = env.str("AUDIT_HEADS_TO", default="")
AUDIT_EXPORT_TO: str = env.str("AUDIT_EXPORT_TO", default="")
OSB_MISSING_VERSION_STATUS: int = env.int("OSB_MISSING_VERSION_STATUS", default=412)
OSB_MOST_BINDINGS: int = env.int("OSB_MOST_BINDINGS", default=10)

USAGE_SLOT_SECONDS: int = env.int("USAGE_SLOT_SECONDS", default=300)
USAGE_RETENTION_DAYS: int = env.int("USAGE_RETENTION_DAYS", default=90)
USAGE_HOURS_RETENTION_DAYS: int = env.int("USAGE_HOURS_RETENTION_DAYS", default=400)
USAGE_TICK_SECONDS: float = env.float("USAGE_TICK_SECONDS", default=30.0)
STATEMENT_GRACE_HOURS: int = env.int("STATEMENT_GRACE_HOURS", default=72)
STATEMENT_SEALS_AFTER: str = env.str("STATEMENT_SEALS_AFTER", default="")
STATEMENT_TICK_SECONDS: float = env.float("STATEMENT_TICK_SECONDS", default=900.0)
FOCUS_ISSUER: str = env.str("FOCUS_ISSUER", default="Nesoi")
FOCUS_PAYMENT_TERMS: str = env.str("FOCUS_PAYMENT_TERMS", default="As agreed in the contract")
FOCUS_EXPORT_TO: str = env.str("FOCUS_EXPORT_TO", default="")
FOCUS_EXPORT_KINDS: list[str] = env.list("FOCUS_EXPORT_KINDS", default=["1.4/csv", "1.4/parquet"])
PROVIDER_BILLS_FROM: list[str] = env.list("PROVIDER_BILLS_FROM", default=[])
PROVIDER_BILLS_SECONDS: float = env.float("PROVIDER_BILLS_SECONDS", default=3600.0)
COLLECTOR_CONCURRENCY: int = env.int("COLLECTOR_CONCURRENCY", default=200)
COLLECTOR_READS_PER_SECOND: float = env.float("COLLECTOR_READS_PER_SECOND", default=100.0)
COLLECTOR_REQUEST_SECONDS: float = env.float("COLLECTOR_REQUEST_SECONDS", default=10.0)
COLLECTOR_CREDENTIAL_SECONDS: int = env.int("COLLECTOR_CREDENTIAL_SECONDS", default=14_400)
COLLECTOR_METRICS: str = env.str("COLLECTOR_METRICS", default="")

CATALOG_DIR: str = env.str("CATALOG_DIR", default="")
SEALING_KEEPER: str = env.str("SEALING_KEEPER", default="file")
SEALING_KEY_FILE: str = env.str(
    "SEALING_KEY_FILE", default=str(BASE_DIR / ".nesoi" / "keys" / "sealing.json")
)
SEALING_KMS_KEY_ID: str = env.str("SEALING_KMS_KEY_ID", default="")
SEALING_KMS_OLDER_KEY_IDS: list[str] = env.list("SEALING_KMS_OLDER_KEY_IDS", default=[])

LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO")
LOG_FORMAT: str = env.str("LOG_FORMAT", default="json")
LOGGING_CONFIG = None
LOGGING = logging_config(level=LOG_LEVEL, style=LOG_FORMAT)
