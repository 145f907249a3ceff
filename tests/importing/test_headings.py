"""Every heading variant of published lists finds its field, and units and hand-made mappings are honoured."""

import pytest

from core.errors import InvalidInput
from core.importing import Field, FieldTable, map_headings, unit_in_heading
from core.spreadsheets import Table
from scenarios.importing import SCENARIO_FIELDS
from vendors.importing import CAPABILITY_FIELDS

pytestmark = pytest.mark.unit

#: The headings of published demand and challenge lists, as far as a column of theirs means something to us.
DEMAND_LISTS = {
    "low-altitude opportunities": {
        "场景类型": "scenario_type",
        "序号": "sequence",
        "场景机会名称": "title",
        "单位名称": "owner_text",
        "合作需求": "cooperation",
        "联系方式": "contact_phone",
    },
    "sub-district scenes": {
        "序号": "sequence",
        "应用领域": "category",
        "应用场景名称": "title",
        "场景简介": "description",
        "拟落地应用区域": "region_text",
        "牵头部门": "lead_department",
    },
    "reserve of projects": {
        "场景名称": "title",
        "主要技术": "tags",
        "参考案例": "kept",
        "潜在企业及产品": "kept",
    },
    "responsibility list": {
        "公司名称": "owner_text",
        "场景项目介绍": "description",
        "建议对接部门": "lead_department",
        "推进情况": "kept",
        "场景全周期落地跟进人": "kept",
    },
    "manufacturing demands": {"行业类别": "industry", "需求": "description"},
    "collection form": {
        "需求名称": "title",
        "方向": "category",
        "需求内容": "description",
        "预期": "target_indicators",
        "联系人": "contact_name",
        "邮箱": "public_contact_email",
        "审核意见": "kept",
    },
    "procurement intentions": {
        "采购项目名称": "title",
        "采购需求概况": "description",
        "预算金额（万元）": "budget_text",
        "拟面向中小企业预留": "kept",
        "预计采购时间（填写到月）": "timeframe_text",
        "备注": "kept",
        "采购单位": "owner_text",
        "采购品目": "kept",
    },
    "municipal tenders": {
        "标段号/序号": "lot_number",
        "服务内容/招标内容": "description",
        "服务期限/交货期": "timeframe_text",
        "（简要技术要求）": "description",
        "最高限价": "budget_text",
    },
    "operators' notices": {
        "公告日期": "published_on",
        "省份": "region_text",
        "运营商": "owner_text",
        "公告类别": "kept",
        "项目名称": "title",
        "采购内容": "description",
        "采购预算金额": "budget_text",
        "采购文件售卖时间": "kept",
        "应答截止时间": "deadline_at",
        "应答人资格": "eligibility_conditions",
        "业绩要求": "eligibility_conditions",
        "原公告链接": "source_url",
    },
    "challenge documents": {
        "题目编号": "external_number",
        "企业名称": "owner_text",
        "二、题目名称": "title",
        "题目介绍": "description",
        "参赛对象": "eligibility_conditions",
        "答题要求": "description",
        "作品评选标准": "acceptance_method",
        "作品提交时间": "deadline_at",
        "赛事保障": "available_resources",
    },
    "provincial needs": {
        "机构全称": "owner_text",
        "归口管理部门": "lead_department",
        "所在地域": "region_text",
        "技术需求名称": "title",
        "起始/截至需求年份": "timeframe_text",
        "主要问题*": "pain_point",
        "技术关键*": "description",
        "预期目标*": "target_indicators",
        "关键字": "tags",
        "需求技术所属领域": "category",
        "需求技术应用行业": "industry",
        "技术需求解决方式": "cooperation",
        "资金需求总额": "budget_text",
        "手机": "private_contact_phone",
    },
    "local challenge system": {
        "技术领域": "category",
        "发榜企业": "owner_text",
        "主要技术难点": "pain_point",
        "主要技术指标": "target_indicators",
        "主要研究内容": "description",
        "预期投入(万元)": "budget_text",
        "期望解决时限": "needed_by",
        "悬赏金额(万元)": "budget_text",
        "揭榜条件": "eligibility_conditions",
        "揭榜截止": "deadline_at",
    },
    "jsonl": {
        "id": "record_id",
        "title": "title",
        "description": "description",
        "targets": "target_indicators",
        "publisher": "owner_text",
        "region": "region_text",
        "field": "category",
        "list": "list_title",
        "budget": "budget_text",
        "source_url": "source_url",
        "deadline": "deadline_at",
        "official_no": "external_number",
        "published": "published_on",
        "planned_time": "timeframe_text",
        "cooperation": "cooperation",
        "year": "kept",
        "quarter": "kept",
        "via": "kept",
    },
}
CAPABILITY_LISTS = {
    "low-altitude capabilities": {
        "场景类型": "category",
        "序号": "sequence",
        "场景能力名称": "title",
        "单位名称": "vendor_text",
        "场景能力说明": "description",
        "联系方式": "kept",
    },
    "key firms": {
        "公司名称": "vendor_text",
        "企业与产品简介": "description",
        "场景能力": "description",
        "可应用落地场景": "scenarios_of_use",
        "类别": "category",
        "企业资质": "kept",
    },
    "firm profiles": {
        "企业名称": "vendor_text",
        "核心定位": "summary",
        "主营业务": "description",
        "核心产品": "description",
        "核心技术": "technical_features",
        "资质与荣誉": "kept",
        "典型客户/案例": "kept",
        "注册资本（万元）": "kept",
        "员工人数": "kept",
        "近一年营收（万元）": "kept",
        "经营异常": "kept",
    },
    "jsonl": {
        "id": "record_id",
        "vendor": "vendor_text",
        "vendor_named_in_text": "vendor_named_in_text",
        "title": "title",
        "description": "description",
    },
}


@pytest.mark.parametrize(("heading", "field"), [pair for columns in DEMAND_LISTS.values() for pair in columns.items()])
def test_demand_headings_are_recognised(heading, field):
    assert SCENARIO_FIELDS.find(heading) == field


@pytest.mark.parametrize(
    ("heading", "field"), [pair for columns in CAPABILITY_LISTS.values() for pair in columns.items()]
)
def test_capability_headings_are_recognised(heading, field):
    assert CAPABILITY_FIELDS.find(heading) == field


@pytest.mark.parametrize(
    "heading", ["* 需求 名称", "3.需求名称", "三、需求名称（必填，不超过50字）", "需求\n名称：", "需求名称#2"]
)
def test_stars_numbers_breaks_and_remarks_do_not_matter(heading):
    assert SCENARIO_FIELDS.find(heading) == "title"


@pytest.mark.parametrize(
    ("heading", "unit"),
    [
        ("预算金额（万元）", "万元"),
        ("预算金额\n(单位：元)", "元"),
        ("悬赏金额(人民币万元)", "万元"),
        ("总投资亿元", "亿元"),
        ("预算金额", None),
        ("万元", None),
        ("预算金额（必填）", None),
    ],
)
def test_the_unit_of_a_heading_is_read(heading, unit):
    assert unit_in_heading(heading) == unit


def _table(*headings: str) -> Table:
    return Table("csv", list(headings), dict.fromkeys(headings, ""), [])


def test_a_mapping_by_hand_wins_and_may_use_labels_or_leave_out():
    headings = map_headings(
        _table("事项", "需求名称", "备注", "奇怪的列"),
        SCENARIO_FIELDS,
        {"事项": "需求名称", "需求名称": "description", "备注": ""},
    )
    assert headings.fields == {"事项": "title", "需求名称": "description"}
    assert headings.unknown == ["奇怪的列"]


def test_two_columns_of_one_field_are_joined_or_reported():
    headings = map_headings(_table("需求名称", "项目名称", "需求内容", "建设内容"), SCENARIO_FIELDS)
    assert headings.fields == {"需求名称": "title", "需求内容": "description", "建设内容": "description"}
    assert headings.warnings == ["“项目名称”与“需求名称”都对应“需求名称”，只采用后者。如不对，请手工指定对应关系。"]


def test_a_mapping_that_names_nothing_is_refused_with_what_there_is():
    with pytest.raises(InvalidInput) as caught:
        map_headings(_table("需求名称", "备注"), SCENARIO_FIELDS, {"没有": "title", "备注": "不存在的栏目"})
    first, second = caught.value.fields["mapping"]
    assert first == "文件中没有“没有”这一列，已有的列：需求名称、备注。"
    assert second.startswith("没有“不存在的栏目”这个栏目，可选：")


def test_a_heading_cannot_stand_for_two_fields():
    with pytest.raises(ValueError, match="stands for two fields"):
        FieldTable([Field("a", "甲", ("同",)), Field("b", "乙", ("同",))])
