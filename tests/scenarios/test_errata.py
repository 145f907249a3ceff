"""A correction binds the public: an editor prepares it, sees it as it will stand, and another person publishes it."""

import itertools

import pytest
from django.urls import reverse

from accounts.enums import Role
from core.errors import GuardFailed, IllegalTransition, NotPermitted
from core.models import AuditEntry, OutboxEvent
from core.relay import drain
from notifications.models import Notification
from scenarios import services
from scenarios.enums import ErratumDraftState, ScenarioState
from scenarios.models import Erratum, ErratumDraft, Scenario
from scenarios.states import ERRATUM_MACHINE
from tests.factories import (
    make_organisation,
    make_person,
    make_published_list,
    make_scenario,
    make_submittable_scenario,
)

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]


@pytest.fixture
def bureau():
    return make_organisation("省级示范局", region_code="370000")


@pytest.fixture
def editor(bureau):
    return make_person(Role.LIST_EDITOR, organisation=bureau)


@pytest.fixture
def approver(bureau):
    return make_person(Role.LIST_APPROVER, organisation=bureau)


@pytest.fixture
def published(editor, approver):
    return make_published_list(editor=editor, approver=approver)


def prepared(published, person) -> ErratumDraft:
    return services.erratum_prepare(
        list_id=published.pk,
        acting_user=person,
        item_id=published.items.get().pk,
        field="public_contact_phone",
        corrected_text="0531-66600009",
        reason="电话变更",
    )


def test_until_it_is_approved_nothing_is_public_and_the_approver_is_told(published, editor, approver, client):
    draft = prepared(published, editor)
    drain()
    addresses = [reverse("scenarios:list", args=[published.code]), reverse("scenarios:feed")]
    addresses.append(reverse("scenarios:scenario", args=[published.items.get().number]))
    addresses.append(f"/api/v1/lists/{published.code}/")
    for address in addresses:
        assert "0531-66600009" not in client.get(address).content.decode()
    assert [notice.recipient for notice in Notification.objects.filter(topic="list.erratum_waits")] == [approver]
    client.force_login(editor)
    page = client.get(reverse("scenarios:edit_list", args=[published.code])).content.decode()
    assert "<del>0531-66600001</del>" in page
    assert "<ins>0531-66600009</ins>" in page
    assert "等待另一位审批人批准，尚未公开。" in page
    decide = reverse("scenarios:list_erratum_decide", args=[published.code, draft.public_id, "publish"])
    assert decide not in page
    client.force_login(approver)
    assert decide in client.get(reverse("scenarios:edit_list", args=[published.code])).content.decode()
    assert client.post(decide).status_code == 302
    client.logout()
    assert "0531-66600009" in client.get(addresses[0]).content.decode()
    assert (Erratum.objects.get().number, Erratum.objects.get().created_by) == (1, editor)


def test_nobody_publishes_their_own_even_with_both_roles(published, bureau):
    both = make_person(Role.LIST_EDITOR, Role.LIST_APPROVER, organisation=bureau)
    draft = prepared(published, both)
    events = OutboxEvent.objects.count()
    with pytest.raises(NotPermitted):
        services.erratum_publish(public_id=draft.public_id, acting_user=both)
    draft.refresh_from_db()
    assert (draft.state, draft.decided_by, OutboxEvent.objects.count()) == ("waiting", None, events)
    assert not Erratum.objects.exists()


def test_sent_back_it_says_why_and_stays_unpublished(published, editor, approver):
    draft = prepared(published, editor)
    with pytest.raises(GuardFailed):
        services.erratum_return(public_id=draft.public_id, acting_user=approver, comment=" ")
    services.erratum_return(public_id=draft.public_id, acting_user=approver, comment="号码与来函不一致")
    drain()
    notice = Notification.objects.get(topic="list.erratum_returned")
    assert (notice.recipient, "号码与来函不一致" in notice.body) == (editor, True)
    assert not Erratum.objects.exists()


@pytest.mark.parametrize(("state", "action"), list(itertools.product(ErratumDraftState.values, ERRATUM_MACHINE)))
def test_each_state_and_action_either_moves_or_changes_nothing(published, editor, approver, state, action):
    draft = prepared(published, editor)
    ErratumDraft.objects.filter(pk=draft.pk).update(state=state)
    service = {"publish": services.erratum_publish, "return": services.erratum_return}[action]
    audits = AuditEntry.objects.count()
    arguments = {"public_id": draft.public_id, "acting_user": approver, "comment": "请核对"}
    if state == "waiting":
        service(**arguments)
        assert AuditEntry.objects.count() == audits + 1
    else:
        with pytest.raises(IllegalTransition):
            service(**arguments)
        assert AuditEntry.objects.count() == audits
    draft.refresh_from_db()
    assert draft.state == (ERRATUM_MACHINE[action].target if state == "waiting" else state)
    assert Erratum.objects.count() == (state == "waiting" and action == "publish")


def test_a_draft_is_taken_back_without_a_reason_and_what_was_handed_in_with_one(client):
    clerk = make_person(Role.DEMAND_SUBMITTER)
    draft = make_scenario(clerk.current_organisation)
    client.force_login(clerk)
    address = reverse("scenarios:act", args=[draft.key, "withdraw"])
    page = client.get(address).content.decode()
    assert "草稿只有本单位能看到" in page
    assert "有关各方能够看到" not in page
    assert client.post(address, {"comment": ""}).status_code == 302
    assert Scenario.objects.get(pk=draft.pk).state == ScenarioState.WITHDRAWN
    sent = make_submittable_scenario(clerk.current_organisation, title="已提交的需求", state=ScenarioState.SUBMITTED)
    address = reverse("scenarios:act", args=[sent.key, "withdraw"])
    assert "有关各方能够看到" in client.get(address).content.decode()
    assert client.post(address, {"comment": ""}).status_code == 400
    assert Scenario.objects.get(pk=sent.pk).state == ScenarioState.SUBMITTED


def test_ending_a_demand_says_what_ends_with_it(published, client):
    scenario = published.items.get().scenario
    client.force_login(make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner))
    page = client.get(reverse("scenarios:act", args=[scenario.code, "close"])).content.decode()
    assert "尚未签约的对接随之结束并通知供给方" in page
