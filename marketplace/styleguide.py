"""Specimens for the gallery of components: made-up values, no database."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from core.forms import DateInput, PageForm
from core.templatetags.interface import ICONS, TONES


@dataclass(frozen=True)
class State:
    """Anything with a state and its words."""

    state: str
    words: str

    def get_state_display(self) -> str:
        return self.words


class SpecimenForm(PageForm):
    needed_fields = frozenset({"title", "kind"})
    field_examples = {
        "title": {"good": _("老旧小区加装电梯运行状态监测"), "bad": _("智慧电梯项目")},
    }

    title = forms.CharField(label=_("需求名称"), max_length=60, help_text=_("写清给谁、解决什么问题，不超过 60 个字。"))
    kind = forms.ChoiceField(
        label=_("场景类型"), choices=[("", _("请选择")), ("a", _("场景验证")), ("b", _("联合共建"))]
    )
    text = forms.CharField(label=_("需求内容"), widget=forms.Textarea, required=False)
    day = forms.DateField(label=_("期望完成日期"), widget=DateInput, required=False)
    limits = forms.MultipleChoiceField(
        label=_("限制性条件"),
        choices=[("place", _("注册地")), ("size", _("企业规模")), ("years", _("成立年限"))],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    file = forms.FileField(label=_("附件"), required=False, help_text=_("PDF、Word、Excel，单个不超过 20 MB。"))
    agreed = forms.BooleanField(label=_("所填内容不涉及国家秘密"), help_text=_("按姓名留存，提交后不能修改。"))


STATES = (
    ("draft", _("草稿")),
    ("submitted", _("待初审")),
    ("supplement", _("待补充")),
    ("first_passed", _("待省级审核")),
    ("pooled", _("已入库")),
    ("frozen", _("已列入待发布清单")),
    ("listed", _("已发布")),
    ("suspended", _("已暂停")),
    ("expired", _("已到期")),
    ("not_accepted", _("未采纳")),
    ("withdrawn", _("已撤回")),
)


def specimens(request: HttpRequest) -> dict[str, Any]:
    rows = [
        {"number": f"2026Q4-{index:03d}", "title": title, "owner": owner, "state": State(*STATES[index * 2])}
        for index, (title, owner) in enumerate(
            (
                (_("城市排水管网液位监测与内涝预警"), _("示例市住房和城乡建设局")),
                (_("乡镇卫生院影像辅助判读"), _("示例县卫生健康局")),
                (_("港口集装箱理货图像识别"), _("示例港务有限公司")),
            ),
            start=1,
        )
    ]
    return {
        "empty_form": SpecimenForm(),
        "wrong_form": SpecimenForm({"title": "字" * 61, "day": "2026-02-30"}, auto_id="wrong_%s"),
        "states": [State(*pair) for pair in STATES],
        "tones": sorted(set(TONES.values())),
        "icons": list(ICONS),
        "rows": rows,
        "page": Paginator(range(1, 245), 20).get_page(request.GET.get("page", 4)),
        "colours": ("brand", "brand-deep", "ink", "ink-quiet", "success", "warning", "danger", "ground", "line"),
    }
