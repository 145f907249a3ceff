"""The clerk's pages: a draft grows by sections, saves by itself, refuses without losing a word."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.enums import Role
from core.models import Attachment, AuditEntry, Category
from scenarios.enums import ScenarioState
from scenarios.models import FairCompetitionReview, Scenario
from tests.factories import make_organisation, make_person, make_scenario, make_submittable_scenario

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]


@pytest.fixture
def clerk():
    return make_person(Role.DEMAND_SUBMITTER)


@pytest.fixture
def desk(clerk, sign_in):
    return sign_in(clerk)


@pytest.fixture
def draft(clerk):
    return make_scenario(clerk.current_organisation)


def section(draft, name):
    return reverse("scenarios:edit", args=[draft.key, name])


def test_a_draft_begins_with_name_and_type(desk, clerk):
    response = desk.post(reverse("scenarios:create"), {"title": "桥梁监测", "scenario_type": "validation"})
    made = Scenario.objects.get()
    assert response["Location"] == reverse("scenarios:tasks", args=[made.key])
    assert (made.title, made.owner, made.state) == ("桥梁监测", clerk.current_organisation, ScenarioState.DRAFT)


def test_refused_beginning_keeps_what_was_typed_and_stores_nothing(desk):
    response = desk.post(reverse("scenarios:create"), {"title": "长" * 201, "scenario_type": "joint"})
    html = response.content.decode()
    assert response.status_code == 400
    assert "“需求名称”最多 200 个字，现有 201 个字" in html
    assert 'href="#id_title"' in html
    assert "长" * 201 in html
    assert Scenario.objects.count() == 0


def test_who_has_no_such_role_cannot_begin(sign_in):
    client = sign_in(make_person(Role.VENDOR_STAFF))
    assert client.get(reverse("scenarios:create")).status_code == 403
    response = client.post(reverse("scenarios:create"), {"title": "x", "scenario_type": "joint"})
    assert response.status_code == 403
    assert Scenario.objects.count() == 0


def test_a_clerk_of_another_unit_does_not_see_the_draft(sign_in, draft):
    other = sign_in(make_person(Role.DEMAND_SUBMITTER))
    for name in ("scenarios:tasks", "scenarios:check", "scenarios:submitted", "scenarios:attachments"):
        assert other.get(reverse(name, args=[draft.key])).status_code == 404
    assert other.post(section(draft, "need"), {"version": 1, "description": "别人的内容"}).status_code == 404
    draft.refresh_from_db()
    assert draft.description == ""


def test_every_section_opens(desk, draft):
    for name in ("basics", "need", "conditions", "money", "eligibility", "contact"):
        response = desk.get(section(draft, name))
        assert response.status_code == 200
        assert 'data-autosave="' in response.content.decode()


def test_task_list_costs_the_same_whatever_is_filled(desk, draft, django_assert_max_num_queries):
    with django_assert_max_num_queries(20) as bare:
        desk.get(reverse("scenarios:tasks", args=[draft.key]))
    full = make_submittable_scenario(draft.owner, title="填齐的需求")
    with django_assert_max_num_queries(20) as filled:
        desk.get(reverse("scenarios:tasks", args=[full.key]))
    assert len(bare) == len(filled)


def test_button_saves_and_leads_to_the_next_section(desk, draft):
    category = Category.objects.get(code="4.1.1")
    response = desk.post(
        section(draft, "basics"),
        {
            "version": draft.document_version,
            "title": "新名称",
            "scenario_type": "joint",
            "category": category.pk,
            "region": draft.region_id,
            "level": "city",
            "next": "1",
        },
    )
    assert response["Location"] == section(draft, "need")
    draft.refresh_from_db()
    assert (draft.title, draft.scenario_type, draft.category) == ("新名称", "joint", category)


def test_autosave_answers_with_time_and_version(desk, draft):
    response = desk.post(
        section(draft, "need"),
        {"version": draft.document_version, "description": "写到一半"},
        headers={"accept": "application/json"},
    )
    draft.refresh_from_db()
    assert response.json() == {"version": draft.document_version, "saved_at": "10:00:00"}
    assert draft.description == "写到一半"


def test_autosave_keeps_the_rest_when_one_field_cannot_be_read(desk, draft):
    desk.post(
        section(draft, "money"),
        {
            "version": draft.document_version,
            "funding_nature": "own",
            "budget_text": "120万元",
            "needed_by": "明年",
        },
        headers={"accept": "application/json"},
    )
    draft.refresh_from_db()
    assert (draft.budget_text, draft.budget_max_fen, draft.needed_by) == ("120万元", 120_000_000, None)


def test_unreadable_date_names_field_and_remedy_and_keeps_the_text(desk, draft):
    response = desk.post(
        section(draft, "money"),
        {
            "version": draft.document_version,
            "funding_nature": "own",
            "budget_text": "120万元",
            "needed_by": "2026-02-30",
        },
    )
    html = response.content.decode()
    assert response.status_code == 400
    assert "“期望完成日期”不是有效的日期，请写成 2026-12-31 这样。" in html
    assert 'value="2026-02-30"' in html
    assert "120万元" in html


def test_somebody_elses_save_is_never_overwritten_unseen(desk, draft):
    stale = draft.document_version
    desk.post(section(draft, "need"), {"version": stale, "description": "先保存的内容"})
    response = desk.post(section(draft, "need"), {"version": stale, "description": "后保存的内容"})
    html = response.content.decode()
    draft.refresh_from_db()
    assert response.status_code == 409
    assert draft.description == "先保存的内容"
    assert "后保存的内容" in html
    assert "以我的内容保存" in html
    again = desk.post(section(draft, "need"), {"version": draft.document_version, "description": "后保存的内容"})
    draft.refresh_from_db()
    assert again.status_code == 302
    assert draft.description == "后保存的内容"


def test_autosave_is_told_of_a_conflict(desk, draft):
    stale = draft.document_version
    desk.post(section(draft, "need"), {"version": stale, "description": "先保存的内容"})
    response = desk.post(
        section(draft, "need"), {"version": stale, "description": "乙"}, headers={"accept": "application/json"}
    )
    assert response.status_code == 409
    assert response.json()["code"] == "edit_conflict"


def test_page_without_version_is_refused_in_words(desk, draft):
    response = desk.post(section(draft, "need"), {"version": "x", "description": "内容"})
    draft.refresh_from_db()
    assert response.status_code == 400
    assert "请刷新后重新填写" in response.content.decode()
    assert draft.description == ""


def test_check_page_lists_every_problem_with_its_place(desk, draft):
    response = desk.get(reverse("scenarios:check", args=[draft.key]))
    html = response.content.decode()
    assert response.status_code == 200
    for field, home in (("description", "need"), ("category", "basics"), ("public_contact_phone", "contact")):
        assert f'href="{section(draft, home)}#id_{field}"' in html


def test_refused_submission_changes_nothing(desk, draft):
    before = AuditEntry.objects.count()
    response = desk.post(reverse("scenarios:check", args=[draft.key]))
    draft.refresh_from_db()
    assert response.status_code == 409
    assert 'id="error-summary"' in response.content.decode()
    assert (draft.state, draft.submitted_at) == (ScenarioState.DRAFT, None)
    assert AuditEntry.objects.count() == before


def test_submission_ends_with_a_receipt(desk, clerk):
    draft = make_submittable_scenario(clerk.current_organisation)
    response = desk.post(reverse("scenarios:check", args=[draft.key]), follow=True)
    draft.refresh_from_db()
    html = response.content.decode()
    assert draft.state == ScenarioState.SUBMITTED
    assert draft.public_id.hex[:12].upper() in html
    assert "2026-12-01" in html


def test_submitted_demand_can_be_withdrawn_with_a_reason(desk, clerk):
    draft = make_submittable_scenario(clerk.current_organisation)
    desk.post(reverse("scenarios:check", args=[draft.key]))
    address = reverse("scenarios:act", args=[draft.key, "withdraw"])
    refused = desk.post(address, {"comment": " "})
    draft.refresh_from_db()
    assert refused.status_code == 400
    assert draft.state == ScenarioState.SUBMITTED
    desk.post(address, {"comment": "内容有变"})
    draft.refresh_from_db()
    assert draft.state == ScenarioState.WITHDRAWN


def test_copy_makes_a_draft_linked_to_the_earlier_one(desk, draft):
    desk.post(reverse("scenarios:copy", args=[draft.key]))
    made = Scenario.objects.exclude(pk=draft.pk).get()
    assert (made.title, made.previous, made.state) == (draft.title, draft, ScenarioState.DRAFT)


PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


def test_attachment_is_private_unless_marked(desk, draft):
    address = reverse("scenarios:attachments", args=[draft.key])
    desk.post(address, {"file": SimpleUploadedFile("现场.pdf", PDF), "purpose": "现场照片"})
    kept = Attachment.objects.get()
    assert (kept.original_name, kept.publicity) == ("现场.pdf", "private")
    assert "现场.pdf" in desk.get(address).content.decode()


def test_wrong_kind_of_file_is_refused_in_words(desk, draft):
    response = desk.post(
        reverse("scenarios:attachments", args=[draft.key]),
        {"file": SimpleUploadedFile("程序.exe", b"MZ\x00"), "purpose": "说明"},
    )
    assert response.status_code == 400
    assert "不接受“.exe”这类文件" in response.content.decode()
    assert Attachment.objects.count() == 0


def test_fair_competition_review_and_its_file_are_kept_together(desk, draft):
    address = reverse("scenarios:fair_competition", args=[draft.key])
    values = {"reviewer_name": "法规科", "conclusion": "适用例外", "ends_on": "2027-06-30"}
    refused = desk.post(address, values | {"file": SimpleUploadedFile("a.pdf", PDF), "ends_on": "2020-01-01"})
    assert refused.status_code == 400
    assert (FairCompetitionReview.objects.count(), Attachment.objects.count()) == (0, 0)
    desk.post(address, values | {"file": SimpleUploadedFile("a.pdf", PDF)})
    assert FairCompetitionReview.objects.get().attachment == Attachment.objects.get()


def test_own_demands_are_listed_by_state(desk, clerk, draft):
    make_scenario(make_organisation(), title="别的单位的需求")
    html = desk.get(reverse("scenarios:own")).content.decode()
    assert draft.title in html
    assert "别的单位的需求" not in html
    assert "这里还没有需求" in desk.get(reverse("scenarios:own"), {"state": "listed"}).content.decode()


def test_own_list_costs_the_same_for_one_and_three_rows(desk, draft, django_assert_max_num_queries):
    with django_assert_max_num_queries(15) as one:
        desk.get(reverse("scenarios:own"))
    make_scenario(draft.owner)
    make_scenario(draft.owner)
    with django_assert_max_num_queries(15) as three:
        desk.get(reverse("scenarios:own"))
    assert len(one) == len(three)
