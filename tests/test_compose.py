"""The production installation: no container engine is at hand, so every command of it is run as it is written."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from email import message_from_bytes, policy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
import yaml
from aiosmtpd.controller import Controller

from tests.proxy import nginx_program, write_configuration
from tests.servers import Process, free_port, is_open, postgres, postgres_folder, redis_program, wait_for
from tests.site import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^{}]*)|:\?[^{}]*)?\}")
OWN = {"FACESITE_DATA_DIR", "FACESITE_ACCEL"}  # of the containers, and the same in each installation
README = set(
    re.findall(r"`((?:FACESITE|AWS|MILVUS|DATABASE|CELERY)_[A-Z_0-9]+)`", (ROOT / "README.md").read_text())
)
FORGOTTEN = """
from django.test import Client
from django.urls import reverse
from gallery.models import User
User.objects.update(email="owner@example.org")
client = Client(HTTP_HOST="photos.example.org")
assert client.post(reverse("password_reset"), {"email": "owner@example.org"}, secure=True).status_code == 302
"""
LAST = 4  # seconds a service must stay up

pytestmark = pytest.mark.servers


def environment(folder: Path) -> dict[str, str]:
    """What the compose file gives the application, with this machine's addresses in it."""
    filled = {
        "FACESITE_SECRET_KEY": "x" * 30 + "abcdefghijklmnopqrstuvwxyz0123456789",
        "FACESITE_ALLOWED_HOSTS": "photos.example.org,localhost",
        "POSTGRES_PASSWORD": "secret",
    }
    given = give_variables("web", filled)
    given |= {"FACESITE_DATA_DIR": str(folder), "DATABASE_URL": "", "CELERY_BROKER_URL": ""}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(folder), **given}


def give_variables(service: str, filled: dict[str, str]) -> dict[str, str]:
    """What a service is given by the compose file, and by a `.env` so filled in."""
    lines = (ROOT / SERVICES[service]["env_file"].replace(".env", ".env.example")).read_text().splitlines()
    file = dict(line.split("=", 1) for line in lines if line and not line.startswith("#")) | filled
    given = dict(SERVICES[service]["environment"])
    for name, value in given.items():
        while "${" in value:  # the innermost first
            value = VARIABLE.sub(lambda found: file.get(found[1]) or found[2] or "", value)
        given[name] = value
    return file | given


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment after the `prepare` service has run."""
    settings = environment(tmp_path_factory.mktemp("data"))
    done = run(SERVICES["prepare"]["command"], settings)
    assert done.returncode == 0, done.stderr
    assert "First administrator: name admin, password" in done.stdout
    return settings


def run(command: list[str], settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("service", ["prepare", "web", "worker", "worker-gpu", "beat"])
def test_every_variable_of_the_readme_reaches_the_containers_from_one_file(service: str) -> None:
    assert len(README) > 60
    filled = {name: f"mine of {name}" for name in README}
    given = give_variables(service, filled)
    assert {name for name in README if given[name] != filled[name]} == OWN


def test_who_fills_in_a_mail_server_can_reset_a_password(prepared: dict[str, str]) -> None:
    received: list[Any] = []
    handler = SimpleNamespace(handle_DATA=None)

    async def keep(server: object, session: object, envelope: Any) -> str:
        received.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    handler.handle_DATA = keep
    port = free_port()
    mail = {"HOST": "127.0.0.1", "PORT": str(port), "TLS": "no", "FROM": "photos@example.org"}
    given = {**prepared, **{f"FACESITE_EMAIL_{name}": value for name, value in mail.items()}}
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        done = run(["python", "manage.py", "shell", "-c", FORGOTTEN], given)
    finally:
        controller.stop()
    assert done.returncode == 0, done.stderr
    (message,) = received
    assert (message["From"], message["To"]) == ("photos@example.org", "owner@example.org")
    assert "https://photos.example.org/account/reset/" in message.get_content()


def test_the_web_service_serves_and_its_health_check_says_so(prepared: dict[str, str]) -> None:
    port = free_port()
    command = list(SERVICES["web"]["command"])
    command[command.index("--host") + 1] = "127.0.0.1"
    command[command.index("--port") + 1] = str(port)
    web = Process(command, port, cwd=ROOT, env=prepared)
    check = [word.replace(":8000", f":{port}") for word in SERVICES["web"]["healthcheck"]["test"][1:]]
    try:
        assert run(check, prepared).returncode == 0
    finally:
        web.stop()
    assert run(check, prepared).returncode != 0


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_a_background_service_stays_up_and_ends_when_told(name: str, prepared: dict[str, str]) -> None:
    log = Path(prepared["FACESITE_DATA_DIR"]) / f"{name}.log"
    command = [word.replace("/data/schedule", f"{log}.schedule") for word in SERVICES[name]["command"]]
    with log.open("wb") as file:
        child = subprocess.Popen(command, cwd=ROOT, env=prepared, stdout=file, stderr=file)
        try:
            # on a slow machine it may take long until there is anybody to be told
            wait_for(lambda: child.poll() is not None or listens(child.pid, signal.SIGTERM), name, 120)
            time.sleep(LAST)
            assert child.poll() is None, log.read_text()
        finally:
            child.terminate()
            assert child.wait(60) == 0, log.read_text()


def listens(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler of its own for this signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def test_redis_keeps_what_it_is_told(tmp_path: Path) -> None:
    if not redis_program():
        pytest.skip("NOT TESTED: redis-server is not installed here")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path)]
    server = Process([*SERVICES["redis"]["command"], *options], port)
    server.stop()
    assert list(tmp_path.rglob("*.aof*"))


def test_postgres_takes_its_options(tmp_path: Path) -> None:
    if not postgres_folder():
        pytest.skip("NOT TESTED: PostgreSQL is not installed here")
    _, *options = SERVICES["postgres"]["command"]
    with postgres(tmp_path, *options) as (_, address), psycopg.connect(address) as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("100",)


def test_the_proxy_takes_its_configuration(tmp_path: Path) -> None:
    nginx = nginx_program()
    if not shutil.which("openssl"):
        pytest.skip("NOT TESTED: openssl is not installed here")
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=localhost",
    ]
    key, certificate = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    subprocess.run([*make, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    http, https = free_port(), free_port()
    changes = {
        "http://web:8000": "http://127.0.0.1:1",
        "/etc/nginx/certificates": str(tmp_path),
        "listen 80;": f"listen 127.0.0.1:{http};",
        "listen 443 ssl;": f"listen 127.0.0.1:{https} ssl;",
        "    http2 on;\n": "",  # Debian's nginx is older than the image's
    }
    options = write_configuration(tmp_path, changes)
    assert SERVICES["proxy"]["command"] == ["nginx", *options[:2]]
    proxy = Process([nginx, *options], https)
    try:
        assert is_open(http)
    finally:
        proxy.stop()
    wait_for(lambda: not is_open(https), "the proxy's end")


def test_every_service_has_its_test() -> None:
    tested = {"prepare", "web", "worker", "beat", "redis", "postgres", "proxy"}
    assert set(SERVICES) == tested | {"worker-gpu"}
    assert SERVICES["worker-gpu"]["command"] == SERVICES["worker"]["command"]
