"""The production profile: complete or refused, secure by its own check, documented variable by variable."""

import re
from pathlib import Path

import pytest

from marketplace.caching import PatientRedisCache
from marketplace.proxies import client_address
from tests.production.environment import ROOT, documented, manage, production_environment

pytestmark = pytest.mark.unit

REQUIRED = {
    "DJANGO_SECRET_KEY",
    "DJANGO_ALLOWED_HOSTS",
    "SITE_ADDRESS",
    "DATABASE_URL",
    "SEARCH_URL",
    "BROKER_URL",
    "CACHE_URL",
    "EMAIL_URL",
    "DEFAULT_FROM_EMAIL",
    "INTEGRITY_KEYS",
}
#: Read by Django itself, not by our settings.
SETTINGS_MODULE = "DJANGO_SETTINGS_MODULE"


def variables_read() -> set[str]:
    """Every name the settings ask the environment for."""
    text = "".join(
        (ROOT / "marketplace" / "settings" / name).read_text(encoding="utf-8") for name in ("base.py", "prod.py")
    )
    return set(re.findall(r"env(?:\.\w+)?\(\s*\"([A-Z][A-Z0-9_]+)\"", text))


def variables_of_compose() -> set[str]:
    path = ROOT / "compose.yaml"
    return set(re.findall(r"\$\{([A-Z][A-Z0-9_]+)", path.read_text(encoding="utf-8"))) if path.exists() else set()


def test_the_example_lists_every_variable_that_is_read_and_no_other():
    given, optional = documented()
    assert set(given) & set(optional) == set()
    assert (set(given) | set(optional)) - {SETTINGS_MODULE} == variables_read() | variables_of_compose()
    assert set(given) >= REQUIRED


def test_deploy_check_is_clean(tmp_path: Path):
    done = manage(
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        environment=production_environment(MARKETPLACE_VAR_DIR=str(tmp_path)),
    )
    assert done.returncode == 0, done.stderr
    assert "System check identified no issues" in done.stdout + done.stderr


def test_everything_that_is_missing_is_named_at_once():
    done = manage("check", environment=production_environment(**dict.fromkeys(REQUIRED, "")))
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert {name for name in REQUIRED if name in last} == REQUIRED


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SITE_ADDRESS", "http://marketplace.example"),
        ("DATABASE_URL", "sqlite:////tmp/x.sqlite3"),
        ("DJANGO_SECRET_KEY", "short"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(name: str, value: str):
    done = manage("check", environment=production_environment(**{name: value}))
    assert done.returncode != 0
    assert name in done.stderr.strip().splitlines()[-1]


def test_an_optional_variable_changes_what_it_names(tmp_path: Path):
    done = manage(
        "shell",
        "--no-imports",
        "-c",
        "from django.conf import settings as s; print(s.MEDIA_ROOT, s.DATABASES['default']['OPTIONS'].get('pool'))",
        environment=production_environment(DJANGO_MEDIA_ROOT=str(tmp_path), DATABASE_POOL_SIZE="0"),
    )
    assert done.stdout.strip() == f"{tmp_path} None", done.stderr


@pytest.mark.parametrize(
    ("forwarded_for", "trusted", "expected"),
    [
        ("", 1, "10.0.0.9"),
        ("203.0.113.7", 1, "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7", 1, "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7, 10.0.0.1", 2, "203.0.113.7"),
        ("203.0.113.7", 2, "203.0.113.7"),
        ("203.0.113.7", 0, "10.0.0.9"),
    ],
)
def test_the_visitors_address_is_what_our_proxies_saw(forwarded_for: str, trusted: int, expected: str):
    assert client_address(forwarded_for, "10.0.0.9", trusted) == expected


def test_a_cache_that_does_not_answer_is_an_empty_cache():
    unreachable = PatientRedisCache("redis://127.0.0.1:1/0", {"OPTIONS": {"socket_connect_timeout": 0.2}})
    unreachable.set("figure", 1)
    assert unreachable.get("figure") is None
    assert unreachable.get("figure", 7) == 7
    assert unreachable.add("figure", 1) is True
    assert unreachable.get_many(["figure"]) == {}
    assert unreachable.incr("figure") == 1
    assert ("figure" in unreachable) is False


def test_the_second_factor_cannot_be_switched_off_in_production(tmp_path: Path):
    environment = production_environment(MARKETPLACE_VAR_DIR=str(tmp_path), DEMO_WITHOUT_SECOND_FACTOR="1")
    done = manage("check", environment=environment)
    assert done.returncode != 0
    assert "DEMO_WITHOUT_SECOND_FACTOR" in done.stderr
