"""Credit and overdue checks at the four gates, with evidence (domain.md §2.9; V15–V16)."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import Organisation, User
from challenges.enums import ProjectState
from challenges.models import Bid, CreditCheck, CreditEntry, Project
from challenges.permissions import keeps_integrity_records
from core import audit
from core.clock import database_now, today
from core.errors import DomainError, InvalidInput, NotPermitted, Reason

#: 山东省社会信用条例 38: shown and used for at most five years.
LONGEST_YEARS = 5


def valid_entries(codes: Iterable[str], on: date) -> list[CreditEntry]:
    """Entries in force on that day; one that ended yesterday is not counted (domain.md §8.3, 10)."""
    return list(
        CreditEntry.objects.select_related("organisation")
        .filter(organisation__unified_code__in=[code for code in codes if code])
        .filter(started_on__lte=on, ends_on__gte=on, withdrawn_at__isnull=True)
    )


def overdue_projects(codes: Iterable[str]) -> list[Project]:
    """Projects past their acceptance limit; the block lifts itself with the acceptance (V16)."""
    return list(
        Project.objects.filter(
            state=ProjectState.OVERDUE, solver__unified_code__in=[code for code in codes if code]
        ).select_related("challenge")
    )


def credit_reasons(codes: Sequence[str]) -> list[Reason]:
    """What stands against these organisations today."""
    reasons = [
        Reason(
            "credit_entry",
            _("%(organisation)s有尚在有效期内的失信记录（%(document)s，%(basis)s，至 %(until)s）。")
            % {
                "organisation": entry.organisation,
                "document": entry.document_number,
                "basis": entry.basis,
                "until": entry.ends_on,
            },
        )
        for entry in valid_entries(codes, today())
    ]
    reasons += [
        Reason(
            "acceptance_overdue",
            _("项目“%s”逾期未验收，验收完成前不能申报；完成后自动恢复。") % project.challenge.title,
        )
        for project in overdue_projects(codes)
    ]
    return reasons


def credit_check(*, gate: str, codes: Sequence[str], bid: Bid | None = None) -> list[Reason]:
    """Look, keep the evidence with its time, and return what was found. Call inside the deciding transaction."""
    reasons = credit_reasons(codes)
    known = {row.unified_code: row for row in Organisation.objects.filter(unified_code__in=codes)}
    CreditCheck.objects.bulk_create(
        [
            CreditCheck(
                organisation=known.get(code),
                unified_code=code,
                bid=bid,
                gate=gate,
                passed=not reasons,
                findings=[reason.message for reason in reasons],
            )
            for code in codes
        ]
    )
    return reasons


@transaction.atomic
def credit_entry_record(
    *,
    acting_user: User,
    organisation: Organisation,
    document_number: str,
    issuer: str,
    basis: str,
    summary: str,
    started_on: date,
    ends_on: date,
) -> CreditEntry:
    """Keep an entry some authority made. The platform makes none of its own (山东省社会信用条例 27, 38)."""
    if not keeps_integrity_records(acting_user):
        raise NotPermitted()
    problems: dict[str, list[str]] = {
        name: [_("请填写。")]
        for name, value in (("document_number", document_number), ("issuer", issuer), ("basis", basis))
        if not value.strip()
    }
    if ends_on < started_on:
        problems["ends_on"] = [_("终止日期不能早于起始日期。")]
    elif ends_on > started_on + timedelta(days=LONGEST_YEARS * 366):
        problems["ends_on"] = [_("失信信息的使用期限最长五年（山东省社会信用条例第三十八条）。")]
    if problems:
        raise InvalidInput(problems)
    entry = CreditEntry.objects.create(
        organisation=organisation,
        document_number=document_number.strip(),
        issuer=issuer.strip(),
        basis=basis.strip(),
        summary=summary.strip(),
        started_on=started_on,
        ends_on=ends_on,
        recorded_by=acting_user,
    )
    audit.record(acting_user, "challenges.credit_entry.record", entry)
    return entry


@transaction.atomic
def credit_entry_withdraw(*, entry_id: int, acting_user: User, reason: str) -> CreditEntry:
    """Repair or revocation of the source: the entry is no longer used from now on (art. 40–41)."""
    if not keeps_integrity_records(acting_user):
        raise NotPermitted()
    entry = CreditEntry.objects.select_for_update().filter(pk=entry_id).first()
    if entry is None or entry.withdrawn_at is not None:
        raise DomainError(_("该记录不存在或已撤销。"), code="credit_entry_gone")
    if not reason.strip():
        raise InvalidInput({"reason": [_("请写明撤销或修复的依据。")]})
    entry.withdrawn_at = database_now()
    entry.save(update_fields=["withdrawn_at"])
    audit.record(acting_user, "challenges.credit_entry.withdraw", entry, {"reason": reason})
    return entry
