"""Configuration: everything an owner may set is an environment variable, documented in README."""

import socket
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from facesite import buckets, disks, env, hardening, logs, secret

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.folder("FACESITE_DATA_DIR", BASE_DIR / "var")
# By which processes, and what they hold, are told from those of other hosts
HOST_NAME = env.formed_like("FACESITE_HOST_NAME", r"[\w.-]{1,60}", "web-1") or socket.gethostname()[:60]
MEDIA_ROOT = DATA_DIR / "media"
INDEX_ROOT = DATA_DIR / "index"
CACHE_ROOT = DATA_DIR / "cache"

DEBUG = env.flag("FACESITE_DEBUG", default=False)
try:
    for _folder in ("static", "tmp", "broker/queue", "broker/control"):
        (DATA_DIR / _folder).mkdir(parents=True, exist_ok=True)
    SECRET_KEY = secret.read_or_make_key(DATA_DIR, env.text("FACESITE_SECRET_KEY"))
except OSError as _error:
    raise ImproperlyConfigured(disks.say_in_english(DATA_DIR, disks.name_error(_error))) from _error
ALLOWED_HOSTS = env.words("FACESITE_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
USE_HTTPS = env.flag("FACESITE_HTTPS", default=False)
ALLOW_HTTP = env.flag("FACESITE_ALLOW_HTTP", default=False)  # public names over plain HTTP
PROXIES = env.whole("FACESITE_PROXIES", 1 if USE_HTTPS else 0, low=0, high=9)  # in front
BASE_PATH = env.path_prefix("FACESITE_BASE_PATH")  # "/faces", where other things are on the same host
FORCE_SCRIPT_NAME = BASE_PATH or None
METRICS_TOKEN = env.text("FACESITE_METRICS_TOKEN")  # empty: no /metrics

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
    "corsheaders",
    "ninja",  # for the files of its page of documentation
    "axes",
    "csp",
]

MIDDLEWARE = [
    "facesite.middleware.request_log",
    "facesite.middleware.headers",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "facesite.middleware.api_problems",
    "django.middleware.common.CommonMiddleware",
    "facesite.refusals.answer_refusals",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "facesite.middleware.SignInFirst",  # before what reads a body
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "gallery.web.named_errors.AnswerNamedErrors",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "facesite.urls"
WSGI_APPLICATION = "facesite.wsgi.application"
WEB_PROCESSES = env.whole("FACESITE_WEB_PROCESSES", 2, low=1, high=64)
WEB_THREADS = env.whole("FACESITE_WEB_THREADS", 4, low=1, high=64)  # of each process
IDLE_SECONDS = env.whole("FACESITE_IDLE_SECONDS", 60, low=1, high=3600)  # of who sends or reads nothing
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["gallery.templatetags.media"],
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
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;"
        " PRAGMA secure_delete=ON; PRAGMA foreign_keys=ON; PRAGMA cache_size=-16384;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # Compiling a query, which PostgreSQL does where it expects many rows, takes longer than any of ours runs.
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("options", "-c jit=off")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "gallery.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "gallery.core.permissions.RoleBackend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in {
        "UserAttributeSimilarityValidator": {},
        "MinimumLengthValidator": {"min_length": 10},
        "CommonPasswordValidator": {},
        "NumericPasswordValidator": {},
    }.items()
]
# Guessing passwords: so many failures of one account from one address, of one account, of one address,
# within the time, and no more are listened to until it has passed.
AXES_HANDLER = "gallery.core.throttling.LockoutHandler"
AXES_FAILURE_LIMIT = 8
ACCOUNT_FAILURE_LIMIT = 30
ADDRESS_FAILURE_LIMIT = 40
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "gallery.core.throttling.render_lockout"
AXES_CLIENT_IP_CALLABLE = "gallery.core.throttling.get_client_address"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = AXES_VERBOSE = False

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("vi", _("Vietnamese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.text("FACESITE_TIME_ZONE", "UTC")
USE_TZ = True

STATIC_URL = f"{BASE_PATH}/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
MEDIA_URL = f"{BASE_PATH}/media/"
STORAGE = buckets.parse_bucket(env.text("FACESITE_STORAGE"), "FACESITE_STORAGE")  # None: folders
STORAGES = {
    **buckets.describe_storages(STORAGE),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
S3_CACHE_MB = env.whole(
    "FACESITE_S3_CACHE_MB", 2_000, low=10, high=100_000_000
)  # copies of the bucket's files
S3_REDIRECT = env.flag("FACESITE_S3_REDIRECT", default=False)  # downloads by short signed addresses
# Where a proxy serves the data directory internally (nginx: `internal`); empty: files are sent from here.
ACCEL_PREFIX = env.text("FACESITE_ACCEL").rstrip("/")

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = env.text("FACESITE_EMAIL_HOST")
EMAIL_PORT = env.whole("FACESITE_EMAIL_PORT", 587, low=1, high=65535)
EMAIL_HOST_USER = env.text("FACESITE_EMAIL_USER")
EMAIL_HOST_PASSWORD = env.text("FACESITE_EMAIL_PASSWORD")
EMAIL_USE_TLS = env.flag("FACESITE_EMAIL_TLS", default=True)
EMAIL_TIMEOUT = 10
if not EMAIL_HOST:  # to the terminal on one's own machine; nowhere on a server, whose logs others read
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    if any(not hardening.is_loopback(host) for host in ALLOWED_HOSTS):
        EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
DEFAULT_FROM_EMAIL = env.text("FACESITE_EMAIL_FROM", "facesite@localhost")

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = USE_HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = LANGUAGE_COOKIE_PATH = f"{BASE_PATH}/"
if (
    USE_HTTPS
):  # browsers refuse such cookies over plain HTTP, and the first also from another host or for one path
    _prefix = "__Secure-" if BASE_PATH else "__Host-"
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{_prefix}sessionid", f"{_prefix}csrftoken"
PASSWORD_RESET_TIMEOUT = 24 * 3600
SECURE_SSL_REDIRECT = USE_HTTPS
SECURE_REDIRECT_EXEMPT = [
    rf"^{BASE_PATH[1:]}/?(healthz|readyz|metrics)$"
]  # asked from inside, past the proxy
SECURE_HSTS_SECONDS = 31_536_000 if USE_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = USE_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if USE_HTTPS and PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "gallery.web.error_pages.csrf_failure"
CSRF_TRUSTED_ORIGINS = env.words("FACESITE_TRUSTED_ORIGINS")
CONTENT_SECURITY_POLICY = {"DIRECTIVES": hardening.CONTENT_POLICY}
PERMISSIONS_POLICY: dict[str, list[str]] = {feature: [] for feature in hardening.REFUSED_FEATURES}

# The HTTP API
API_CALLS_PER_MINUTE = env.whole("FACESITE_API_CALLS_PER_MINUTE", 600, low=1, high=1_000_000)  # of one key
CACHES = {  # counts those calls, in each web process
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}
CORS_URLS_REGEX = r"^/(api|compreface)/"
CORS_ALLOWED_ORIGINS = env.words("FACESITE_API_ORIGINS")  # whose pages may call it from browsers
CORS_ALLOW_HEADERS = (
    "accept",
    "accept-language",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-none-match",
    "x-api-key",
)
CORS_EXPOSE_HEADERS = ("ETag", "Retry-After")

# Uploads
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 2_000
FILE_UPLOAD_HANDLERS = [
    "gallery.core.limits.UploadGatekeeper",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "gallery.core.limits.NamelessFileHandler",
]
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "tmp"
UPLOAD_MAX_MB = env.whole("FACESITE_UPLOAD_MAX_MB", 64, low=1, high=1024)
# Of one request: a ZIP, say
UPLOAD_REQUEST_MAX_MB = env.whole("FACESITE_UPLOAD_REQUEST_MAX_MB", 4_096, low=1, high=1_000_000)
UPLOADS_PER_HOUR = env.whole("FACESITE_UPLOADS_PER_HOUR", 5_000, low=1, high=1_000_000)  # files of one user
UPLOAD_GB_PER_HOUR = env.whole("FACESITE_UPLOAD_GB_PER_HOUR", 50, low=1, high=100_000)
UPLOADS_AT_ONCE = env.whole("FACESITE_UPLOADS_AT_ONCE", 256, low=1, high=100_000)  # in one web process
USER_UPLOADS_AT_ONCE = env.whole("FACESITE_USER_UPLOADS_AT_ONCE", 32, low=1, high=100_000)
UPLOAD_MAX_MEGAPIXELS = env.whole("FACESITE_UPLOAD_MAX_MEGAPIXELS", 200, low=1, high=500)
UNKNOWN_DAYS = env.whole("FACESITE_UNKNOWN_DAYS", 365, low=0, high=36_500)  # 0: kept for ever
EXPORT_DAYS = env.whole("FACESITE_EXPORT_DAYS", 7, low=1, high=365)
AUDIT_DAYS = env.whole("FACESITE_AUDIT_DAYS", 365, low=0, high=36_500)  # 0: kept for ever
ERASED_DAYS = env.whole("FACESITE_ERASED_DAYS", 0, low=0, high=36_500)  # 0: known for ever
SIDECAR_DIR = (
    Path(said) if (said := env.text("FACESITE_SIDECAR_DIR")) else None
)  # where XMP sidecars are kept
SYSTEM_FOLDERS = env.words("FACESITE_SYSTEM_FOLDERS")  # left out of imports, beside those that are known

# Work in the background
BROKER_DIR = DATA_DIR / "broker"
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL") or "filesystem://"
if CELERY_BROKER_URL == "filesystem://":
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "queue"),
        "data_folder_out": str(BROKER_DIR / "queue"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.1,  # seconds between two looks for messages while nothing is done
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "socket_timeout": 5,
        "socket_connect_timeout": 3,
        "visibility_timeout": 3600,
        "queue_order_strategy": "priority",
    }
# Whether pictures that are not kept are looked at, by one more process of each worker
IDENTIFY = env.flag("FACESITE_IDENTIFY", default=True)
WORKER_PROCESSES = env.count_per_core("FACESITE_WORKER_PROCESSES", 2, high=64)
CELERY_WORKER_CONCURRENCY = WORKER_PROCESSES
WORKER_MEMORY_MB = env.whole("FACESITE_WORKER_MEMORY_MB", 500, low=0, high=1_000_000)  # 0: no ceiling
LEASE_SECONDS = env.whole("FACESITE_LEASE_SECONDS", 40, low=5, high=3600)
SWEEP_SECONDS = env.number("FACESITE_SWEEP_SECONDS", 10, low=0.5, high=3600)
CELERY_BEAT_SCHEDULER = "gallery.jobs.tasks:HeartbeatScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5  # seconds between two ticks at most, each a sign of life
SCHEDULE_QUEUE = "facesite-schedule"  # emptied first: behind thousands of photos its messages would expire
CELERY_BEAT_SCHEDULE = {
    task.replace("_", "-"): {
        "task": task,
        "schedule": seconds,
        "kwargs": {"every": seconds},
        # By the scheduler's clock, which may be minutes behind the worker's
        "options": {"queue": SCHEDULE_QUEUE, **({"expires": seconds + 900} if seconds <= 300 else {})},
    }
    for task, seconds in (
        ("forget_old", 6 * 3600.0),
        ("verify_index", 24 * 3600.0),
        ("look_after_data", 300.0),
        ("reread_files", 60.0),
        ("write_sidecars", 60.0),
        ("switch_embedder", 60.0),
        ("sweep", SWEEP_SECONDS),
    )
}
BACKUP_DIR = env.folder("FACESITE_BACKUP_DIR", DATA_DIR / "backups")
HAS_BACKUP_DIR = bool(env.text("FACESITE_BACKUP_DIR"))  # otherwise backups are where the site's files are
BACKUPS_IN_BUCKET = STORAGE is not None and not HAS_BACKUP_DIR
BACKUP_HOURS = env.whole("FACESITE_BACKUP_HOURS", 24, low=0, high=8_760)  # 0: only when asked for
BACKUP_KEEP = env.whole("FACESITE_BACKUP_KEEP", 7, low=1, high=1_000)
BACKUP_KEYS = env.age_recipients("FACESITE_BACKUP_KEY")  # none: backups are not encrypted
BACKUP_IDENTITY = env.text("FACESITE_BACKUP_IDENTITY")  # the path of the file that opens them
BACKUP_VERIFY_DAYS = env.whole("FACESITE_BACKUP_VERIFY_DAYS", 7, low=0, high=365)  # 0: only when asked for
MAX_ATTEMPTS = 2  # a photo that ends its worker this often is set aside

# Recognition
DETECTOR = env.choice("FACESITE_DETECTOR", "mtcnn", ("mtcnn", "mtcnn-plain", "mtcnn-tensorflow"))
# Empty: what serves goes on, and a new site begins with sface, or with dlib where its file cannot be had
EMBEDDER = env.choice("FACESITE_EMBEDDER", "", ("", "sface", "dlib", "clip", "onnx"))
CLIP_MODEL = env.text("FACESITE_CLIP_MODEL", "ViT-B-32")
CLIP_PRETRAINED = env.text("FACESITE_CLIP_PRETRAINED", "openai")
ONNX_MODEL = env.text("FACESITE_ONNX_MODEL")
INDEX_POLICY = env.choice("FACESITE_INDEX_POLICY", "measured", ("measured", "autofaiss"))
INDEX_METRIC = env.choice("FACESITE_INDEX_METRIC", "ip", ("ip", "l2"))
INDEX_KEY = env.formed_like(
    "FACESITE_INDEX_KEY",
    r"Flat|HNSW\d+|IVF\d+,(Flat|PQ\d+(x\d+)?|SQ(4|6|8|fp16))|OPQ\d+_\d+,IVF\d+(_HNSW\d+)?,PQ\d+(x\d+)?",
    "HNSW15 or IVF4096,PQ64x8",
)
if INDEX_POLICY == "measured" and (INDEX_KEY or INDEX_METRIC != "ip"):
    raise ImproperlyConfigured(
        "FACESITE_INDEX_KEY and FACESITE_INDEX_METRIC go with FACESITE_INDEX_POLICY=autofaiss."
    )
INDEX_ENGINE = env.choice("FACESITE_INDEX_ENGINE", "faiss", ("faiss", "milvus"))
MILVUS_URI = env.text("MILVUS_URI")  # http://host:19530, or the path of a file for Milvus Lite
MILVUS_TOKEN = env.text("MILVUS_TOKEN")
MILVUS_DATABASE = env.text("MILVUS_DATABASE")  # of this site alone
MILVUS_INDEX = env.text("MILVUS_INDEX", "AUTOINDEX")
if INDEX_ENGINE == "milvus" and not MILVUS_URI:
    raise ImproperlyConfigured("FACESITE_INDEX_ENGINE=milvus needs MILVUS_URI, as http://host:19530.")
SPARK_MASTER = env.text("FACESITE_SPARK_MASTER")  # spark://host:7077; empty: builds stay on one computer
SPARK_MIN_VECTORS = env.whole("FACESITE_SPARK_MIN_VECTORS", 1_000_000, low=10_000, high=10**10)
SPARK_PARTITIONS = env.whole("FACESITE_SPARK_PARTITIONS", 2, low=2, high=1_000)
SPARK_FOLDER = env.text("FACESITE_SPARK_FOLDER")  # which every executor reaches; empty: the index's own
INDEX_MAX_QUERY_MS = env.number("FACESITE_INDEX_MAX_QUERY_MS", 10, low=0.01, high=10_000)
INDEX_MAX_MEMORY = env.size("FACESITE_INDEX_MAX_MEMORY", "4GB")
NEIGHBOURS = 50

LOGGING = logs.configuration(
    env.text("FACESITE_LOG_LEVEL", "INFO").upper(),
    env.choice("FACESITE_LOG_FORMAT", "auto", ("auto", "json", "line")),
)
