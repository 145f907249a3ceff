"""Solvers for a challenge and challenges for a vendor, with reasons; an invitation tells of nobody else."""

import pytest
from django.urls import reverse

from challenges.models import Invitation
from core.relay import drain
from matching.challenges import challenges_for, solvers_for
from notifications.models import Notification
from tests.factories import challenges as make
from tests.factories import make_listed_capability, make_organisation, make_person, make_vendor

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

FITTING = {
    "title": "集装箱箱号与残损识别系统",
    "description": "面向港口闸口，在低照度与雨雾条件下识别集装箱箱号和残损，算法已在两个码头部署验证。",
}
OTHER = {"title": "居家老人跌倒识别", "description": "用毫米波雷达发现老人跌倒，通知社区值守人员。"}


@pytest.fixture
def scene(clock):
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    vendors = {}
    for name, text in (("识别公司", FITTING), ("养老公司", OTHER)):
        organisation = make_organisation(name, kind="enterprise")
        make_listed_capability(make_vendor(organisation), **text)
        vendors[name] = make_person("vendor_staff", organisation=organisation)
    drain()
    return stage, challenge, vendors


def test_the_fitting_vendor_is_proposed_first_with_reasons_and_only_to_the_handler(scene):
    stage, challenge, vendors = scene
    found = solvers_for(stage.handler, challenge)
    assert found[0].capability.title == FITTING["title"]
    assert "text" in found[0].reasons[0].code
    for stranger in (stage.supervisor, stage.clerk, *vendors.values()):
        assert solvers_for(stranger, challenge) == []


def test_a_vendor_is_shown_the_challenges_that_fit_it_and_another_none(scene):
    _stage, challenge, vendors = scene
    assert [view.challenge for view in challenges_for(vendors["识别公司"])] == [challenge]
    assert challenges_for(vendors["养老公司"]) == []


def test_an_invitation_names_nobody_else(scene, client):
    stage, challenge, vendors = scene
    client.force_login(stage.handler)
    page = client.get(reverse("challenges:challenge", args=[challenge.code])).content.decode()
    assert FITTING["title"] in page
    view = solvers_for(stage.handler, challenge)[0]
    client.post(
        reverse("matching:invite_solver", args=[challenge.code]), {"capability": str(view.capability.public_id)}
    )
    drain()
    assert Invitation.objects.get().organisation == vendors["识别公司"].current_organisation
    notices = Notification.objects.filter(topic="challenge.invited")
    assert vendors["识别公司"] in {notice.recipient for notice in notices}
    assert {notice.recipient.current_organisation.name for notice in notices} == {"识别公司"}
    assert all("养老公司" not in notice.body for notice in notices)
    client.force_login(vendors["养老公司"])
    assert (
        client.post(
            reverse("matching:invite_solver", args=[challenge.code]), {"capability": str(view.capability.public_id)}
        ).status_code
        == 404
    )
    assert Invitation.objects.count() == 1
