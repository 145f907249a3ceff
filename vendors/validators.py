"""What a capability must carry before it is submitted. All reasons are returned, never the first only."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.errors import Reason
from core.personal_information import LABELS, scan
from vendors.models import Capability

PUBLIC_TEXT_FIELDS = (
    "title",
    "summary",
    "description",
    "scenarios_of_use",
    "technical_features",
    "price_text",
)
LONGEST_TEXT = 10_000
SHORTEST_DESCRIPTION = 20

#: The task list of the form.
SECTIONS: dict[str, tuple[str | Promise, tuple[str, ...]]] = {
    "basics": (gettext_lazy("基本情况"), ("title", "summary", "category", "industry", "tags")),
    "content": (gettext_lazy("能力说明"), ("description", "scenarios_of_use", "technical_features")),
    "service": (gettext_lazy("服务范围与价格"), ("serves_whole_province", "service_regions", "price_text")),
}


def _label(field: str) -> str:
    return str(getattr(Capability._meta.get_field(field), "verbose_name", field))


def submission_problems(capability: Capability) -> list[Reason]:
    """Mandatory fields, lengths, and personal information in public text (V18)."""
    problems = [
        Reason("required", _("请填写“%s”。") % _label(field), field)
        for field in ("title", "description")
        if not getattr(capability, field).strip()
    ]
    if not capability.category_id:
        problems.append(Reason("required", _("请选择“应用领域”。"), "category"))
    if capability.description.strip() and len(capability.description.strip()) < SHORTEST_DESCRIPTION:
        problems.append(
            Reason(
                "too_short", _("“能力说明”不足 20 个字。请写清能解决什么问题、怎么解决、在哪里用过。"), "description"
            )
        )
    if not capability.serves_whole_province and not capability.service_regions.exists():
        problems.append(Reason("required", _("请选择服务地区，或勾选“服务全省”。"), "service_regions"))
    for field in PUBLIC_TEXT_FIELDS:
        text = getattr(capability, field) or ""
        if len(text) > LONGEST_TEXT:
            problems.append(Reason("too_long", _("“%s”超过 10000 字，请精简。") % _label(field), field))
        problems += [
            Reason(
                "personal_information",
                _("“%(field)s”中有%(kind)s（%(masked)s），该栏会公开，请删除。")
                % {"field": _label(field), "kind": LABELS[finding.kind], "masked": finding.masked},
                field,
            )
            for finding in scan(text)
        ]
    return problems
