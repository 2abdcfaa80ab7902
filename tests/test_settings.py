"""What is wrong with the settings, and that every one is written down."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection
from gunicorn.config import Config

from omnicrm import checks
from omnicrm.checks_of_doors import DEMO_EMAIL, DEMO_PASSWORD, GOOGLE_PLACES, demonstration
from omnicrm.models import User

ROOT = Path(__file__).resolve().parent.parent
GLOSSARY = ROOT / ".env.example"
NOT_OURS = {"DJANGO_SETTINGS_MODULE", "NO_COLOR"}
KEY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"
PRODUCTION = {
    "DATABASE_URL": "postgresql://omnicrm_app:x@db.example.org/omnicrm",
    "DATABASE_OWNER_URL": "postgresql://omnicrm_owner:x@db.example.org/omnicrm",
    "REDIS_URL": "redis://redis.example.org/0",
    "SECRET_KEY": KEY,
    "OMNICRM_KEYS": f"k1:{'A' * 43}=",
    "SITE_URL": "https://crm.example.org",
    "ALLOWED_HOSTS": "crm.example.org",
}

# --- every setting is written down


def variables(tree: ast.AST) -> set[str]:
    """The names in `env.text("NAME")`, `os.environ.get("NAME")` and `is_embedded("NAME")`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            caller = ast.unparse(node.func)
            if re.fullmatch(r"env\.\w+|os\.environ\.(get|setdefault)|is_embedded", caller):
                found.add(str(node.args[0].value))
    return found


def test_every_setting_stands_in_the_example_with_a_comment() -> None:
    read: set[str] = set()
    for app in ("omnicrm", "contacts", "integrations", "jobs", "ai"):
        for file in (ROOT / app).rglob("*.py"):
            read |= variables(ast.parse(file.read_text()))
    lines = GLOSSARY.read_text().splitlines()
    setting = re.compile(r"(?:# )?([A-Z][A-Z0-9_]+)=\S*")
    written, undescribed = set(), set()
    for above, line in zip(["", *lines], lines, strict=False):
        if match := setting.fullmatch(line):
            written.add(match[1])
            if not above.startswith("# ") and not setting.fullmatch(above):
                undescribed.add(match[1])
    compose = {"ADMIN_DB_PASSWORD", "OWNER_DB_PASSWORD", "APP_DB_PASSWORD"}
    assert read - NOT_OURS == written - compose
    assert undescribed == set()
    assert compose <= set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))


# --- system checks


def ids(*, deploy: bool = False, tags: list[str] | None = None) -> dict[str, str]:
    """Our findings: id → the hint."""
    found = run_checks(include_deployment_checks=deploy, tags=tags or ["security", "files", "compatibility"])
    return {str(message.id): str(message.hint) for message in found if str(message.id).startswith("omnicrm.")}


@pytest.fixture
def sound(settings: Any, tmp_path: Path) -> Any:
    settings.SECRET_KEY, settings.DEBUG = KEY, False
    settings.SITE_URL, settings.ALLOWED_HOSTS = "https://crm.example.org", ["crm.example.org"]
    settings.SESSION_COOKIE_SECURE = True
    settings.MEDIA_ROOT = tmp_path / "to be made" / "media"
    return settings


def test_nothing_is_wrong_with_sound_settings(sound: Any) -> None:
    assert ids(deploy=True) == {}


@pytest.mark.parametrize(
    ("changes", "finding", "hint"),
    [
        ({"SECRET_KEY": ""}, "omnicrm.E001", "Set SECRET_KEY to what `openssl rand -hex 32` prints"),
        (
            {"OMNICRM_KEYS": ""},
            "omnicrm.E011",
            "Set OMNICRM_KEYS to what `echo k1:$(openssl rand -base64 32)`",
        ),
        (
            {"OMNICRM_KEYS": "k1:short"},
            "omnicrm.E011",
            "Set OMNICRM_KEYS to what `echo k1:$(openssl rand -base64 32)`",
        ),
        ({"SECRET_KEY": "short"}, "omnicrm.E002", "Set SECRET_KEY to what `openssl rand -hex 32` prints"),
        ({"ALLOWED_HOSTS": ["localhost"]}, "omnicrm.E003", "Set ALLOWED_HOSTS=localhost,crm.example.org"),
        ({"ALLOWED_HOSTS": []}, "omnicrm.E003", "Set ALLOWED_HOSTS=crm.example.org"),
        ({"JOB_HEARTBEAT_SECONDS": 61}, "omnicrm.E020", "Set JOB_HEARTBEAT_SECONDS=20"),
        ({"DEBUG": True}, "omnicrm.E004", "Remove DEBUG, or set it to 0."),
        (
            {"AUTHENTICATION_BACKENDS": ["omnicrm.accounts.Backend", "tests.Anybody"]},
            "omnicrm.E012",
            "Leave AUTH",
        ),
        (
            {"MFA_TOTP_INSECURE_BYPASS_CODE": "000000"},
            "omnicrm.E014",
            "Remove MFA_TOTP_INSECURE_BYPASS_CODE.",
        ),
        (
            {"OIDC_ISSUER": "http://login.example", "OIDC_CLIENT_ID": "a", "OIDC_CLIENT_SECRET": "b"},
            "omnicrm.E015",
            "Set OIDC_ISSUER=https://login.example",
        ),
        ({"OIDC_ISSUER": "https://login.example"}, "omnicrm.E016", "Set both to what the provider shows"),
        (
            {"GOOGLE_API_ROOT": "http://google.example:8080/"},
            "omnicrm.E021",
            "Set GOOGLE_API_ROOT=https://google.example:8080/",
        ),
        (
            {"GOOGLE_TOKEN_URI": "http://127.0.0.2/token"},
            "omnicrm.E021",
            "Set GOOGLE_TOKEN_URI=https://127.0.0.2/token",
        ),
        ({"GOOGLE_CLIENT_ID": "id"}, "omnicrm.E022", "Set both to what the Google Cloud console shows"),
        ({"GOOGLE_CLIENT_SECRET": "s"}, "omnicrm.E022", "Set both to what the Google Cloud console shows"),
        (
            {"GOOGLE_CERTS_URI": "http://google.example/certs"},
            "omnicrm.E021",
            "Set GOOGLE_CERTS_URI=https://google.example/certs",
        ),
        (
            {"GOOGLE_PUBSUB_TOPIC": "gmail", "GOOGLE_PUSH_ACCOUNT": "push@ours.example"},
            "omnicrm.E023",
            "Set GOOGLE_PUBSUB_TOPIC=projects/…/topics/…",
        ),
        ({"GOOGLE_PUBSUB_TOPIC": "projects/a/topics/b"}, "omnicrm.E024", "Set GOOGLE_PUSH_ACCOUNT to the"),
        ({"GOOGLE_PUSH_ACCOUNT": "push@ours.example"}, "omnicrm.E024", "Set GOOGLE_PUSH_ACCOUNT to the"),
        ({"SIGNUP": "open"}, "omnicrm.E017", "Set EMAIL_HOST to a mail server, or SIGNUP=first."),
        ({"SESSION_COOKIE_SECURE": False}, "omnicrm.E018", "Remove SECURE, or set it to 1."),
        ({"ALLOWED_HOSTS": ["*"]}, "omnicrm.W005", "Set ALLOWED_HOSTS=crm.example.org"),
        (
            {"SITE_URL": "http://crm.example.org"},
            "omnicrm.W006",
            "Put a proxy with TLS in front (docs/production.md), then set SITE_URL=https://crm.example.org",
        ),
    ],
)
def test_what_is_wrong_is_found(sound: Any, changes: dict[str, Any], finding: str, hint: str) -> None:
    for name, value in changes.items():
        setattr(sound, name, value)
    found = ids(deploy=True)
    assert list(found) == [finding]
    assert found[finding].startswith(hint)


def test_what_is_for_development_alone_is_found(sound: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    assert list(ids(deploy=True)) == ["omnicrm.E013"]


@pytest.mark.django_db
def test_the_demonstration_is_not_for_others(sound: Any) -> None:
    demo = User.objects.create_user(DEMO_EMAIL, DEMO_PASSWORD)
    (found,) = demonstration(databases=["default"])
    assert (found.id, found.hint) == ("omnicrm.E019", "Erase that account, or change its password.")
    sound.SITE_URL = "http://localhost:8000"
    assert demonstration(databases=["default"]) == []
    sound.SITE_URL = "https://crm.example.org"
    demo.set_password("another secret of theirs")
    demo.save()
    assert demonstration(databases=["default"]) == demonstration() == []


@pytest.mark.parametrize(
    ("given", "finding"),
    [
        ({"OAUTHLIB_INSECURE_TRANSPORT": "1"}, "omnicrm.E013"),
        ({"SIGNUP": "open"}, "omnicrm.E017"),
        ({"SECURE": "0"}, "omnicrm.E018"),
        ({"DEBUG": "1"}, "omnicrm.E004"),
        (
            {"OIDC_ISSUER": "http://login.example.org", "OIDC_CLIENT_ID": "a", "OIDC_CLIENT_SECRET": "b"},
            "omnicrm.E015",
        ),
    ],
    ids=str,
)
def test_a_server_with_an_open_door_is_not_clean(given: dict[str, str], finding: str) -> None:
    done = check("--deploy", **given)
    assert (done.returncode, finding in done.stderr) == (1, True)


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1:9000", "[::1]:9000"])
def test_a_google_of_this_machine_needs_no_tls(sound: Any, host: str) -> None:
    for name in GOOGLE_PLACES:
        setattr(sound, name, f"http://{host}/place")
    sound.GOOGLE_CLIENT_ID = sound.GOOGLE_CLIENT_SECRET = "ours"
    assert ids(deploy=True) == {}


@pytest.mark.parametrize("name", GOOGLE_PLACES)
def test_a_google_elsewhere_needs_tls(name: str) -> None:
    done = check("--deploy", **{name: "http://google.example/place"})
    assert (done.returncode, f"Set {name}=https://google.example/place" in done.stderr) == (1, True)


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000"])
def test_one_machine_needs_no_tls(sound: Any, host: str) -> None:
    sound.SITE_URL, sound.ALLOWED_HOSTS = f"http://{host}", ["localhost", "127.0.0.1", "[::1]"]
    assert ids(deploy=True) == {}
    sound.DEBUG = True
    assert ids(deploy=True) == {}


def test_a_folder_that_cannot_even_be_seen(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    found = checks.nearest(closed / "media" / "deeper")
    closed.chmod(0o700)  # pytest removes it after some runs, and cannot as it was
    assert found == closed


def test_a_folder_that_cannot_be_written(sound: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.os, "access", lambda path, mode: False)  # root may write everywhere
    folder = Path(sound.MEDIA_ROOT).parent.parent
    assert ids() == {
        "omnicrm.E007": f"Give this account the right to write {folder}, or set MEDIA_ROOT to a folder of its own."
    }
    sound.STORAGES = {**sound.STORAGES, "default": {"BACKEND": "storages.backends.s3.S3Storage"}}
    assert ids() == {}


@pytest.mark.django_db
def test_the_role_of_the_tests_is_the_right_one() -> None:
    assert [message.id for message in checks.roles(databases=["default"])] == []
    assert checks.roles() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "finding"), [("postgres", "omnicrm.E008"), ("omnicrm_owner", "omnicrm.E009")]
)
def test_the_wrong_role_is_found(settings: Any, role: str, finding: str) -> None:
    with connection.cursor() as cursor:  # whoever the superuser of this server is
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolsuper ORDER BY oid LIMIT 1")
        (superuser,) = cursor.fetchone()
    settings.DATABASE_URL = f"postgresql://{superuser if role == 'postgres' else role}@host/omnicrm"
    (message,) = checks.roles(databases=["default"])
    assert message.id == finding
    assert "manage.py setup_database" in str(message.hint)


@pytest.mark.django_db
def test_migrations_need_the_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://omnicrm_app@host/omnicrm")
    monkeypatch.delenv("DATABASE_OWNER_URL", raising=False)
    (message,) = checks.roles(databases=["default"])
    assert (message.id, message.msg) == (
        "omnicrm.W010",
        "DATABASE_OWNER_URL is not set, and omnicrm_app may change no table, so nothing can be migrated.",
    )


# --- the whole, as it starts on a server


@pytest.mark.parametrize(
    ("start", "given", "pool"),
    [
        ("import omnicrm.wsgi", {}, 16),
        ("import omnicrm.celery", {"DB_POOL": "3"}, 0),
    ],
)
def test_only_the_web_keeps_connections(start: str, given: dict[str, str], pool: int) -> None:
    script = f"{start}; from django.conf import settings; print(settings.DB_POOL)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | PRODUCTION | given,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{pool}\n"


@pytest.mark.parametrize(
    ("given", "site"),
    [
        ({}, "http://localhost:8000"),
        ({"PORT": "8001"}, "http://localhost:8001"),
        ({"PORT": "8001", "SITE_URL": "https://crm.example.org"}, "https://crm.example.org"),
    ],
)
def test_its_own_address_follows_the_port(given: dict[str, str], site: str) -> None:
    """Google, and mail, send people back to it."""
    done = subprocess.run(
        [sys.executable, "-c", "from omnicrm import settings; print(settings.SITE_URL)"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | PRODUCTION | {"SITE_URL": ""} | given,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{site}\n"


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        ({}, ["127.0.0.1:8000"]),
        ({"BIND": "0.0.0.0", "PORT": "80"}, ["0.0.0.0:80"]),
        ({"BIND": "::1"}, ["[::1]:8000"]),
    ],
)
def test_what_gunicorn_is_told(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], bound: list[str]
) -> None:
    for name in ("BIND", "PORT", "WEB_CONCURRENCY", "WEB_THREADS", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    read = run_path(str(ROOT / "omnicrm" / "serving.py"))
    told = Config()
    for name in read.keys() & told.settings.keys():
        told.set(name, read[name])
    assert (told.bind, told.workers, told.threads, told.worker_class_str) == (bound, 2, 32, "gthread")
    assert told.control_socket_disable is True


def check(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "OMNICRM_DATA") if name in os.environ}
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "check", *arguments],
        env=kept | PRODUCTION | changes,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_server_is_clean() -> None:
    done = check("--deploy", "--fail-level", "DEBUG")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_server_of_ones_own_machine_is_clean_without_tls() -> None:
    done = check(
        "--deploy", "--fail-level", "DEBUG", SITE_URL="http://localhost:8000", ALLOWED_HOSTS="localhost"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_no_address_is_refused_without_repeating_it() -> None:
    done = check(DATABASE_URL="mysql://me:secret@host")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "DATABASE_URL must begin with postgresql:// or postgres://.\n"


def test_a_server_without_a_key_does_not_start() -> None:
    done = check(SECRET_KEY="")
    assert done.returncode == 1
    assert (
        "SECRET_KEY is not set.\n\tHINT: Set SECRET_KEY to what `openssl rand -hex 32` prints" in done.stderr
    )
    assert "Traceback" not in done.stderr
