"""Corrections of published lists: prepared by an editor, published or returned by an approver who is somebody else."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from core import audit, outbox
from core.clock import now
from core.errors import DomainError, InvalidInput, NotPermitted, ObjectNotFound
from core.transitions import transition
from scenarios.events import ErratumDraftMoved, ErratumPublished
from scenarios.models import Erratum, ErratumDraft, QuarterlyList
from scenarios.permissions import may_edit_list
from scenarios.selectors import CONTENT_FIELDS
from scenarios.states import ERRATUM_MACHINE


def _locked_list(list_id: int) -> QuarterlyList:
    quarterly_list = QuarterlyList.objects.select_for_update().filter(pk=list_id).first()
    if quarterly_list is None:
        raise ObjectNotFound()
    return quarterly_list


@transaction.atomic
def erratum_prepare(
    *,
    list_id: int,
    acting_user: User,
    corrected_text: str,
    reason: str,
    item_id: int | None = None,
    field: str = "",
) -> ErratumDraft:
    """Write a correction down for approval. Nothing is public yet.

    `field` is a content field of the item; its published text will stand beside the correction as the original.
    """
    quarterly_list = _locked_list(list_id)
    if not may_edit_list(acting_user, quarterly_list):
        raise NotPermitted(_("草拟勘误需要省级“清单编制人”角色。"))
    problems: dict[str, list[str]] = {}
    if not quarterly_list.is_public:
        raise DomainError(_("清单尚未发布，请直接修改条目，不需要勘误。"), code="list_not_published")
    item = quarterly_list.items.filter(pk=item_id).first() if item_id is not None else None
    if item_id is not None and item is None:
        problems["item"] = [_("所选条目不在这份清单中。")]
    if field and field not in CONTENT_FIELDS:
        problems["field"] = [_("请选择要更正的栏目。")]
    if not corrected_text.strip():
        problems["corrected_text"] = [_("请填写更正后的内容。")]
    if not reason.strip():
        problems["reason"] = [_("请填写更正原因。")]
    if problems:
        raise InvalidInput(problems)
    draft = ErratumDraft.objects.create(
        quarterly_list=quarterly_list,
        item=item,
        field=field,
        corrected_text=corrected_text.strip(),
        reason=reason.strip(),
        prepared_by=acting_user,
        prepared_at=now(),
    )
    audit.record(acting_user, "scenarios.erratum_draft.prepare", draft)
    outbox.publish(ErratumDraftMoved(draft.pk, "prepare"))
    return draft


def _locked_draft(public_id: UUID) -> ErratumDraft:
    known = ErratumDraft.objects.filter(public_id=public_id).first()
    if known is None:
        raise ObjectNotFound()
    # The list first: corrections are numbered one after the other.
    quarterly_list = _locked_list(known.quarterly_list_id)
    draft = ErratumDraft.objects.select_for_update(of=("self",)).select_related("item").get(pk=known.pk)
    draft.quarterly_list = quarterly_list
    return draft


@transaction.atomic
def erratum_publish(*, public_id: UUID, acting_user: User, comment: str = "") -> Erratum:
    """Approve a correction of somebody else's: it is numbered and shown beside the original, which stays (§3.4)."""
    draft = _locked_draft(public_id)
    draft.decided_by, draft.decided_at, draft.comment = acting_user, now(), comment.strip()
    fields = ["decided_by", "decided_at", "comment"]
    transition(draft, "publish", ERRATUM_MACHINE, by=acting_user, update_fields=fields)
    last = draft.quarterly_list.errata.order_by("-number").first()
    erratum = Erratum.objects.create(
        quarterly_list=draft.quarterly_list,
        item=draft.item,
        number=last.number + 1 if last is not None else 1,
        field=draft.field,
        original_text=draft.original_text,
        corrected_text=draft.corrected_text,
        reason=draft.reason,
        created_by=draft.prepared_by,
        published_at=now(),
    )
    draft.erratum = erratum
    draft.save(update_fields=["erratum"])
    audit.record(acting_user, "scenarios.quarterly_list.erratum", draft.quarterly_list, {"erratum": erratum.number})
    outbox.publish_many([ErratumDraftMoved(draft.pk, "publish"), ErratumPublished(erratum.pk)])
    return erratum


@transaction.atomic
def erratum_return(*, public_id: UUID, acting_user: User, comment: str) -> ErratumDraft:
    """Send a correction back with a reason; its editor prepares another."""
    draft = _locked_draft(public_id)
    draft.decided_by, draft.decided_at, draft.comment = acting_user, now(), comment.strip()
    fields = ["decided_by", "decided_at", "comment"]
    transition(draft, "return", ERRATUM_MACHINE, by=acting_user, context={"comment": comment}, update_fields=fields)
    audit.record(acting_user, "scenarios.erratum_draft.return", draft, {"comment": draft.comment})
    outbox.publish(ErratumDraftMoved(draft.pk, "return"))
    return draft
