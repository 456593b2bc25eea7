"""nginx with the configuration that the compose file gives it, on loopback ports."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.servers import Process, free_port
from tests.site import ROOT

TLS = """listen 443 ssl;
        http2 on;
        ssl_certificate /etc/nginx/certificates/fullchain.pem;
        ssl_certificate_key /etc/nginx/certificates/privkey.pem;
        ssl_protocols TLSv1.2 TLSv1.3;"""


def nginx_program() -> str:
    found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if not found:
        pytest.skip("NOT TESTED: nginx is not installed here")
    return found


def write_configuration(folder: Path, changes: dict[str, str]) -> list[str]:
    """The options with which nginx takes it."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    configuration = folder / "nginx.conf"
    configuration.write_text(f"pid {folder}/nginx.pid;\n{text}")
    return ["-g", "daemon off;", "-c", str(configuration), "-e", str(folder / "error.log")]


def start_plain_proxy(folder: Path, site: int, data: Path) -> Process:
    """In front of the site at a port, without TLS."""
    port = free_port()
    changes = {
        TLS: f"listen 127.0.0.1:{port};",
        "http://web:8000": f"http://127.0.0.1:{site}",
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "X-Forwarded-Proto https": "X-Forwarded-Proto http",
        "alias /data/": f"alias {data}/",
    }
    return Process([nginx_program(), *write_configuration(folder, changes)], port)
