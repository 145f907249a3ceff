"""`seed_demo` tells its story through the services, once, and leaves every desk with something to do."""

import io
import json

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command

from accounts.models import Organisation, User
from accounts.permissions import current_roles
from challenges.models import Challenge
from core import audit
from core.integrity import installation_faults
from core.models import AuditEntry, OutboxDelivery
from core.unified_code import is_valid
from marketplace.demo import scale
from marketplace.demo.build import PASSWORD, PLATFORM
from matching.models import MatchRun, Recommendation
from notifications.models import Notification
from scenarios.models import QuarterlyList, Scenario
from search import indexing
from search.services import search
from tests.demo.walking import NOT_WALKED, Walk, pages
from vendors.models import Capability, VendorProfile

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture(autouse=True)
def index_folder(settings, tmp_path):
    """An index of this test's own: the database forgets between tests, a folder would not."""
    settings.SEARCH_URL = f"embedded://{tmp_path / 'search'}"


def _seed(*options: str) -> dict:
    out = io.StringIO()
    call_command("seed_demo", "--json", *options, stdout=out)
    return json.loads(out.getvalue())


def test_the_whole_story(monkeypatch, settings):
    settings.SECOND_FACTOR_REQUIRED = False  # as with `make run`: the printed accounts have none
    first = _seed()
    assert first["created"] is True
    assert (first["scenarios"], first["vendors"], first["capabilities"], first["lists"]) == (78, 63, 129, 4)
    states = dict(QuarterlyList.objects.values_list("title", "state"))
    assert sorted(states.values()) == ["archived", "collecting", "in_review", "published", "published", "published"]
    assert all(is_valid(code) for code in Organisation.objects.values_list("unified_code", flat=True))
    # Nothing of what was promised is left over, and nothing was parked.
    assert not OutboxDelivery.objects.exclude(state="done").exists()
    _everybody_can_sign_in(first["accounts"])
    _matches_are_there()
    _challenges_are_found()
    audit.seal_pending(limit=100_000)
    assert audit.verify().fault == ""
    _records_verify()

    _everybody_finds_their_way(first["accounts"])

    before = (AuditEntry.objects.count(), Notification.objects.count(), Scenario.objects.count())
    second = _seed()
    assert second["created"] is False
    assert {row["username"] for row in second["accounts"]} == {row["username"] for row in first["accounts"]}
    assert (AuditEntry.objects.count(), Notification.objects.count(), Scenario.objects.count()) == before

    monkeypatch.setattr(scale, "BATCH", 300)
    third = _seed("--scale", "1", "--no-index")
    assert (third["scenarios"], third["capabilities"], third["vendors"]) == (1078, 1129, 163)
    _seed("--scale", "1", "--no-index")
    assert Capability.objects.filter(state="listed", code=None).count() == 0
    assert Scenario.objects.filter(state="listed", code=None).count() == 0


def _everybody_can_sign_in(accounts: list[dict]) -> None:
    assert len(accounts) >= 16
    for row in accounts:
        user = User.objects.get(username=row["username"])
        assert user.check_password(PASSWORD)
        assert current_roles(user), row["username"]
        assert user.emailaddress_set.filter(verified=True, primary=True).exists()


def _everybody_finds_their_way(accounts: list[dict]) -> None:
    """Every link and form of every printed account (tests/demo/walking.py), and no page that nobody is led to."""
    walk = Walk()
    walk.walk("visitor", None)
    for user in User.objects.filter(username__in=[row["username"] for row in accounts]).order_by("pk"):
        walk.walk(user.username, user)
    print(f"{walk.pages.total()} pages of {len(walk.pages)} views, {walk.forms.total()} forms of {len(walk.forms)}")
    assert walk.faults == []
    assert sorted(pages() - walk.reached() - set(NOT_WALKED)) == []


def _records_verify() -> None:
    """What an auditor runs finds nothing in what the services made: every challenge, the whole installation."""
    audit.seal_pending_rows(limit=100_000)
    codes = list(Challenge.objects.exclude(code=None).values_list("code", flat=True))
    assert len(codes) == 4
    for code in codes:
        output = io.StringIO()
        call_command("verify_challenge", code, "--json", stdout=output, stderr=io.StringIO())
        assert json.loads(output.getvalue())["ok"] is True
    assert not Challenge.objects.filter(chain__kind="clock_stepped").exists(), "the story is told in its order"
    assert list(installation_faults()) == []


def _matches_are_there() -> None:
    listed = Scenario.objects.filter(list_items__quarterly_list__state__in=("published", "archived")).distinct()
    assert listed.count() == 62
    assert MatchRun.objects.filter(scenario__in=listed).values("scenario").distinct().count() == 62
    assert Recommendation.objects.values("vendor").distinct().count() >= 30
    leak = Scenario.objects.get(title="老城区供水管网漏损自动定位")
    best = MatchRun.objects.filter(scenario=leak).latest("pk").candidates.get(rank=1)
    assert best.capability.title == "供水管网声学测漏与定位系统"


def _challenges_are_found() -> None:
    """Four on the list, each in its state; what one of them was clarified to say is found, too."""
    indexing.rebuild("challenge")
    page = search(kind="challenge", viewer=AnonymousUser())
    assert page.degraded is False
    assert sorted(item.obj.state for item in page.items) == ["closed", "publicity", "published", "published"]
    clarified = search(kind="challenge", text="现场连续运行不少于三十天", viewer=AnonymousUser())
    assert [item.obj.content_version for item in clarified.items] == [2]


def test_a_failure_leaves_nothing_half(monkeypatch):
    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("marketplace.demo.build._Builder.vendor", stop)
    with pytest.raises(KeyboardInterrupt):
        _seed()
    assert not Organisation.objects.filter(name=PLATFORM).exists()
    assert not VendorProfile.objects.exists()
    assert not User.objects.exists()


@pytest.mark.parametrize("number", ["-1", "1001"])
def test_a_scale_out_of_range_is_refused(number):
    with pytest.raises(CommandError, match="0 到 1000") as caught:
        call_command("seed_demo", "--scale", number)
    assert caught.value.returncode == 2
    assert not Organisation.objects.exists()
