"""Ties between organisations, as an authority or a register states them (domain.md §2.9; V03–V04)."""

from datetime import date

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from challenges.models import Affiliation
from challenges.permissions import keeps_integrity_records
from core import audit, unified_code
from core.clock import today
from core.errors import DomainError, InvalidInput, NotPermitted


@transaction.atomic
def affiliation_record(
    *,
    acting_user: User,
    parent_code: str,
    parent_name: str,
    child_code: str,
    child_name: str,
    kind: str,
    source: str,
    valid_from: date | None = None,
) -> Affiliation:
    """Keep one tie with its source; from then on it counts at hand-in, at the formal check and at recusal."""
    if not keeps_integrity_records(acting_user):
        raise NotPermitted()
    codes = {"parent_code": unified_code.normalise(parent_code), "child_code": unified_code.normalise(child_code)}
    problems = {name: [problem] for name, code in codes.items() if (problem := unified_code.problem_with(code))}
    problems |= {
        name: [_("请填写。")]
        for name, value in (("parent_name", parent_name), ("child_name", child_name), ("source", source))
        if not value.strip()
    }
    if not problems and codes["parent_code"] == codes["child_code"]:
        problems["child_code"] = [_("两个单位的信用代码相同。")]
    if problems:
        raise InvalidInput(problems)
    if Affiliation.objects.filter(**codes, kind=kind, valid_until=None).exists():
        raise DomainError(_("这项关联关系已经登记。"), code="affiliation_known")
    tie = Affiliation.objects.create(
        **codes,
        parent_name=parent_name.strip(),
        child_name=child_name.strip(),
        kind=kind,
        source=source.strip(),
        valid_from=valid_from,
    )
    audit.record(acting_user, "challenges.affiliation.record", tie, {**codes, "kind": kind})
    return tie


@transaction.atomic
def affiliation_end(*, affiliation_id: int, acting_user: User, reason: str) -> Affiliation:
    """The tie is over: today is its last day. What was decided by it stays as it was."""
    if not keeps_integrity_records(acting_user):
        raise NotPermitted()
    tie = Affiliation.objects.select_for_update().filter(pk=affiliation_id).first()
    if tie is None or (tie.valid_until is not None and tie.valid_until <= today()):
        raise DomainError(_("该关联关系不存在或已终止。"), code="affiliation_gone")
    if not reason.strip():
        raise InvalidInput({"reason": [_("请写明终止的依据。")]})
    tie.valid_until = today()
    tie.save(update_fields=["valid_until"])
    audit.record(acting_user, "challenges.affiliation.end", tie, {"reason": reason.strip()})
    return tie
