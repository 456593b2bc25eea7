"""Settings, addresses and the Celery application."""

VERSION = "0.1.0"
