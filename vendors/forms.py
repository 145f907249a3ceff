"""Forms of the supply side."""

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.forms import (
    DateInput,
    PageForm,
    SomeOf,
    current_cities,
    input_attributes,
    offer_classification,
    region_choices,
)
from core.models import Region, TechnologyTag
from vendors.enums import CredentialKind
from vendors.models import Capability, VendorProfile
from vendors.validators import SECTIONS

HELP: dict[str, Any] = {
    "title": _("写清能做什么、用在哪里，不写公司名称，不超过 200 个字。"),
    "summary": _("一句话说明，显示在列表中。"),
    "description": _("解决什么问题、怎么解决、效果如何。至少 20 个字。"),
    "scenarios_of_use": _("适用的单位、业务和条件。"),
    "technical_features": _("主要技术路线、接口、部署方式、国产化适配情况。"),
    "service_regions": _("可选市；勾选“服务全省”的不必再选。匹配看服务范围，不看注册地。"),
    "price_text": _("例如“20万元至60万元”“按点位，每点 800 元”“面议”。"),
    "tags": _("可多选；用于和需求的技术标签匹配。"),
}
EXAMPLES = {
    "title": {"good": _("电梯运行状态监测与困人自动派单"), "bad": _("某某公司智慧城市整体解决方案")},
    "description": {
        "good": _("在轿顶加装振动和平层传感器，不改动原控制系统；困人后 30 秒内派单到最近的维保人员。"),
        "bad": _("行业领先的一站式数字化赋能平台。"),
    },
}


class ProfileForm(forms.ModelForm):
    """The vendor's own face."""

    mark_optional = True

    website = forms.URLField(label=_("网站"), required=False, assume_scheme="https")

    class Meta:
        model = VendorProfile
        fields = [
            "summary",
            "main_business",
            "website",
            "staff_count",
            "founded_on",
            "contact_office",
            "contact_phone",
            "contact_email",
            "accepts_recommendations",
        ]
        widgets = {"founded_on": DateInput, "summary": forms.Textarea(attrs={"rows": 5})}
        help_texts = {
            "contact_phone": _("办公电话，会公开。"),
            "accepts_recommendations": _("关闭后，平台不再向本单位推送个性化推荐；公开检索不受影响。"),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        input_attributes(self)

    def _post_clean(self) -> None:
        """Leave the instance alone: the service sets and checks values under the row's lock."""


class CapabilitySectionForm(forms.ModelForm):
    """One section of a capability's task list."""

    mark_optional = False
    needed_fields = frozenset({"title", "category", "description"})
    field_examples = EXAMPLES

    tags = SomeOf(
        label=_("技术标签"),
        queryset=TechnologyTag.objects.filter(retired=False),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    service_regions = SomeOf(
        label=_("服务地区"),
        queryset=Region.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    class Meta:
        model = Capability
        fields = [name for _title, names in SECTIONS.values() for name in names]
        widgets = {
            name: forms.Textarea(attrs={"rows": 6})
            for name in ("description", "scenarios_of_use", "technical_features")
        }

    def __init__(self, *args: Any, section: str, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in list(self.fields):
            if name not in SECTIONS[section][1]:
                del self.fields[name]
        for name, field in self.fields.items():
            field.help_text = HELP.get(name, "")
        if "service_regions" in self.fields:
            # A city that was withdrawn stays where a capability names it already, and is offered to nobody else.
            named = self.instance.service_regions.values("pk") if self.instance.pk else Region.objects.none()
            self.fields["service_regions"].queryset = Region.objects.filter(
                Q(pk__in=current_cities().values("pk")) | Q(pk__in=named)
            )
        offer_classification(self)
        input_attributes(self)

    def values(self) -> dict[str, Any]:
        """What was understood; fields in error are left out, so that an autosave keeps the rest."""
        return {name: self.cleaned_data[name] for name in self.fields if name in self.cleaned_data}

    def _post_clean(self) -> None:
        """Leave the instance alone: the service sets and checks values under the row's lock."""


class NewCapabilityForm(PageForm):
    mark_optional = False
    field_examples = {"title": EXAMPLES["title"]}

    title = forms.CharField(label=_("能力名称"), max_length=200, help_text=HELP["title"])
    summary = forms.CharField(label=_("一句话说明"), max_length=300, required=False)


class CredentialForm(PageForm):
    name = forms.CharField(label=_("名称"), max_length=120)
    kind = forms.ChoiceField(label=_("种类"), choices=CredentialKind.choices)
    number = forms.CharField(label=_("证书编号"), max_length=80, required=False)
    issuer = forms.CharField(label=_("发证单位"), max_length=120, required=False)
    valid_from = forms.DateField(label=_("有效期起"), required=False, widget=DateInput)
    valid_until = forms.DateField(label=_("有效期止"), required=False, widget=DateInput)


class CaseForm(PageForm):
    title = forms.CharField(label=_("案例名称"), max_length=200)
    customer = forms.CharField(label=_("客户"), max_length=120)
    delivered_on = forms.DateField(label=_("交付日期"), required=False, widget=DateInput)
    amount = forms.CharField(label=_("金额"), required=False, max_length=60, help_text=_("例如“86万元”，可不填。"))
    region = forms.TypedChoiceField(label=_("实施地区"), required=False, coerce=int, empty_value=None)
    description = forms.CharField(label=_("说明"), required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["region"].choices = region_choices(_("请选择地区"))


class AskForm(PageForm):
    """Whom to ask about a case."""

    mark_optional = False

    customer = forms.CharField(
        label=_("客户单位"),
        max_length=120,
        required=False,
        help_text=_("全称或统一社会信用代码。已在平台登记的，由该单位的人员登录确认。"),
    )
    address = forms.EmailField(
        label=_("客户电子邮箱"),
        required=False,
        help_text=_("客户没有在平台登记时填写。平台向它发送一次性的确认链接，30 天有效，本单位看不到链接。"),
    )


class AnswerForm(PageForm):
    """A customer's answer."""

    mark_optional = False

    answer = forms.ChoiceField(
        label=_("这个案例是否属实"),
        choices=[("confirm", _("属实，确认")), ("refuse", _("不属实或不认可"))],
        widget=forms.RadioSelect,
    )
    satisfaction = forms.TypedChoiceField(
        label=_("对交付的评价"),
        choices=[("", _("不评价")), *((str(points), _("%d 分") % points) for points in (5, 4, 3, 2, 1))],
        coerce=int,
        empty_value=None,
        required=False,
        help_text=_("5 分最好。只在确认时使用。"),
    )
    reason = forms.CharField(
        label=_("不认可的理由"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("不认可时必填，供给方会看到。"),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("answer") == "refuse" and not data.get("reason", "").strip():
            self.add_error("reason", _("请写明不认可的理由，供给方会看到。"))
        return data

    def given(self) -> dict[str, Any]:
        """What the service takes."""
        data = self.cleaned_data
        return {
            "confirmed": data["answer"] == "confirm",
            "satisfaction": data["satisfaction"],
            "reason": data["reason"],
            "name": data.get("name", ""),
        }


class LinkAnswerForm(AnswerForm):
    """By a mailed link nobody is signed in: who answers says so."""

    name = forms.CharField(label=_("您的姓名和部门"), max_length=60, help_text=_("供给方和监督人员可见，不公开。"))


class MemberForm(PageForm):
    name = forms.CharField(label=_("成员单位"), max_length=120, required=False)
    contribution = forms.CharField(label=_("承担内容"), max_length=200, required=False)


MemberFormSet = forms.formset_factory(MemberForm, extra=2, max_num=10, absolute_max=12)


class DecisionForm(PageForm):
    """A verifier's decision, or a reason for a step."""

    mark_optional = False

    comment = forms.CharField(label=_("意见"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    defects = forms.CharField(
        label=_("需补充的内容"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("一行一条，退回时一次性告知。"),
    )

    def told(self) -> list[dict[str, str]]:
        lines = self.cleaned_data["defects"].splitlines()
        return [{"field": "", "reason": line.strip()} for line in lines if line.strip()]
