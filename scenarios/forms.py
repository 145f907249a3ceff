"""Forms of the demand side. They read what was typed; the rules live in validators and states."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.enums import OrganisationKind, OrganisationState
from accounts.models import Organisation
from core.forms import DateInput, DateTimeInput, LinesField, PageForm, SomeOf, input_attributes, offer_classification
from core.models import TechnologyTag
from core.quarters import Quarter
from scenarios.enums import FundingNature, Restriction, ScenarioState, ScenarioType
from scenarios.models import PUBLIC_STATES, Scenario
from scenarios.validators import SECTIONS

HELP: dict[str, Any] = {
    "title": _("写清给谁、解决什么问题，不写单位名称和宣传语，不超过 200 个字。"),
    "scenario_type": _("技术攻关类须写明知识产权归属。"),
    "region": _("需求落地的市或县区；全省范围的请选省。"),
    "lead_department": _("由省直部门牵头的，由该部门初审；不选则由所在市初审。"),
    "pain_point": _("现在怎么做、难在哪里、影响多少人或多少业务。"),
    "description": _("希望怎么做、给谁用、和哪些系统衔接。至少 20 个字。"),
    "target_indicators": _("能测量的目标，一行一个，写明现状和期望值。"),
    "tags": _("可多选；用于和供给方的技术标签匹配。"),
    "available_resources": _("能提供的场地、设备、接口、人员等。"),
    "data_needs": _("需要哪些数据、由谁提供。平台不传递数据，只登记渠道。"),
    "acceptance_method": _("由谁验收、看什么、多长时间。"),
    "intellectual_property": _("成果归谁。不写明的，专利申请权依法归研究开发方。"),
    "budget_text": _("按材料原样填写，例如“120万元”“50万元至80万元”“面议”。"),
    "timeframe_text": _("例如“合同签订后 6 个月内”。"),
    "deadline_at": _("供给方响应的截止时间（北京时间），到点即停。"),
    "eligibility_conditions": _(
        "只写与履约有关的条件。限定注册地、所有制、规模、年限或本地业绩的，须附公平竞争审查结论。"
    ),
    "required_credentials": _("每行一项，写资质全称。缺少所列资质的供给方不进入推荐，并注明原因。"),
    "restricts_by": _("上面的条件如涉及以下限制，请如实勾选。"),
    "public_contact_office": _("处室或科室名称，会公开。"),
    "public_contact_phone": _("办公电话，会公开。请不要填写手机号。"),
    "private_contact_name": _("只供审核单位联系，不公开。"),
    "previous": _("本次是再次发布的，请选择前次。"),
    "is_cross_region": _("涉及两个以上市或跨部门协同。"),
}
EXAMPLES: dict[str, Mapping[str, Any]] = {
    "title": {"good": _("老旧小区加装电梯运行状态监测"), "bad": _("某某市智慧电梯项目")},
    "pain_point": {
        "good": _("全区 412 台加装电梯分属 37 家维保单位，困人后平均 26 分钟才知道是哪一台。"),
        "bad": _("信息化水平不高，急需提升。"),
    },
    "target_indicators": {
        "good": _("困人报警到派单由 26 分钟缩短到 3 分钟以内；误报率低于 2%。"),
        "bad": _("实现智能化管理，大幅提升效率。"),
    },
}
NEEDED = frozenset(
    {
        "title",
        "category",
        "region",
        "description",
        "target_indicators",
        "public_contact_office",
        "public_contact_phone",
        "no_state_secret",
    }
)
LONG_TEXTS = (
    "pain_point",
    "description",
    "target_indicators",
    "available_resources",
    "data_needs",
    "acceptance_method",
    "intellectual_property",
    "eligibility_conditions",
)


class ScenarioSectionForm(forms.ModelForm):
    """One section of the task list; every field may stay empty in a draft except the title."""

    mark_optional = False
    needed_fields = NEEDED
    field_examples = EXAMPLES

    required_credentials = LinesField(label=_("要求的资质"), required=False)
    restricts_by = forms.MultipleChoiceField(
        label=_("限制性条件"), choices=Restriction.choices, widget=forms.CheckboxSelectMultiple, required=False
    )
    tags = SomeOf(
        label=_("技术标签"),
        queryset=TechnologyTag.objects.filter(retired=False),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    class Meta:
        model = Scenario
        fields = [*(name for _title, names in SECTIONS.values() for name in names), "previous"]
        widgets = {
            "needed_by": DateInput,
            "deadline_at": DateTimeInput,
            **{name: forms.Textarea(attrs={"rows": 5}) for name in LONG_TEXTS},
        }

    def __init__(self, *args: Any, section: str, **options: Any) -> None:
        super().__init__(*args, **options)
        wanted = list(SECTIONS[section][1])
        earlier = Scenario.objects.filter(owner_id=self.instance.owner_id, state__in=PUBLIC_STATES).exclude(
            pk=self.instance.pk
        )
        if section == "basics" and (self.instance.previous_id or earlier.exists()):
            wanted.append("previous")
            self.fields["previous"].queryset = earlier
            self.fields["previous"].empty_label = _("不是再次发布")
        for name in list(self.fields):
            if name not in wanted:
                del self.fields[name]
        for name, field in self.fields.items():
            field.help_text = HELP.get(name, "")
        if "lead_department" in self.fields:
            self.fields["lead_department"].queryset = Organisation.objects.filter(
                kind=OrganisationKind.AGENCY, state=OrganisationState.VERIFIED
            ).order_by("level", "name")
            self.fields["lead_department"].empty_label = _("不指定，由所在市初审")
        if "funding_nature" in self.fields and self.instance.scenario_type == ScenarioType.PROCUREMENT:
            self._ask_for_funding()
        offer_classification(self)
        input_attributes(self)

    def _ask_for_funding(self) -> None:
        """采购建设 is paid for: what every draft begins with is no answer here."""
        field = self.fields["funding_nature"]
        paid = [choice for choice in FundingNature.choices if choice[0] != FundingNature.OPEN]
        field.choices = [("", _("请选择资金性质")), *paid]
        field.help_text = _("采购建设类需求须有资金。")
        if self.instance.funding_nature == FundingNature.OPEN:
            self.initial["funding_nature"] = ""

    def values(self) -> dict[str, Any]:
        """What was understood; fields in error are left out, so that an autosave keeps the rest."""
        return {name: self.cleaned_data[name] for name in self.fields if name in self.cleaned_data}

    def _post_clean(self) -> None:
        """Leave the instance alone: the service sets and checks values under the row's lock."""


class NewScenarioForm(PageForm):
    """The two things a draft begins with."""

    mark_optional = False
    field_examples = {"title": EXAMPLES["title"]}

    title = forms.CharField(label=_("需求名称"), max_length=200, help_text=HELP["title"])
    scenario_type = forms.ChoiceField(
        label=_("场景类型"), choices=ScenarioType.choices, widget=forms.RadioSelect, initial=ScenarioType.VALIDATION
    )


class FairCompetitionForm(PageForm):
    """The review that restrictive conditions need (公平竞争审查条例 12, 17)."""

    mark_optional = False

    reviewer_name = forms.CharField(label=_("审查单位或人员"), max_length=100)
    conclusion = forms.CharField(label=_("审查结论"), widget=forms.Textarea(attrs={"rows": 4}))
    exception_clause = forms.CharField(label=_("适用的例外条款"), max_length=200, required=False)
    ends_on = forms.DateField(label=_("实施期限至"), widget=DateInput(attrs={"class": "input-short"}))
    file = forms.FileField(
        label=_("审查结论文件"), required=False, help_text=_("PDF、Word、PNG 或 JPG，不超过 20 MB。")
    )


class AttachmentForm(PageForm):
    """A file beside a demand."""

    mark_optional = False

    file = forms.FileField(
        label=_("文件"), help_text=_("PDF、Word（docx）、Excel（xlsx）、PNG 或 JPG，单个不超过 20 MB。")
    )
    purpose = forms.CharField(label=_("说明"), max_length=40, help_text=_("例如“现场照片”“接口说明”。"))
    is_public = forms.BooleanField(
        label=_("发布后随需求公开"), required=False, help_text=_("不勾选的只有本单位和审核人能看到。")
    )


class CommentForm(PageForm):
    """A reason that the other side will read."""

    mark_optional = False

    comment = forms.CharField(label=_("理由"), widget=forms.Textarea(attrs={"rows": 3}), required=False)


class NewListForm(PageForm):
    mark_optional = True

    quarter = forms.ChoiceField(label=_("季度"))
    title = forms.CharField(label=_("名称"), max_length=200, required=False, help_text=_("不填则按季度自动命名。"))
    foreword = forms.CharField(label=_("发布说明"), required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, quarter: Quarter, **options: Any) -> None:
        super().__init__(*args, **options)
        offered = (quarter.previous(), quarter, quarter.next())
        self.fields["quarter"].choices = [(entry.code, entry.label) for entry in offered]
        self.fields["quarter"].initial = quarter.code


class ApprovalForm(PageForm):
    mark_optional = False
    needed_fields = frozenset({"secrecy_reviewer_name"})

    secrecy_reviewer_name = forms.CharField(
        label=_("保密审查人"), max_length=40, required=False, help_text=_("由谁对清单全文作了保密审查。")
    )
    comment = forms.CharField(label=_("审批意见"), required=False, widget=forms.Textarea(attrs={"rows": 3}))


class ErratumForm(PageForm):
    mark_optional = False
    needed_fields = frozenset({"corrected_text", "reason"})

    item = forms.ChoiceField(label=_("条目"), required=False)
    field = forms.ChoiceField(label=_("更正栏目"), required=False)
    corrected_text = forms.CharField(label=_("更正为"), widget=forms.Textarea(attrs={"rows": 3}), required=False)
    reason = forms.CharField(label=_("更正原因"), widget=forms.Textarea(attrs={"rows": 2}), required=False)

    def __init__(self, *args: Any, items: list[tuple[int, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["item"].choices = [("", _("清单整体")), *((str(key), label) for key, label in items)]
        self.fields["field"].choices = [("", _("不限栏目")), *ERRATUM_FIELDS]


#: Content fields an erratum may name, with their labels.
ERRATUM_FIELDS = tuple(
    (name, Scenario._meta.get_field(name).verbose_name)
    for name in (
        "title",
        "pain_point",
        "description",
        "target_indicators",
        "available_resources",
        "data_needs",
        "acceptance_method",
        "eligibility_conditions",
        "budget_text",
        "timeframe_text",
        "public_contact_office",
        "public_contact_phone",
    )
)

#: States the catalogue's filter offers, in the order a reader cares about.
CATALOGUE_STATES = (
    ScenarioState.LISTED,
    ScenarioState.SUSPENDED,
    ScenarioState.EXPIRED,
    ScenarioState.CLOSED_UNMATCHED,
    ScenarioState.LANDED,
    ScenarioState.CONVERTED,
)
