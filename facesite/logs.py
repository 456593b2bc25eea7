"""Logs as one JSON document a line, without personal data.

Messages of this project name rows by id. What Django and other libraries would add (addresses of requests,
which may hold tokens or searched names; user names; form fields) is left out here.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any


class JsonFormatter(logging.Formatter):
    """time, level, logger, message, the fields given as `extra={"fields": {...}}`, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


class LineFormatter(logging.Formatter):
    """For people: the same fields at the end of the line."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        fields = getattr(record, "fields", {})
        return " ".join([line, *(f"{key}={value}" for key, value in fields.items())])


class WithoutAddresses(logging.Filter):
    """For `django.request` and its like: "Not Found: /share/TOKEN" becomes the view's name and the status."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        match = getattr(request, "resolver_match", None)
        if match is not None or getattr(record, "status_code", None):
            record.msg, record.args = "request failed", ()
        record.fields = {
            "view": match.view_name if match else None,
            "status": getattr(record, "status_code", None),
        }
        return True


def configuration(level: str, form: str) -> dict[str, Any]:
    """For settings.LOGGING. `form`: "json", "line", or "auto": lines on a terminal, else JSON."""
    is_line = form == "line" or (form == "auto" and sys.stderr.isatty())
    formatter = "line" if is_line else "json"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": JsonFormatter},
            "line": {"()": LineFormatter, "format": "{asctime} {levelname} {name} {message}", "style": "{"},
        },
        "filters": {"without_addresses": {"()": WithoutAddresses}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": formatter},
            "requests": {
                "class": "logging.StreamHandler",
                "formatter": formatter,
                "filters": ["without_addresses"],
            },
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.request": {"handlers": ["requests"], "level": "ERROR", "propagate": False},
            "django.security": {"handlers": ["requests"], "level": "WARNING", "propagate": False},
            "django.server": {"level": "ERROR"},
            "faiss.loader": {"level": "WARNING"},
            "kombu.connection": {"level": "ERROR"},
            "axes": {"level": "ERROR"},  # it names accounts and addresses; the audit trail keeps what counts
        },
    }
