"""Settings that would leave the site open are refused, and every answer carries its protections."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as site
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from facesite import env, hardening
from facesite.gate import strip_base_path
from gallery.models import User

ROOT = Path(__file__).resolve().parents[2]
SAFE: dict[str, Any] = {
    "ALLOWED_HOSTS": ["faces.example.org"],
    "DEBUG": False,
    "SECRET_KEY": "k7#pQ2x!mZ9$" * 6,
    "USE_HTTPS": True,
    "ALLOW_HTTP": False,
    "PROXIES": 1,
    "METRICS_TOKEN": "",
    "ACCEL_PREFIX": "",
    "CSRF_TRUSTED_ORIGINS": [],
}


def numbers(**changes: Any) -> list[int]:
    return [problem.number for problem in hardening.problems(SimpleNamespace(**SAFE | changes))]


def test_safe_settings_start() -> None:
    assert numbers() == []


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"SECRET_KEY": "short"}, 1),
        ({"SECRET_KEY": "a" * 80}, 1),
        ({"SECRET_KEY": "django-insecure-" + "k7#pQ2x!mZ9$" * 6}, 1),
        ({"DEBUG": True}, 2),
        ({"ALLOWED_HOSTS": ["*"], "PROXIES": 0}, 3),
        ({"USE_HTTPS": False}, 4),
        ({"METRICS_TOKEN": "abc"}, 5),
        ({"ACCEL_PREFIX": "/_data", "PROXIES": 0}, 6),
        ({"CSRF_TRUSTED_ORIGINS": ["http://faces.example.org"]}, 7),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*.example.org"]}, 7),
    ],
)
def test_a_setting_that_opens_a_door_is_refused(changes: dict[str, Any], number: int) -> None:
    assert numbers(**changes) == [number]


def test_on_ones_own_machine_neither_https_nor_quiet_errors_are_asked_for() -> None:
    assert numbers(ALLOWED_HOSTS=["localhost", "127.0.0.1"], USE_HTTPS=False, DEBUG=True) == []


def test_plain_http_on_a_trusted_network_can_be_allowed() -> None:
    assert numbers(USE_HTTPS=False, ALLOW_HTTP=True) == []


def run(tmp_path: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith(("FACESITE_", "DJANGO_"))}
    own |= {"FACESITE_DATA_DIR": str(tmp_path), **environment}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=own, capture_output=True, text=True, check=False
    )


def test_djangos_own_deployment_check_has_nothing_to_say(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        *("manage.py", "check", "--deploy", "--fail-level", "WARNING"),
        FACESITE_ALLOWED_HOSTS="faces.example.org",
        FACESITE_HTTPS="yes",
    )
    assert found.returncode == 0, found.stderr
    assert "no issues" in found.stdout


def test_commands_and_the_server_do_not_start_with_open_doors(tmp_path: Path) -> None:
    open_doors = {"FACESITE_ALLOWED_HOSTS": "faces.example.org", "FACESITE_DEBUG": "yes"}
    command = run(tmp_path, "manage.py", "check", **open_doors)
    assert command.returncode == 1
    assert "facesite.E002" in command.stderr
    assert "facesite.E004" in command.stderr
    server = run(tmp_path, "-c", "import facesite.wsgi", **open_doors)
    assert server.returncode == 1
    assert "Set FACESITE_DEBUG=no." in server.stderr


def test_the_key_made_at_first_start_is_long_and_only_its_owners_to_read(tmp_path: Path) -> None:
    assert run(tmp_path, "manage.py", "check").returncode == 0
    key = tmp_path / "secret_key"
    assert key.stat().st_mode & 0o077 == 0
    assert len(key.read_text()) >= 100


# Every answer


@pytest.mark.parametrize(
    "address", ["/account/login", "/account/", "/admin/", "/nothing/here", "/healthz", "/account/reset"]
)
def test_every_answer_says_what_a_page_may_load_and_do(curator: Client, address: str) -> None:
    response = curator.get(address)
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
    assert "public" not in response["Cache-Control"]


@pytest.mark.django_db
def test_a_host_header_of_somebody_else_is_refused_with_the_same_headers() -> None:
    response = Client().get("/account/login", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert "default-src 'none'" in response["Content-Security-Policy"]


@pytest.mark.django_db
def test_a_forwarded_host_changes_no_link() -> None:
    client = Client()
    response = client.get("/admin/", headers={"X-Forwarded-Host": "evil.example"})
    assert "evil" not in response["Location"]


@pytest.mark.django_db
def test_forms_are_refused_without_their_token() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/account/login", {"username": "a", "password": "b"}).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_logging_in_leads_nowhere_else(target: str) -> None:
    User.objects.create_user("vy", password="a long enough one")
    response = Client().post(
        "/account/login", {"username": "vy", "password": "a long enough one", "next": target}
    )
    assert response.status_code == 302
    assert response["Location"] == "/"


@pytest.mark.django_db
def test_choosing_a_language_leads_nowhere_else() -> None:
    response = Client().post("/language", {"language": "vi", "next": "https://evil.example/"})
    assert response["Location"] == "/"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites() -> None:
    assert site.SESSION_COOKIE_HTTPONLY
    assert site.SESSION_COOKIE_SAMESITE == "Lax"


SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|xox[abp]-[0-9A-Za-z-]{10,}"
    r"|(?i:secret_key|password|passwd|api_?key|token)\s*[=:]\s*[\"'][A-Za-z0-9+/_-]{24,}[\"']"
)


def test_no_secrets_are_kept_in_the_repository() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.split("\0") if name]
    assert not [name for name in names if Path(name).name in {".env", "secret_key", "id_rsa", "id_ed25519"}]
    for name in names:
        path = ROOT / name
        if path.is_file() and path.stat().st_size < 1_000_000:
            found = SECRETS.search(path.read_bytes().decode("utf-8", "ignore"))
            assert not found, f"{name} seems to hold a secret: {found.group()[:40] if found else ''}"


@pytest.mark.parametrize("value", ["/a b", "/../etc", "https://example.org/faces", "/faces?x", "/a//b"])
def test_a_base_path_that_is_no_path_is_refused_by_its_name(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACESITE_BASE_PATH", value)
    with pytest.raises(ImproperlyConfigured, match=r"FACESITE_BASE_PATH .* a path such as /faces"):
        env.path_prefix("FACESITE_BASE_PATH")


def test_a_variable_that_is_there_but_empty_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESITE_CLIP_MODEL", "")
    monkeypatch.setenv("FACESITE_WORKER_PROCESSES", " ")
    assert env.text("FACESITE_CLIP_MODEL", "ViT-B-32") == "ViT-B-32"
    assert env.choice("FACESITE_CLIP_MODEL", "a", ("a", "b")) == "a"
    assert env.count_per_core("FACESITE_WORKER_PROCESSES", 2, high=64) == 2


@pytest.mark.parametrize(("value", "number"), [("auto", 3), ("5", 5)])
def test_worker_processes_follow_the_cores_where_asked(
    value: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(env, "count_cores", lambda: 3)
    monkeypatch.setenv("FACESITE_WORKER_PROCESSES", value)
    assert env.count_per_core("FACESITE_WORKER_PROCESSES", 2, high=64) == number


@pytest.mark.parametrize(
    ("path", "stripped"),
    [("/faces/people/", "/people/"), ("/faces", "/"), ("/people/", "/people/"), ("/faceset", "/faceset")],
)
def test_only_the_base_path_itself_is_taken_off(path: str, stripped: str, settings: Any) -> None:
    settings.BASE_PATH = "/faces"
    assert strip_base_path({"path": path})["path"] == stripped
