"""Configuration: everything an owner may set is an environment variable, documented in README."""

from pathlib import Path

import dj_database_url
from django.utils.translation import gettext_lazy as _

from facesite import env, secret

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.folder("FACESITE_DATA_DIR", BASE_DIR / "var")
MEDIA_ROOT = DATA_DIR / "media"
INDEX_ROOT = DATA_DIR / "index"
CACHE_ROOT = DATA_DIR / "cache"

DEBUG = env.flag("FACESITE_DEBUG", default=False)
SECRET_KEY = secret.key(DATA_DIR, env.text("FACESITE_SECRET_KEY"))
ALLOWED_HOSTS = env.words("FACESITE_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
USE_HTTPS = env.flag("FACESITE_HTTPS", default=False)

INSTALLED_APPS = [
    "gallery.apps.GalleryConfig",
    "gallery.apps.GalleryAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "axes",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "facesite.urls"
WSGI_APPLICATION = "facesite.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

DATABASES = {
    "default": dj_database_url.parse(env.text("DATABASE_URL") or f"sqlite:///{DATA_DIR / 'facesite.sqlite3'}")
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;"
        " PRAGMA secure_delete=ON; PRAGMA foreign_keys=ON; PRAGMA cache_size=-65536;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "gallery.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "gallery.access.RoleBackend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("vi", _("Vietnamese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.text("FACESITE_TIME_ZONE", "UTC")
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns of a missing one
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
MEDIA_URL = "/media/"
# Where a proxy serves the data directory internally (nginx: `internal`); empty: files are sent from here.
ACCEL_PREFIX = env.text("FACESITE_ACCEL").rstrip("/")

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = env.text("FACESITE_EMAIL_HOST")
if not EMAIL_HOST:
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
DEFAULT_FROM_EMAIL = env.text("FACESITE_EMAIL_FROM", "facesite@localhost")

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = USE_HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = USE_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if USE_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = USE_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if USE_HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = env.words("FACESITE_TRUSTED_ORIGINS")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# Uploads
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 2_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "tmp"
FILE_UPLOAD_TEMP_DIR.mkdir(parents=True, exist_ok=True)
UPLOAD_MAX_MB = env.whole("FACESITE_UPLOAD_MAX_MB", 64, low=1, high=1024)
UPLOAD_MAX_MEGAPIXELS = env.whole("FACESITE_UPLOAD_MAX_MEGAPIXELS", 120, low=1, high=500)

# Work in the background
BROKER_DIR = DATA_DIR / "broker"
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL") or "filesystem://"
if CELERY_BROKER_URL == "filesystem://":
    for _folder in ("queue", "control"):
        (BROKER_DIR / _folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "queue"),
        "data_folder_out": str(BROKER_DIR / "queue"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.5,
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "socket_timeout": 5,
        "socket_connect_timeout": 3,
        "visibility_timeout": 3600,
    }
WORKER_PROCESSES = env.whole("FACESITE_WORKER_PROCESSES", 2, low=1, high=64)
LEASE_SECONDS = env.whole("FACESITE_LEASE_SECONDS", 40, low=5, high=3600)
SWEEP_SECONDS = env.number("FACESITE_SWEEP_SECONDS", 10, low=0.5, high=3600)
CELERY_BEAT_SCHEDULE = {
    "verify-index": {"task": "gallery.tasks.verify_index", "schedule": 24 * 3600.0},
    "switch-embedder": {
        "task": "gallery.tasks.switch_embedder",
        "schedule": 60.0,
        "options": {"expires": 50},
    },
    "sweep": {
        "task": "gallery.tasks.sweep",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": max(SWEEP_SECONDS, 5)},
    },
}
MAX_ATTEMPTS = 2  # a photo that ends its worker this often is set aside

# Recognition
DETECTOR = env.choice("FACESITE_DETECTOR", "mtcnn", ("mtcnn", "mtcnn-plain", "mtcnn-tensorflow"))
EMBEDDER = env.choice("FACESITE_EMBEDDER", "dlib", ("dlib", "clip", "onnx"))
CLIP_MODEL = env.text("FACESITE_CLIP_MODEL", "ViT-B-32")
CLIP_PRETRAINED = env.text("FACESITE_CLIP_PRETRAINED", "openai")
ONNX_MODEL = env.text("FACESITE_ONNX_MODEL")
INDEX_MAX_QUERY_MS = env.number("FACESITE_INDEX_MAX_QUERY_MS", 10, low=0.01, high=10_000)
INDEX_MAX_MEMORY = env.size("FACESITE_INDEX_MAX_MEMORY", "4GB")
NEIGHBOURS = 50

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "axes": {"level": "WARNING"},
        "faiss.loader": {"level": "WARNING"},
        "kombu.connection": {"level": "ERROR"},
    },
    "root": {"handlers": ["stderr"], "level": env.text("FACESITE_LOG_LEVEL", "INFO")},
}
