"""What looks like a restriction of competition is pointed at with its words, and what is none is left alone."""

import pytest
from django.urls import reverse

from accounts.enums import Role
from scenarios.enums import ScenarioState
from scenarios.restrictions import restricting_words, restrictions_found
from tests.factories import make_organisation, make_person, make_scenario, make_submittable_scenario

HITS = [
    ("place", "须在济南市注册，具有独立法人资格。"),
    ("place", "供应商注册地须在本市。"),
    ("place", "仅限省内企业报名。"),
    ("place", "本地企业优先。"),
    ("place", "须在当地设有分支机构。"),
    ("place", "青岛市注册的公司。"),
    ("ownership", "国有控股企业。"),
    ("ownership", "须为国有企业。"),
    ("ownership", "民营企业不得参加。"),
    ("size", "注册资本不低于5000万元。"),
    ("size", "注册资金 1000 万以上。"),
    ("size", "上年营业收入超过 1 亿元。"),
    ("size", "在职员工不少于100人。"),
    ("size", "须为上市公司。"),
    ("size", "单项合同金额不低于 500 万元。"),
    ("years", "成立满五年。"),
    ("years", "成立不少于 5 年。"),
    ("years", "注册三年以上的企业。"),
    ("years", "具有5年以上从业经历。"),
    ("local_record", "具有本省同类项目业绩。"),
    ("local_record", "近三年在山东省内有两个以上案例。"),
    ("local_record", "业绩须为本市项目。"),
]
CLEAN = [
    "具有履行合同所必需的设备和专业技术能力。",
    "项目团队不少于 5 人，项目负责人常驻现场。",
    "提供三年质保，故障 2 小时内响应。",
    "近三年有同类项目业绩。",
    "系统本地化部署，数据存储在本地机房。",
    "面向全市推广，服务本市群众。",
    "支持用户注册和登录，注册用户超过 10 万。",
    "我局成立于 2019 年。",
    "通过信息安全等级保护三级测评。",
    "响应时间小于 2 秒，并发不低于 500。",
    "具备电子与智能化工程专业承包二级及以上资质。",
    "",
]
#: Of 需求内容: what describes the need there would be a condition among the conditions.
CLEAN_ELSEWHERE = [
    "为全市规模以上企业提供能耗监测。",
    "归集国有企业的资产数据。",
    "参考省内优秀案例，结合本市业绩考核办法。",
]


@pytest.mark.unit
@pytest.mark.parametrize(("kind", "text"), HITS)
def test_a_restriction_is_found_with_its_words(kind, text):
    found = list(restricting_words(text))
    assert kind in {str(hit) for hit, _words in found}
    assert all(words and words in text for _hit, words in found)


@pytest.mark.unit
@pytest.mark.parametrize("text", CLEAN)
def test_what_restricts_nothing_is_left_alone(text):
    assert list(restricting_words(text)) == []


@pytest.mark.unit
@pytest.mark.parametrize("text", CLEAN_ELSEWHERE)
def test_outside_the_conditions_the_same_words_describe_a_need(text):
    assert list(restricting_words(text, conditions=False)) == []


@pytest.mark.unit
def test_every_kind_is_looked_for_and_each_is_said_once():
    text = "须在济南市注册，成立满五年，注册资本不低于 500 万元，国有控股，具有本省业绩。"
    kinds = [str(kind) for kind, _words in restricting_words(text)]
    assert sorted(kinds) == ["local_record", "ownership", "place", "size", "years"]


@pytest.mark.django_db
@pytest.mark.integration
def test_the_clerk_and_the_reviewer_are_pointed_at_the_words(clock, client):
    """The owner ticked nothing; the words are told to both, and nothing says that a review is attached."""
    owner = make_organisation("历城示范局")
    conditions = "须在济南市注册，成立满五年。"
    scenario = make_submittable_scenario(owner, eligibility_conditions=conditions)
    found = restrictions_found(scenario)
    assert [(str(hit.kind), hit.field, hit.ticked) for hit in found] == [
        ("place", "eligibility_conditions", False),
        ("years", "eligibility_conditions", False),
    ]
    client.force_login(make_person(Role.DEMAND_SUBMITTER, organisation=owner))
    check = client.get(reverse("scenarios:check", args=[scenario.key])).content.decode()
    assert "在济南市注册" in check
    assert "没有勾选" in check
    scenario.state = ScenarioState.SUBMITTED
    scenario.save()
    client.force_login(make_person(Role.FIRST_REVIEWER, organisation=make_organisation("济南示范局")))
    page = client.get(reverse("scenarios:review", args=[scenario.key])).content.decode()
    assert "限制性条件已附审查" not in page
    assert "没有勾选" in page
    assert "成立满五年" in page
    assert "平台不判断" in page


@pytest.mark.django_db
@pytest.mark.integration
def test_what_was_ticked_is_not_told_as_unticked(clock):
    scenario = make_scenario(eligibility_conditions="须在济南市注册。", restricts_by=["place"])
    assert [hit.ticked for hit in restrictions_found(scenario)] == [True]
