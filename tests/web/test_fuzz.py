"""No input gives 500: every parameter of every address is given odd values, as a visitor and in every role.

Made from the URL patterns, the forms and links of crawled pages, and the OpenAPI file; the same every time (seeded).
Each request is undone, so that the next one finds the same data. Runs on both databases, as everything here.
"""

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.test import Client

from accounts.models import User
from marketplace.demo.build import build
from tests.factories.accounts import give_second_factor
from tests.web.odd_input import Judge, Visit, operations_of, routes

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

FEWEST_REQUESTS = 5000
STARTS = (
    "/",
    "/desk/",
    "/site-map/",
    "/desk/account/",
    "/desk/challenges/",
    "/api/v1/scenarios/",
    "/api/v1/challenges/",
)
PEOPLE = ("shenhe", "bianzhi", "shenpi", "yunwei", "keji", "kejishenpi", "zhuanjia01", "xitong", "anquan")
#: By hand: FUZZ_SEED=7 FUZZ_EACH=3 asks other things, and more of them.
SEED = int(os.environ.get("FUZZ_SEED", "11"))
EACH = int(os.environ.get("FUZZ_EACH", "1"))
#: Signing out is not asked; the third is shadowed by the administration's own last pattern.
UNREACHED = {
    "account/logout/",
    "admin/logout/",
    "admin/(?P<app_label>auth|account|mfa|usersessions|axes|core)/$",
}


@pytest.fixture
def index_folder(settings, tmp_path):
    """An index of this test's own."""
    settings.SEARCH_URL = f"embedded://{tmp_path / 'search'}"


def with_second_factor(name: str) -> User:
    """The demonstration leaves the second factor to be set up; here it is, or nothing but its page would be asked."""
    person = User.objects.get(username=name)
    give_second_factor(person)
    return person


def session_of(person: User) -> str:
    client = Client()
    client.force_login(person)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def schema() -> dict:
    return yaml.safe_load((Path(settings.PROJECT_ROOT) / "docs" / "api" / "schema.yml").read_text(encoding="utf-8"))


@pytest.mark.usefixtures("index_folder")
def test_no_input_gives_an_error_of_ours(capsys):
    built = build()
    offered = [account.username for account in built.accounts]
    people = [*PEOPLE, *(name for name in offered if name.startswith(("gongji", "xuqiu")))][:12]
    sessions = {"visitor": ""} | {name: session_of(with_second_factor(name)) for name in people}

    begun = time.monotonic()
    visit = Visit(sessions, random.Random(SEED), Judge(schema()))
    for who in sessions:
        visit.crawl(who, STARTS if who != "xitong" else (*STARTS, "/admin/"), most=50)
    for asks in (
        visit.odd_json(operations_of(schema()), each=6 * EACH),
        visit.odd_paths(each=4 * EACH),
        visit.odd_forms(each=EACH),
        visit.odd_queries(each=EACH),
        visit.everywhere(),
    ):
        for ask in asks:
            visit.ask(ask)

    total, seconds = sum(visit.asked.values()), time.monotonic() - begun
    missed = {route for route, _pattern in routes()} - visit.covered - UNREACHED
    with capsys.disabled():
        print(f"\n{total} requests in {seconds:.0f} s as {len(sessions)} people: {dict(visit.asked)}")
        print(f"answers {dict(sorted(visit.answered.items()))}; patterns: {len(visit.covered)}, not: {sorted(missed)}")
    assert visit.failures == []
    assert dict(visit.undescribed) == {}
    assert total >= FEWEST_REQUESTS
    assert Counter(visit.answered)[200] > total // 10, "the people are not signed in: nothing was tried"
    assert missed == set(), "addresses that were not asked"
