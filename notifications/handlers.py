"""Who is told what, and when: subscriptions to the events of the apps below. No rules here but the addressing."""

from django.utils.translation import gettext as _

from accounts.enums import OrganisationState, Role
from accounts.events import OrganisationTransitioned, PersonInvited, RolesChanged
from accounts.models import Membership, MembershipInvitation, Organisation
from core.clock import BEIJING
from core.events import AuditAnchored, IntegrityDoubted
from core.models import AuditEntry
from core.outbox import subscribe
from core.quarters import Quarter
from matching.enums import EngagementState
from matching.events import VendorRecommended
from matching.models import Engagement, Recommendation
from notifications.events import MailRequested
from notifications.selectors import (
    demand_side_of,
    first_reviewers_for,
    people_with_role,
    supply_side_of,
)
from notifications.services import delivery_send, notify
from notifications.wording import comment_sentence, numbered, review_values
from scenarios.enums import QuarterlyListState, ScenarioState
from scenarios.events import (
    ErratumDraftMoved,
    ErratumPublished,
    QuarterlyListPublished,
    QuarterlyListTransitioned,
    QuarterOverdue,
    ScenarioTransitioned,
)
from scenarios.models import Erratum, ErratumDraft, QuarterlyList, Scenario, ScenarioReview
from vendors.enums import CapabilityState
from vendors.events import CapabilityExpiring, CapabilityTransitioned
from vendors.models import Capability, VendorProfile

#: Review action → the message to the owner.
REVIEW_MESSAGES = {
    "pass_first": "scenario.passed_first",
    "return_first": "scenario.returned",
    "return_provincial": "scenario.returned",
    "reject_first": "scenario.not_accepted",
    "reject_provincial": "scenario.not_accepted",
    "pool": "scenario.pooled",
}
#: Other actions the owner is told of. Publication is told per list, not per item.
SCENARIO_MESSAGES = {
    "suspend": "scenario.suspended",
    "resume": "scenario.resumed",
    "expire": "scenario.expired",
    "land": "scenario.landed",
    "convert": "scenario.converted",
}
CAPABILITY_MESSAGES = {
    "verify": "capability.verified",
    "verify_and_list": "capability.listed",
    "return": "capability.returned",
    "suspend": "capability.suspended",
    "resume": "capability.resumed",
    "expire": "capability.expired",
}
ORGANISATION_MESSAGES = {
    "verify": "organisation.verified",
    "return": "organisation.returned",
    "suspend": "organisation.suspended",
    "restore": "organisation.restored",
}


# --- demands -----------------------------------------------------------------------------------------------------


@subscribe(ScenarioTransitioned, name="notifications.scenario_transitioned")
def scenario_transitioned(event: ScenarioTransitioned) -> None:
    known = event.action == "submit" or event.action in REVIEW_MESSAGES or event.action in SCENARIO_MESSAGES
    if not known:
        return
    scenario = (
        Scenario.objects.select_related("owner", "owner__region", "region", "lead_department")
        .filter(pk=event.scenario_id)
        .first()
    )
    if scenario is None:
        return
    if event.action == "submit":
        _tell_first_reviewers(scenario)
    elif event.action in REVIEW_MESSAGES:
        _tell_review(scenario, event)
    else:
        notify(
            SCENARIO_MESSAGES[event.action],
            recipients=demand_side_of(scenario.owner),
            key=f"{scenario.pk}:{event.document_version or scenario.document_version}",
            values={"title": scenario.title, "comment": comment_sentence(scenario.closing_reason)},
            url_arguments=[scenario.key],
            organisation=scenario.owner,
        )


def _tell_first_reviewers(scenario: Scenario) -> None:
    """Nobody is asked for what has been done meanwhile."""
    if scenario.state != ScenarioState.SUBMITTED:
        return
    notify(
        "scenario.waits_for_first_review",
        recipients=first_reviewers_for(
            scenario.region or scenario.owner.region, not_of=scenario.owner, department=scenario.lead_department
        ),
        key=f"{scenario.pk}:{scenario.submitted_at:%Y%m%d%H%M%S%f}",
        values={"title": scenario.title, "owner": scenario.owner.name, "due": scenario.review_due_on},
        url_arguments=[scenario.key],
        organisation=scenario.owner,
    )


def _tell_review(scenario: Scenario, event: ScenarioTransitioned) -> None:
    review = ScenarioReview.objects.select_related("reviewer_organisation").filter(pk=event.review_id).first()
    if review is None:
        return
    notify(
        REVIEW_MESSAGES[event.action],
        recipients=demand_side_of(scenario.owner),
        key=str(review.pk),
        values={"title": scenario.title, **review_values(review)},
        url_arguments=[scenario.key],
        organisation=scenario.owner,
    )
    if event.action == "pass_first" and scenario.state == ScenarioState.FIRST_PASSED:
        notify(
            "scenario.waits_for_provincial_review",
            recipients=people_with_role(Role.PROVINCIAL_REVIEWER).exclude(pk=review.reviewer_id),
            key=str(review.pk),
            values={"title": scenario.title, "owner": scenario.owner.name, "due": scenario.review_due_on},
            url_arguments=[scenario.key],
            organisation=scenario.owner,
        )


# --- lists -------------------------------------------------------------------------------------------------------


@subscribe(QuarterlyListTransitioned, name="notifications.list_transitioned")
def list_transitioned(event: QuarterlyListTransitioned) -> None:
    quarterly_list = QuarterlyList.objects.filter(pk=event.list_id).first()
    if quarterly_list is None:
        return
    values = {"list": quarterly_list.title, "comment": comment_sentence(quarterly_list.approval_comment)}
    key = f"{quarterly_list.pk}:{quarterly_list.document_version}"
    arguments = [quarterly_list.code]
    if event.action == "send_to_approval" and event.target == QuarterlyListState.IN_REVIEW:
        editors = set(quarterly_list.editors.values_list("pk", flat=True))
        notify(
            "list.waits_for_approval",
            recipients=people_with_role(Role.LIST_APPROVER).exclude(pk__in=editors),
            key=key,
            values={**values, "count": quarterly_list.items.count()},
            url_arguments=arguments,
        )
    elif event.action in ("return", "approve"):
        notify(
            "list.returned" if event.action == "return" else "list.approved",
            recipients=quarterly_list.editors.all(),
            key=key,
            values=values,
            url_arguments=arguments,
        )


@subscribe(QuarterlyListPublished, name="notifications.list_published")
def list_published(event: QuarterlyListPublished) -> None:
    """One notice per unit with items on the list, naming them all."""
    quarterly_list = QuarterlyList.objects.filter(pk=event.list_id).first()
    if quarterly_list is None:
        return
    by_owner: dict[int, list[str]] = {}
    owners: dict[int, Organisation] = {}
    for item in quarterly_list.items.select_related("scenario__owner").order_by("sequence"):
        owner = item.scenario.owner
        owners[owner.pk] = owner
        by_owner.setdefault(owner.pk, []).append(f"{item.number} {item.content.get('title', item.scenario.title)}")
    for owner_id, items in by_owner.items():
        notify(
            "list.published_with_own_items",
            recipients=demand_side_of(owners[owner_id]),
            key=f"{quarterly_list.pk}:{owner_id}",
            values={"list": quarterly_list.title, "count": len(items), "items": "\n".join(items)},
            url_arguments=[quarterly_list.code],
            organisation=owners[owner_id],
        )


@subscribe(ErratumDraftMoved, name="notifications.erratum_draft_moved")
def erratum_draft_moved(event: ErratumDraftMoved) -> None:
    """Those who may approve it, and its author when it comes back; its publication is told by `erratum_published`."""
    draft = ErratumDraft.objects.select_related("quarterly_list", "prepared_by").filter(pk=event.draft_id).first()
    if draft is None or draft.prepared_by is None:
        return
    values = {"list": draft.quarterly_list.title, "comment": comment_sentence(draft.comment)}
    arguments = [draft.quarterly_list.code]
    if event.action == "prepare":
        approvers = people_with_role(Role.LIST_APPROVER).exclude(pk=draft.prepared_by_id)
        notify(
            "list.erratum_waits",
            recipients=approvers.exclude(pk__in=draft.quarterly_list.editors.values("pk")),
            key=str(draft.pk),
            values={**values, "person": str(draft.prepared_by), "text": draft.corrected_text},
            url_arguments=arguments,
        )
    elif event.action == "return":
        notify(
            "list.erratum_returned",
            recipients=[draft.prepared_by],
            key=str(draft.pk),
            values=values,
            url_arguments=arguments,
        )


@subscribe(ErratumPublished, name="notifications.erratum_published")
def erratum_published(event: ErratumPublished) -> None:
    """To the owner of the item and to every vendor engaged in it; of one about the whole list, to those of all items.

    A vendor that already landed the demand, too: what it delivered was ordered by this text.
    """
    erratum = Erratum.objects.select_related("quarterly_list", "item").filter(pk=event.erratum_id).first()
    if erratum is None:
        return
    items = erratum.quarterly_list.items.all() if erratum.item is None else [erratum.item]
    scenarios = Scenario.objects.filter(pk__in=[item.scenario_id for item in items])
    engaged = Engagement.objects.filter(scenario__in=scenarios).exclude(state=EngagementState.CLOSED)
    owners = Organisation.objects.filter(pk__in=scenarios.values("owner_id"))
    vendors = Organisation.objects.filter(pk__in=engaged.values("vendor__organisation_id"))
    values = {
        "list": erratum.quarterly_list.title,
        "number": erratum.number,
        "title": erratum.item.content.get("title", "") if erratum.item is not None else _("整份清单"),
        "reason": erratum.reason,
    }
    for side, organisations in ((demand_side_of, owners), (supply_side_of, vendors)):
        for organisation in organisations.order_by("pk"):
            notify(
                "list.erratum",
                recipients=side(organisation),
                key=str(erratum.pk),
                values=values,
                url_arguments=[erratum.quarterly_list.code],
                organisation=organisation,
            )


@subscribe(QuarterOverdue, name="notifications.quarter_overdue")
def quarter_overdue(event: QuarterOverdue) -> None:
    """V21: the operator and those who make and approve lists are told, once per quarter."""
    people = {
        person.pk: person
        for role in (Role.OPERATOR, Role.LIST_EDITOR, Role.LIST_APPROVER)
        for person in people_with_role(role)
    }
    notify(
        "quarter.overdue",
        recipients=people.values(),
        key=event.quarter,
        values={"quarter": Quarter.parse(event.quarter).label},
    )


# --- integrity of data --------------------------------------------------------------------------------------------


@subscribe(AuditAnchored, name="notifications.heads_anchored")
def heads_anchored(event: AuditAnchored) -> None:
    """The heads leave the database: those who supervise hold them in their own mailbox (security.md C.4)."""
    notify(
        "integrity.heads",
        recipients=people_with_role(Role.SUPERVISOR),
        key=event.day,
        values={"day": event.day, "heads": event.heads.replace(" ", "\n")},
    )


@subscribe(IntegrityDoubted, name="notifications.integrity_doubted")
def integrity_doubted(event: IntegrityDoubted) -> None:
    """Those who supervise, those who audit and those who run the platform, once a day while it lasts."""
    people = {
        person.pk: person
        for role in (Role.SUPERVISOR, Role.AUDIT_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.OPERATOR)
        for person in people_with_role(role)
    }
    notify(
        "integrity.doubted",
        recipients=people.values(),
        key=event.day,
        values={"day": event.day, "faults": str(event.faults), "first": event.first},
    )


# --- capabilities ------------------------------------------------------------------------------------------------


def _capability(capability_id: int) -> Capability | None:
    return Capability.objects.select_related("vendor__organisation__region").filter(pk=capability_id).first()


@subscribe(CapabilityTransitioned, name="notifications.capability_transitioned")
def capability_transitioned(event: CapabilityTransitioned) -> None:
    waits = event.action in ("submit", "renew")
    if not waits and event.action not in CAPABILITY_MESSAGES:
        return
    capability = _capability(event.capability_id)
    if capability is None:
        return
    organisation = capability.vendor.organisation
    if waits and capability.state != CapabilityState.SUBMITTED:
        return
    if waits:
        reviewers = {
            person.pk: person
            for person in (
                *first_reviewers_for(organisation.region, not_of=organisation),
                *people_with_role(Role.PROVINCIAL_REVIEWER),
            )
        }
        notify(
            "capability.waits_for_verification",
            recipients=reviewers.values(),
            key=f"{capability.pk}:{capability.submitted_at:%Y%m%d%H%M%S%f}",
            values={"title": capability.title, "vendor": organisation.name},
            url_arguments=[capability.key],
            organisation=organisation,
        )
        return
    notify(
        CAPABILITY_MESSAGES[event.action],
        recipients=supply_side_of(organisation),
        key=f"{capability.pk}:{capability.document_version}",
        values={
            "title": capability.title,
            "comment": comment_sentence(event.comment),
            "defects": numbered(capability.defects),
            "expires_on": capability.expires_on,
        },
        url_arguments=[capability.key],
        organisation=organisation,
    )


@subscribe(CapabilityExpiring, name="notifications.capability_expiring")
def capability_expiring(event: CapabilityExpiring) -> None:
    capability = _capability(event.capability_id)
    if capability is None or capability.expires_on is None:
        return
    organisation = capability.vendor.organisation
    notify(
        "capability.expiring",
        recipients=supply_side_of(organisation),
        key=f"{capability.pk}:{capability.expires_on:%Y%m%d}:{event.days_left}",
        values={"title": capability.title, "days": event.days_left, "expires_on": capability.expires_on},
        url_arguments=[capability.key],
        organisation=organisation,
    )


# --- recommendations ---------------------------------------------------------------------------------------------


@subscribe(VendorRecommended, name="notifications.vendor_recommended")
def vendor_recommended(event: VendorRecommended) -> None:
    """One digest per list and vendor, or per capability that went on the shelf, naming the demands best first."""
    vendor = VendorProfile.objects.select_related("organisation").filter(pk=event.vendor_id).first()
    if vendor is None or not vendor.accepts_recommendations:
        return
    found = {
        row.pk: row.scenario
        for row in Recommendation.objects.filter(pk__in=event.recommendation_ids).select_related("scenario")
    }
    scenarios = [found[key] for key in event.recommendation_ids if key in found]
    if not scenarios:
        return
    values = {
        "count": len(scenarios),
        "items": "\n".join(f"{scenario.code or ''} {scenario.title}".strip() for scenario in scenarios),
    }
    quarterly_list = QuarterlyList.objects.filter(pk=event.list_id).first() if event.list_id else None
    capability = _capability(event.capability_id) if event.capability_id else None
    if quarterly_list is not None:
        topic, key = "recommendation.digest", f"{quarterly_list.pk}:{vendor.pk}"
        values["list"] = quarterly_list.title
    elif capability is not None:
        topic, key = "recommendation.single", f"{capability.pk}:{min(event.recommendation_ids)}"
        values["title"] = capability.title
    else:
        return
    notify(
        topic,
        recipients=supply_side_of(vendor.organisation),
        key=key,
        values=values,
        organisation=vendor.organisation,
    )


# --- accounts ----------------------------------------------------------------------------------------------------


def _times(organisation: Organisation, action: str) -> int:
    """Which time the organisation took this step, so that a second request is told again."""
    return AuditEntry.objects.filter(
        subject_type="accounts.organisation", subject_id=str(organisation.pk), action=f"accounts.organisation.{action}"
    ).count()


@subscribe(OrganisationTransitioned, name="notifications.organisation_transitioned")
def organisation_transitioned(event: OrganisationTransitioned) -> None:
    organisation = Organisation.objects.select_related("region").filter(pk=event.organisation_id).first()
    if organisation is None:
        return
    values = {"organisation": organisation.name, "comment": comment_sentence(event.comment)}
    if event.action == "request_verification":
        if organisation.state != OrganisationState.PENDING:
            return
        people = {
            person.pk: person
            for person in (
                *first_reviewers_for(organisation.region, not_of=organisation),
                *people_with_role(Role.PROVINCIAL_REVIEWER),
            )
        }
        notify(
            "organisation.waits_for_verification",
            recipients=people.values(),
            key=f"{organisation.pk}:{_times(organisation, event.action)}",
            values=values,
            organisation=organisation,
        )
    elif event.action in ORGANISATION_MESSAGES:
        notify(
            ORGANISATION_MESSAGES[event.action],
            recipients=people_with_role(Role.ORGANISATION_MANAGER, organisation=organisation),
            key=f"{organisation.pk}:{_times(organisation, event.action)}",
            values=values,
            url_arguments=[str(organisation.public_id)],
            organisation=organisation,
        )


@subscribe(RolesChanged, name="notifications.roles_changed")
def roles_changed(event: RolesChanged) -> None:
    membership = Membership.objects.select_related("user", "organisation").filter(pk=event.membership_id).first()
    if membership is None:
        return
    roles = [str(Role(role).label) for role in membership.grants.order_by("role").values_list("role", flat=True)]
    latest = membership.grants.order_by("-granted_at").values_list("granted_at", flat=True).first()
    notify(
        "membership.roles_changed",
        recipients=[membership.user],
        key=f"{membership.pk}:{len(roles)}:{latest or ''}",
        values={"organisation": membership.organisation.name, "roles": "、".join(roles) or "无"},
        organisation=membership.organisation,
    )


@subscribe(PersonInvited, name="notifications.person_invited")
def person_invited(event: PersonInvited) -> None:
    """The person, if there is one. One who is a member already, or who may not become one, has nothing to decide."""
    invitation = (
        MembershipInvitation.objects.select_related("person", "organisation").filter(pk=event.invitation_id).first()
    )
    if invitation is None or invitation.person is None:
        return
    if invitation.organisation.memberships.active().filter(user=invitation.person).exists():
        return
    notify(
        "membership.invited",
        recipients=[invitation.person],
        key=str(invitation.pk),
        values={
            "organisation": invitation.organisation.name,
            "until": invitation.lapses_at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M"),
        },
    )


# --- mail --------------------------------------------------------------------------------------------------------


@subscribe(MailRequested, name="notifications.send_mail", atomic=False)
def send_mail(event: MailRequested) -> None:
    delivery_send(delivery_id=event.delivery_id)
