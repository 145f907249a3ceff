"""定向委托: says at once what it needs, can be published, and reaches whom it goes to and nobody else."""

import pytest
from django.urls import reverse

from accounts.enums import Role
from challenges.enums import ChallengeState, SelectionMethod
from challenges.models import Challenge
from challenges.services import clarification, needs
from core.relay import drain
from notifications.models import Notification
from tests.factories import challenges as make
from tests.factories import make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def stage(clock):
    return make.make_stage()


@pytest.fixture
def challenge(stage):
    return make.make_selected_challenge(stage, make.make_programme(stage))


def post_terms(client, challenge: Challenge, **typed: str):
    """The page of terms as the handler's browser sends it, with `typed` in place of what it showed."""
    address = reverse("challenges:terms", args=[challenge.public_id])
    page = client.get(address)
    form, criteria = page.context["form"], page.context["criteria"]
    posted = {name: form[name].value() or "" for name in form.fields}
    posted |= {f"criteria-{name}": value for name, value in criteria.management_form.initial.items()}
    for number, row in enumerate(challenge.criteria):
        posted |= {f"criteria-{number}-{name}": row.get(name) or "" for name in ("name", "weight", "minimum")}
    posted = {name: str(value) for name, value in posted.items()}
    return client.post(address, posted | typed)


def test_choosing_it_says_at_once_what_must_be_filled_in(stage, challenge, client):
    client.force_login(stage.handler)
    answer = post_terms(client, challenge, selection_method="directed")
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "定向委托须填写受托单位。" in page
    assert "定向委托须写明理由。" in page
    challenge.refresh_from_db()
    assert challenge.selection_method == SelectionMethod.COMPETITIVE


@pytest.mark.parametrize(
    ("who", "message"),
    [
        ("不存在的单位", "平台上没有这个已核验的单位"),
        ("同名公司", "有多个单位叫这个名称"),
        ("demander", "受托单位不能是需求单位自己。"),
    ],
)
def test_whom_it_goes_to_is_looked_up(stage, challenge, client, who, message):
    for _number in range(2):
        make_organisation("同名公司", kind="enterprise")
    client.force_login(stage.handler)
    who = stage.demander.name if who == "demander" else who
    answer = post_terms(client, challenge, selection_method="directed", directed_to=who, directed_reason="仅此一家。")
    assert answer.status_code == 400
    assert message in answer.content.decode()
    challenge.refresh_from_db()
    assert challenge.directed_to is None


def test_it_is_published_and_told_to_whom_it_goes_and_to_nobody_else(stage, challenge, client):
    chosen = make_organisation("受托研究院", kind="research")
    clerk = make_person(Role.VENDOR_STAFF, organisation=chosen)
    stranger = make_person(Role.VENDOR_STAFF, organisation=make_organisation(kind="enterprise"))
    client.force_login(stage.handler)
    answer = post_terms(
        client,
        challenge,
        selection_method="directed",
        directed_to=chosen.unified_code.lower(),
        directed_reason="仅此一家具备条件。",
    )
    assert answer.status_code == 302
    needs.need_agree(challenge_id=challenge.pk, acting_user=stage.clerk)
    make.publish_list(stage, make.make_annual_list(stage, [challenge]))
    drain()
    challenge.refresh_from_db()
    assert (challenge.state, challenge.directed_to) == (ChallengeState.PUBLISHED, chosen)
    notice = Notification.objects.get(topic="challenge.commissioned")
    assert notice.recipient == clerk
    address = reverse("challenges:challenge", args=[challenge.code])
    client.force_login(clerk)
    assert client.get(address).status_code == 200
    assert clarification.challenge_follow(challenge_id=challenge.pk, acting_user=clerk) is True
    client.force_login(stranger)
    assert client.get(address).status_code == 404


def test_back_to_open_competition_it_forgets_whom_it_went_to(stage, challenge, client):
    chosen = make_organisation("受托研究院", kind="research")
    client.force_login(stage.handler)
    post_terms(client, challenge, selection_method="directed", directed_to="受托研究院", directed_reason="仅此一家。")
    challenge.refresh_from_db()
    assert challenge.directed_to == chosen
    page = client.get(reverse("challenges:terms", args=[challenge.public_id])).content.decode()
    assert 'value="受托研究院"' in page
    post_terms(client, challenge, selection_method="competitive")
    challenge.refresh_from_db()
    assert (challenge.directed_to, challenge.directed_reason) == (None, "")
