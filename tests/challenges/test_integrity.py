"""Dishonesty records and ties between organisations: who keeps them, what they stop, how they end (V03–V04, §2.9)."""

from datetime import timedelta

import pytest
from django.urls import reverse

from challenges.enums import AffiliationKind
from challenges.models import Affiliation, BidVersion, CreditEntry
from challenges.services import affiliations
from core.clock import frozen, now, today
from core.errors import DomainError, GuardFailed, InvalidInput, NotPermitted
from core.models import AuditEntry
from tests.factories import challenges as make

pytestmark = pytest.mark.django_db

PAGE = "/desk/challenges/integrity/"


@pytest.fixture
def stage(clock):
    return make.make_stage(expert_count=0)


def entry_form(firm, **changed):
    return {
        "adds": "entry",
        "entry-organisation": firm.unified_code.lower(),
        "entry-document_number": "鲁科罚〔2026〕3号",
        "entry-issuer": "省科技厅",
        "entry-basis": "科学技术进步法第一百一十三条",
        "entry-summary": "弄虚作假",
        "entry-started_on": "2026-11-01",
        "entry-ends_on": "2028-10-31",
        **{f"entry-{name}": value for name, value in changed.items()},
    }


def tie_form(parent, child, **changed):
    return {
        "adds": "tie",
        "tie-parent_name": parent.name,
        "tie-parent_code": parent.unified_code,
        "tie-child_name": child.name,
        "tie-child_code": child.unified_code,
        "tie-kind": "control",
        "tie-source": "市场主体登记",
        "tie-valid_from": "",
        **{f"tie-{name}": value for name, value in changed.items()},
    }


def refused_codes(challenge, user):
    with pytest.raises(GuardFailed) as refusal:
        make.hand_in(challenge, user)
    return [reason.code for reason in refusal.value.reasons]


def test_the_page_is_there_for_the_science_department_and_supervisors_and_for_nobody_else(client, stage):
    firm = make.make_bidder().current_organisation
    for user in (stage.handler, stage.supervisor):
        client.force_login(user)
        assert client.get(PAGE).status_code == 200
        assert PAGE in client.get(reverse("challenges:board")).content.decode()
    for user in (stage.clerk, stage.city_reviewer, stage.platform, make.make_bidder()):
        client.force_login(user)
        assert client.get(PAGE).status_code == 404
        assert client.post(PAGE, entry_form(firm)).status_code == 404
        assert PAGE not in client.get(reverse("challenges:board")).content.decode()
    assert CreditEntry.objects.count() == 0


def test_an_entry_recorded_on_the_page_stops_the_bid_and_its_withdrawal_lets_it_pass(client, stage):
    challenge = make.make_open_challenge(stage)
    bidder = make.make_bidder()
    firm = bidder.current_organisation
    client.force_login(stage.supervisor)
    assert client.post(PAGE, entry_form(firm)).headers["Location"] == PAGE
    entry = CreditEntry.objects.get()
    assert (entry.organisation, entry.document_number, entry.recorded_by) == (
        firm,
        "鲁科罚〔2026〕3号",
        stage.supervisor,
    )
    assert "鲁科罚〔2026〕3号" in client.get(PAGE).content.decode()
    assert refused_codes(challenge, bidder) == ["credit_entry"]

    end = reverse("challenges:integrity_end", args=["entry", entry.pk])
    assert client.post(end, {"reason": ""}).status_code == 400
    entry.refresh_from_db()
    assert entry.withdrawn_at is None
    assert client.post(end, {"reason": "信用修复决定书1号"}).status_code == 302
    assert make.hand_in(challenge, bidder).number == 1
    assert list(
        AuditEntry.objects.filter(action__startswith="challenges.credit_entry")
        .order_by("pk")
        .values_list("action", flat=True)
    ) == ["challenges.credit_entry.record", "challenges.credit_entry.withdraw"]
    assert client.get(end).status_code == 404


def test_a_refused_entry_comes_back_with_everything_typed(client, stage):
    firm = make.make_bidder().current_organisation
    client.force_login(stage.handler)
    response = client.post(PAGE, entry_form(firm, ends_on="2032-10-31"))
    page = response.content.decode()
    assert response.status_code == 400
    assert "失信信息的使用期限最长五年" in page
    assert "鲁科罚〔2026〕3号" in page
    assert "弄虚作假" in page
    assert "2032-10-31" in page
    response = client.post(PAGE, entry_form(firm, organisation="91370000MA3000000X"))
    assert response.status_code == 400
    assert "平台上没有信用代码为“91370000MA3000000X”的单位" in response.content.decode()
    assert CreditEntry.objects.count() == 0


def test_a_tie_to_the_demander_stops_the_bid_until_the_day_after_it_ends(client, stage):
    challenge = make.make_open_challenge(stage)
    bidder = make.make_bidder()
    client.force_login(stage.handler)
    assert client.post(PAGE, tie_form(stage.demander, bidder.current_organisation)).status_code == 302
    tie = Affiliation.objects.get()
    assert refused_codes(challenge, bidder) == ["related_party"]
    assert BidVersion.objects.count() == 0

    end = reverse("challenges:integrity_end", args=["tie", tie.pk])
    assert client.post(end, {"reason": "股权已转让"}).status_code == 302
    tie.refresh_from_db()
    assert tie.valid_until == today()
    assert refused_codes(challenge, bidder) == ["related_party"]
    with frozen(now() + timedelta(days=1)):
        assert make.hand_in(challenge, bidder).number == 1
    # What is over may begin anew, beside the record of the first time.
    assert client.post(PAGE, tie_form(stage.demander, bidder.current_organisation)).status_code == 302
    assert Affiliation.objects.count() == 2


def test_a_tie_needs_two_sound_codes_a_source_and_is_kept_once(client, stage):
    bidder = make.make_bidder()
    firm = bidder.current_organisation
    values = {
        "parent_code": stage.demander.unified_code,
        "parent_name": stage.demander.name,
        "child_code": firm.unified_code,
        "child_name": firm.name,
        "kind": AffiliationKind.CONTROL,
        "source": "市场主体登记",
    }
    for changed, field in (
        ({"child_code": firm.unified_code[:-1]}, "child_code"),
        ({"child_code": stage.demander.unified_code}, "child_code"),
        ({"source": " "}, "source"),
        ({"parent_name": ""}, "parent_name"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            affiliations.affiliation_record(acting_user=stage.handler, **{**values, **changed})
        assert {reason.field for reason in refusal.value.reasons} == {field}
    with pytest.raises(NotPermitted):
        affiliations.affiliation_record(acting_user=bidder, **values)
    assert Affiliation.objects.count() == 0
    tie = affiliations.affiliation_record(acting_user=stage.handler, **values)
    with pytest.raises(DomainError) as known:
        affiliations.affiliation_record(acting_user=stage.supervisor, **values)
    assert known.value.code == "affiliation_known"
    with pytest.raises(NotPermitted):
        affiliations.affiliation_end(affiliation_id=tie.pk, acting_user=bidder, reason="试试")
    assert list(Affiliation.objects.values_list("valid_until", flat=True)) == [None]
    client.force_login(stage.handler)
    page = client.post(PAGE, tie_form(stage.demander, firm, source="年报"))
    assert page.status_code == 400
    assert "这项关联关系已经登记。" in page.content.decode()
    assert "年报" in page.content.decode()
