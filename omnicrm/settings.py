"""One settings file. Everything that differs between installations comes from the environment (.env.example)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONCE, NONE, SELF
from kombu import Queue

from omnicrm import env, logs
from omnicrm.embedded.home import Home, broker_url, is_embedded

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = Home.from_env()

DEBUG = env.flag("DEBUG")
EMBEDDED_DATABASE = is_embedded("DATABASE_URL")
EMBEDDED_REDIS = is_embedded("REDIS_URL")
SECRET_KEY = env.secret("SECRET_KEY") or (HOME.secret_key() if EMBEDDED_DATABASE else "")
KEYS_ARE_OURS = EMBEDDED_DATABASE and not env.secret("OMNICRM_KEYS")  # in a file that we made ourselves
OMNICRM_KEYS = env.secret("OMNICRM_KEYS") or (HOME.sealing_keys() if EMBEDDED_DATABASE else "")
ALLOWED_HOSTS = env.listing("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.listing("CSRF_TRUSTED_ORIGINS")
HERE = f"http://localhost:{env.text('PORT') or 8000}"
SITE_URL = env.address("SITE_URL", env.text("SITE_URL") or HERE, "http", "https")

INSTALLED_APPS = [
    "omnicrm",
    "contacts",
    "integrations",
    "jobs",
    "ai",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_htmx",
    "template_partials",
    "csp",
]

MIDDLEWARE = [
    "omnicrm.middleware.RequestIdMiddleware",
    "omnicrm.middleware.ClientAddressMiddleware",
    "omnicrm.headers.HeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "omnicrm.headers.MethodMiddleware",
    "omnicrm.middleware.SizeMiddleware",
    "omnicrm.middleware.ZoneMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "omnicrm.middleware.RateLimitMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "omnicrm.reauthentication.ReauthenticationMiddleware",
    "omnicrm.middleware.SecondFactorMiddleware",
    "omnicrm.middleware.ActingMiddleware",
]

ROOT_URLCONF = "omnicrm.urls"
WSGI_APPLICATION = "omnicrm.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

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

# --- the database: the app role here; migrations connect as the owner of the tables (omnicrm.acting.as_owner)
POSTGRES = ("postgresql", "postgres")
DATABASE_URL = env.address("DATABASE_URL", env.secret("DATABASE_URL") or HOME.database_url, *POSTGRES)
OWNER_URL = env.secret("DATABASE_OWNER_URL") or (
    HOME.database_owner_url if EMBEDDED_DATABASE else DATABASE_URL
)
OWNER_DATABASE: dict[str, Any] = dict(
    dj_database_url.parse(env.address("DATABASE_OWNER_URL", OWNER_URL, *POSTGRES))
)
DATABASES: dict[str, Any] = {"default": dict(dj_database_url.parse(DATABASE_URL))}
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
DB_POOL = env.number("DB_POOL", 0)  # by default 16 in the web (omnicrm.wsgi), and none elsewhere
if DB_POOL:
    DATABASES["default"]["OPTIONS"] = {"pool": {"min_size": 1, "max_size": DB_POOL, "timeout": 10}}
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = (
        True  # after a restart of Postgres those of before are dropped
    )

REDIS_URL = env.address("REDIS_URL", env.secret("REDIS_URL") or HOME.redis_url, "redis", "rediss", "unix")
CACHES = {"default": {"BACKEND": "omnicrm.cache.ForgivingRedisCache", "LOCATION": REDIS_URL, "TIMEOUT": 3600}}

# --- who may come in
AUTH_USER_MODEL = "omnicrm.User"
AUTHENTICATION_BACKENDS = ["omnicrm.accounts.Backend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "omnicrm.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_CHANGE_EMAIL = True  # one address each; another takes its place once it is confirmed
ACCOUNT_FORMS = {"add_email": "omnicrm.accounts.ChangeEmailForm"}
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False  # ours count for these pages too, and lock nobody out
MFA_ADAPTER = "omnicrm.accounts.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "OmniCRM"
MFA_TOTP_TOLERANCE = 1  # clocks differ, and codes change while they are typed
MFA_FORMS = {
    "authenticate": "omnicrm.accounts.AuthenticateForm",
    "reauthenticate": "omnicrm.accounts.ReauthenticateForm",
}
MFA_ALLOW_UNVERIFIED_EMAIL = True  # an installation may have no way to send mail
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = SITE_URL.startswith("http://localhost")
SIGNUP = env.choice("SIGNUP", "first", "open", "closed")  # see omnicrm.accounts
# Where anybody may sign up, a letter says whether an address has an account, so that the page need not.
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if SIGNUP == "open" else "none"
# Another way in, besides passwords: an OpenID provider. Its tokens are not kept; accounts are not joined by address.
OIDC_ISSUER = env.place("OIDC_ISSUER")
OIDC_CLIENT_ID, OIDC_CLIENT_SECRET = env.text("OIDC_CLIENT_ID"), env.secret("OIDC_CLIENT_SECRET")
OIDC_NAME = env.text("OIDC_NAME", "OpenID")
SOCIALACCOUNT_ADAPTER = "omnicrm.oidc.provider.SocialAdapter"
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"provider_class": "omnicrm.oidc.provider.Provider"}}
EMAIL_HOST = env.text("EMAIL_HOST")  # without one, mail is printed among the web's lines
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
EMAIL_PORT = env.number("EMAIL_PORT", 587)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.secret("EMAIL_HOST_PASSWORD")
EMAIL_USE_SSL = EMAIL_PORT == 465
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=not EMAIL_USE_SSL)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "omnicrm@localhost")

CSRF_FAILURE_VIEW = "omnicrm.problems.csrf_failed"
SESSION_COOKIE_SAMESITE = "Lax"
SECURE = env.flag("SECURE", default=SITE_URL.startswith("https://"))  # served over https
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
if (
    SECURE
):  # browsers take a cookie of such a name from this very host alone, over https, for all of its paths
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = ["^livez$", "^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
# A browser's preload list binds a whole domain for years: that is for its owner to ask for, not for us.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
if SECURE:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
else:  # omnicrm.W006 says it once, and not of one's own machine
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W008", "security.W012", "security.W016"]
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", 0)
RATE_LIMITS = {
    "default": env.text("RATE_LIMIT", "60/minute"),
    "poll": env.text("RATE_LIMIT_POLL", "240/minute"),
    "login": env.text("RATE_LIMIT_LOGIN", "10/minute"),
    "guess": env.text("RATE_LIMIT_GUESS", "5/5minutes"),  # at one account, from one address
    "search": env.text("RATE_LIMIT_SEARCH", "40/minute"),
    "lookup": env.text("RATE_LIMIT_LOOKUP", "10/minute"),  # in Gmail itself
    "import": env.text("RATE_LIMIT_IMPORT", "20/minute"),
    "export": env.text("RATE_LIMIT_EXPORT", "10/minute"),
    "letter": env.text("RATE_LIMIT_LETTER", "20/minute"),
    "push": env.text("RATE_LIMIT_PUSH", "1200/minute"),  # Google's machines, for everybody
}  # how often one address, and one session, may ask for each page
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],  # a letter as it was sent, which has a stricter policy of its own
        "form-action": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- files
BACKUP_KEEP_DAYS = env.number("BACKUP_KEEP_DAYS", 30)
STATIC_URL = "static/"
STATIC_ROOT = HOME.path / "static" if EMBEDDED_DATABASE else BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = Path(env.text("MEDIA_ROOT") or HOME.path / "media")
PII_STRICT = env.flag("PII_STRICT")  # see omnicrm.personal
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "omnicrm.sealedfiles.SealedStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = DEBUG
EXPORT_HOURS = env.number("EXPORT_HOURS", 24, least=1)
BLOCKED_SENDERS = env.senders("BLOCKED_SENDERS")
MAX_UPLOAD = env.number("MAX_UPLOAD", 5_000_000_000)  # bytes
FILE_UPLOAD_HANDLERS = ["integrations.uploading.BoundedUploadHandler"]
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_TEMP_DIR = env.text("UPLOAD_TEMP_DIR") or None
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

# --- jobs: the numbers of the design, each tested
JOB_LEASE_SECONDS = env.number("JOB_LEASE_SECONDS", 60, least=1)
JOB_HEARTBEAT_SECONDS = env.number("JOB_HEARTBEAT_SECONDS", 20, least=1)
JOB_HARD_LIMIT_SECONDS = env.number("JOB_HARD_LIMIT_SECONDS", 300, least=1)
JOB_MAX_ATTEMPTS = env.number("JOB_MAX_ATTEMPTS", 5, least=1)
JOB_MAX_CRASHES = env.number("JOB_MAX_CRASHES", 3, least=1)
JOB_RUNNING_PER_USER = env.number("JOB_RUNNING_PER_USER", 4, least=1)
JOB_SWEEP_SECONDS = env.number("JOB_SWEEP_SECONDS", 3, least=1)
JOB_DRAIN_SECONDS = env.number("JOB_DRAIN_SECONDS", 30, least=1)
JOB_KEEP_SUCCEEDED_DAYS = env.number("JOB_KEEP_SUCCEEDED_DAYS", 7, least=1)
JOB_KEEP_DEAD_DAYS = env.number("JOB_KEEP_DEAD_DAYS", 90, least=1)

# --- Google: what this server is there, where Google is, and how much of its quotas is used
GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET = env.text("GOOGLE_CLIENT_ID"), env.secret("GOOGLE_CLIENT_SECRET")
GOOGLE_API_ROOT = env.place("GOOGLE_API_ROOT")  # by default that of each of Google's documents
GOOGLE_AUTH_URI = env.place("GOOGLE_AUTH_URI", "https://accounts.google.com/o/oauth2/v2/auth")
GOOGLE_TOKEN_URI = env.place("GOOGLE_TOKEN_URI", "https://oauth2.googleapis.com/token")
GOOGLE_REVOKE_URI = env.place("GOOGLE_REVOKE_URI", "https://oauth2.googleapis.com/revoke")
GOOGLE_USERINFO_URI = env.place("GOOGLE_USERINFO_URI", "https://openidconnect.googleapis.com/v1/userinfo")
# Being told of changes by Google, besides looking for them; off unless named.
GOOGLE_CERTS_URI = env.place("GOOGLE_CERTS_URI", "https://www.googleapis.com/oauth2/v3/certs")
GOOGLE_PUBSUB_TOPIC = env.text("GOOGLE_PUBSUB_TOPIC")
GOOGLE_PUSH_ACCOUNT = env.text("GOOGLE_PUSH_ACCOUNT").lower()
GOOGLE_PUSH_AUDIENCE = env.text("GOOGLE_PUSH_AUDIENCE", f"{SITE_URL.rstrip('/')}/push/gmail/")
GOOGLE_CALENDAR_PUSH = env.flag("GOOGLE_CALENDAR_PUSH")
GOOGLE_USER_UNITS = env.number("GOOGLE_USER_UNITS", 6_000, least=1)  # of Gmail, in a minute
GOOGLE_PROJECT_UNITS = env.number("GOOGLE_PROJECT_UNITS", 1_200_000, least=1)
GOOGLE_CALENDAR_USER_REQUESTS = env.number("GOOGLE_CALENDAR_USER_REQUESTS", 600, least=1)  # in a minute
GOOGLE_CALENDAR_PROJECT_REQUESTS = env.number("GOOGLE_CALENDAR_PROJECT_REQUESTS", 10_000, least=1)
GOOGLE_QUOTA_SHARE = env.number("GOOGLE_QUOTA_SHARE", 80, least=1, most=100)  # percent of the above
GOOGLE_PRICES = env.prices(
    "GOOGLE_PRICES",
    {
        "profile.get": 1,
        "labels.list": 1,
        "sendas.list": 1,
        "messages.list": 5,
        "messages.get": 20,
        "threads.get": 40,
        "history.list": 2,
        "watch": 100,
        "stop": 50,
        "drafts.create": 10,
        "drafts.list": 5,
        "drafts.get": 20,
        "drafts.delete": 10,
        "drafts.send": 100,
    },
)  # units of Gmail; where Google has published no new price, the old one, or that of what it resembles

CELERY_BROKER_URL = broker_url(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False  # a lost nudge does no harm, a repeated one costs
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 200
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 400_000  # KB
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# One task runs many jobs; each has its own limit (jobs.tasks.hard_limit), and this one stands behind it.
CELERY_TASK_TIME_LIMIT = JOB_HARD_LIMIT_SECONDS + JOB_DRAIN_SECONDS + 10
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "retry_on_timeout": False,
}
CELERY_TASK_DEFAULT_QUEUE = "bulk"
CELERY_TASK_QUEUES = [Queue(name, routing_key=name) for name in ("interactive", "sync", "ai", "bulk")]

LOGGING = logs.config(logs.level(), pretty=env.flag("LOG_PRETTY"))
