"""A step counts as confirmed only when both sides confirmed the same terms (V20; found by walking: 76 became 176)."""

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DomainError
from core.relay import drain
from matching.enums import EngagementState
from matching.models import Engagement
from matching.services import engagements
from matching.terms import terms_digest
from notifications.models import Notification
from tests.matching.test_engagements import begun, sides, step

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]

FILE = b"%PDF-1.4 contract"


@pytest.fixture
def agreed():
    """Both want to contract; nothing of the contract is said yet."""
    scenario, clerk, staff = sides()
    engagement = begun(scenario, staff)
    engagements.engagement_accept(public_id=engagement.public_id, acting_user=clerk)
    for person in (clerk, staff):
        step(engagement, person, "intent")
    engagement.refresh_from_db()
    assert engagement.state == EngagementState.INTENT
    return engagement, clerk, staff


def test_the_second_side_cannot_overwrite_what_the_first_confirmed(agreed):
    engagement, clerk, staff = agreed
    step(engagement, clerk, "contract", amount_fen=7_600_000_00, contract=FILE)

    step(engagement, staff, "contract", amount_fen=17_600_000_00)

    engagement.refresh_from_db()
    assert engagement.state == EngagementState.INTENT
    assert (engagement.owner_confirms, engagement.vendor_confirms) == ("", "contract")
    assert engagement.overtaken["by"] == "owner"
    assert engagement.overtaken["terms"]["amount_fen"] == 7_600_000_00

    step(engagement, clerk, "contract")
    engagement.refresh_from_db()
    assert (engagement.state, engagement.amount_fen, engagement.overtaken) == (
        EngagementState.CONTRACTED,
        17_600_000_00,
        None,
    )


def test_confirming_the_same_terms_again_is_the_second_confirmation(agreed):
    engagement, clerk, staff = agreed
    step(engagement, clerk, "contract", amount_fen=7_600_000_00, contract=FILE)
    step(engagement, staff, "contract", amount_fen=7_600_000_00, contract=FILE)
    engagement.refresh_from_db()
    assert engagement.state == EngagementState.CONTRACTED


def test_both_see_the_difference_and_the_one_overtaken_is_told_each_time(agreed):
    engagement, clerk, staff = agreed
    step(engagement, clerk, "contract", amount_fen=76_0000_00, contract=FILE)
    for amount in (176_0000_00, 276_0000_00):
        step(engagement, staff, "contract", amount_fen=amount)
        step(engagement, clerk, "contract", amount_fen=76_0000_00)
    drain()
    for person in (clerk, staff):
        client = Client()
        client.force_login(person)
        page = client.get(reverse("matching:engagement", args=[engagement.public_id])).content.decode()
        assert "<del>276万元</del>" in page
        assert "<ins>76万元</ins>" in page
        assert (
            Notification.objects.filter(
                topic="engagement.moved", recipient=person, title__contains="原来的确认已失效"
            ).count()
            >= 2
        )


def test_a_text_that_changed_meanwhile_is_read_before_it_is_confirmed(agreed):
    engagement, clerk, staff = agreed
    step(engagement, staff, "contract", amount_fen=76_0000_00, contract=FILE)
    engagement.refresh_from_db()
    seen = terms_digest(engagement, "contract")
    step(engagement, staff, "contract", amount_fen=176_0000_00)

    with pytest.raises(DomainError) as refusal:
        engagements.engagement_confirm(
            public_id=engagement.public_id, acting_user=clerk, step="contract", values={}, seen=seen
        )

    assert refusal.value.code == "terms_changed"
    engagement.refresh_from_db()
    assert (engagement.state, engagement.owner_confirms) == (EngagementState.INTENT, "intent")


def test_the_page_brings_the_standing_terms_and_a_press_confirms_them(agreed):
    engagement, clerk, staff = agreed
    step(engagement, staff, "contract", amount_fen=76_0000_00, contract=FILE)
    engagement.refresh_from_db()
    client = Client()
    client.force_login(clerk)
    address = reverse("matching:engagement_act", args=[engagement.public_id, "contract"])
    page = client.get(address).content.decode()
    assert 'value="76万元"' in page
    seen = terms_digest(engagement, "contract")
    stale = client.post(address, {"amount": "76 万元", "seen": "0" * 64})
    assert stale.status_code == 400
    assert seen in stale.content.decode()
    assert client.post(address, {"amount": "76 万元", "seen": seen}).status_code == 302
    engagement.refresh_from_db()
    assert engagement.state == EngagementState.CONTRACTED


STEPS = st.lists(
    st.tuples(st.booleans(), st.sampled_from(["contract", "deliver"]), st.sampled_from([None, 1_00, 2_00])),
    min_size=1,
    max_size=8,
)


@given(STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_any_order_nothing_is_confirmed_unless_both_confirmed_the_same_digest(agreed, steps):
    engagement, clerk, staff = agreed
    Engagement.objects.filter(pk=engagement.pk).update(
        state=EngagementState.INTENT, owner_confirms="", vendor_confirms="", owner_digest="", vendor_digest="",
        amount_fen=None, contract_digest="", outcome="", overtaken=None,
    )  # fmt: skip
    said: dict[tuple[bool, str], str] = {}
    for by_owner, name, amount in steps:
        engagement.refresh_from_db()
        before, standing = engagement.state, terms_digest(engagement, name)
        values = {"amount_fen": amount, "contract": FILE} if name == "contract" else {"outcome": f"投入 {amount}"}
        try:
            step(engagement, clerk if by_owner else staff, name, **values)
        except DomainError:
            continue
        engagement.refresh_from_db()
        said[by_owner, name] = terms_digest(engagement, name)
        if said[by_owner, name] != standing:
            said.pop((not by_owner, name), None)  # what the other had confirmed was another text
        moved = engagement.state != before
        assert moved == (said.get((True, name)) == said.get((False, name)) == said[by_owner, name])
