"""Related parties by unified code (V03–V04): control, joint control, significant influence, directly or by steps."""

from collections.abc import Iterable, Sequence

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import Organisation
from challenges.models import Affiliation
from core.clock import today
from core.errors import Reason

#: Steps of ownership followed in each direction. Chains of control longer than this are for the human check.
LONGEST_CHAIN = 4


def _edges(codes: Iterable[str]) -> list[Affiliation]:
    day = today()
    return list(
        Affiliation.objects.filter(Q(parent_code__in=codes) | Q(child_code__in=codes))
        .filter(Q(valid_from=None) | Q(valid_from__lte=day))
        .filter(Q(valid_until=None) | Q(valid_until__gte=day))
    )


def related_codes(codes: Iterable[str]) -> dict[str, str]:
    """Codes connected to any of `codes` through affiliations in force today → the name of the tie that led there."""
    reached = {code: "" for code in codes if code}
    frontier = set(reached)
    for _step in range(LONGEST_CHAIN):
        found: dict[str, str] = {}
        for edge in _edges(frontier):
            text = _("%(parent)s对%(child)s的%(kind)s") % {
                "parent": edge.parent_name,
                "child": edge.child_name,
                "kind": edge.get_kind_display(),
            }
            for code in (edge.parent_code, edge.child_code):
                if code not in reached:
                    found.setdefault(code, text)
        reached |= found
        frontier = set(found)
        if not frontier:
            break
    return reached


def names_of_codes(codes: Iterable[str]) -> list[tuple[str, str]]:
    """(code, name) for every name these codes go by: on the platform, and where a tie was entered."""
    wanted = {code for code in codes if code}
    found: list[tuple[str, str]] = []
    for code, *names in Organisation.objects.filter(unified_code__in=wanted).values_list(
        "unified_code", "name", "short_name"
    ):
        found += [(str(code), name) for name in names if name]
    for side in ("parent", "child"):
        rows = Affiliation.objects.filter(**{f"{side}_code__in": wanted})
        found += list(rows.values_list(f"{side}_code", f"{side}_name"))
    return found


def related_reasons(codes: Sequence[str], other_code: str, other_name: str) -> list[Reason]:
    """One reason if any of `codes` is the other party or is tied to it (V04)."""
    reached = related_codes(codes)
    if other_code not in reached:
        return []
    tie = reached[other_code] or _("同一单位")
    return [
        Reason(
            "related_party",
            _("与%(other)s存在关联关系（%(tie)s），不能揭榜。") % {"other": other_name, "tie": tie},
        )
    ]
