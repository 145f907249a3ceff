"""Reads about demands and lists; every list takes the viewer, and there is one door to each object."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Prefetch, Q, QuerySet

from accounts.enums import Role
from accounts.permissions import has_role, is_signed_in, organisation_ids, organisation_of
from accounts.selectors import within_region
from core.clock import BEIJING, now, today
from core.enums import PublicityClass
from core.errors import ObjectNotFound
from core.models import Attachment
from core.quarters import Quarter
from scenarios.enums import QuarterlyListState, ReviewStage, ScenarioState
from scenarios.models import (
    PUBLIC_STATES,
    Erratum,
    ListItem,
    OverdueQuarter,
    QuarterlyList,
    Scenario,
    ScenarioReview,
    ScenarioVersion,
)
from scenarios.permissions import may_see_list, sees_review_file

_CODE = re.compile(r"^\d{4}Q[1-4]-\d{3,}$")
_LIST_CODE = re.compile(r"^(\d{4})Q([1-4])(?:-(\d+))?$")
SIMILARITY_FLOOR = 0.75
PUBLIC_LIST_STATES = (QuarterlyListState.PUBLISHED, QuarterlyListState.ARCHIVED)
DUPLICATE_WINDOW = timedelta(days=2 * 365)

#: What a list freezes and pages show: stable names of the content fields, in display order.
CONTENT_FIELDS = (
    "title",
    "pain_point",
    "description",
    "target_indicators",
    "available_resources",
    "data_needs",
    "acceptance_method",
    "intellectual_property",
    "eligibility_conditions",
    "budget_text",
    "budget_min_fen",
    "budget_max_fen",
    "budget_unit",
    "timeframe_text",
    "public_contact_office",
    "public_contact_phone",
    "public_contact_email",
    "lot_number",
    "external_number",
)
CHOICE_FIELDS = ("scenario_type", "funding_nature", "level", "data_class")


def with_relations(queryset: QuerySet[Scenario]) -> QuerySet[Scenario]:
    """Joined with what every list row shows, so that a page of rows is a constant number of queries."""
    return queryset.select_related("owner", "owner__region", "region", "region__parent", "category", "industry")


def visible_to(user: Any) -> QuerySet[Scenario]:
    """Demands the viewer may read: published ones for all; one's own; those of one's region or duty."""
    public = Q(state__in=PUBLIC_STATES)
    if not is_signed_in(user):
        return Scenario.objects.filter(public)
    allowed = public
    if user.current_organisation_id in organisation_ids(user):
        allowed |= Q(owner_id=user.current_organisation_id)
    beyond_draft = ~Q(state=ScenarioState.DRAFT)
    if has_role(user, Role.PROVINCIAL_REVIEWER, Role.SUPERVISOR):
        allowed |= beyond_draft
    if has_role(user, Role.LIST_EDITOR, Role.LIST_APPROVER):
        allowed |= Q(state__in=(ScenarioState.POOLED, ScenarioState.FROZEN))
    own = organisation_of(user)
    if has_role(user, Role.FIRST_REVIEWER) and own is not None:
        mine = Q(lead_department=own)
        if own.region is not None:
            mine |= Q(pk__in=_in_region(own.region).values("pk"))
        allowed |= beyond_draft & mine
    return Scenario.objects.filter(allowed)


def _in_region(region: Any) -> QuerySet[Scenario]:
    in_place = within_region(Scenario.objects.all(), region, "region")
    by_owner = within_region(Scenario.objects.filter(region__isnull=True), region, "owner__region")
    return in_place | by_owner


def scenario_for(user: Any, key: str) -> Scenario:
    """The one door to a demand: by its code or UUID; ObjectNotFound when missing or not for this viewer."""
    lookup = _key_lookup(key)
    scenario = (
        with_relations(visible_to(user)).select_related("lead_department", "previous", "parent").filter(lookup).first()
    )
    if scenario is None:
        raise ObjectNotFound()
    return scenario


def _key_lookup(key: str) -> Q:
    if _CODE.match(str(key)):
        return Q(code=key)
    try:
        return Q(public_id=UUID(str(key)))
    except ValueError:
        raise ObjectNotFound() from None


def own_scenarios(user: Any) -> QuerySet[Scenario]:
    """Demands of the organisation the person acts for, newest first."""
    if organisation_of(user) is None:
        return Scenario.objects.none()
    return with_relations(Scenario.objects.filter(owner_id=user.current_organisation_id)).order_by("-updated_at", "-pk")


def first_review_queue(user: Any) -> QuerySet[Scenario]:
    """Submitted demands this reviewer is responsible for, those of the nearest limit first; never one's own."""
    own = organisation_of(user)
    if own is None or not has_role(user, Role.FIRST_REVIEWER):
        return Scenario.objects.none()
    mine = Q(lead_department=own)
    if own.region is not None:
        mine |= Q(pk__in=_in_region(own.region).values("pk"))
    queue = Scenario.objects.filter(mine, state=ScenarioState.SUBMITTED)
    queue = queue.exclude(owner_id__in=organisation_ids(user)).exclude(created_by=user).exclude(submitted_by=user)
    return with_relations(queue).order_by("review_due_on", "submitted_at", "pk")


def provincial_review_queue(user: Any) -> QuerySet[Scenario]:
    """Demands that passed the first review, for a provincial reviewer who did not give it."""
    if not has_role(user, Role.PROVINCIAL_REVIEWER):
        return Scenario.objects.none()
    reviewed_by_me = ScenarioReview.objects.filter(stage=ReviewStage.FIRST, reviewer=user).values("scenario_id")
    queue = Scenario.objects.filter(state=ScenarioState.FIRST_PASSED).exclude(pk__in=reviewed_by_me)
    queue = queue.exclude(owner_id__in=organisation_ids(user)).exclude(created_by=user).exclude(submitted_by=user)
    return with_relations(queue).order_by("review_due_on", "submitted_at", "pk")


def pool(user: Any) -> QuerySet[Scenario]:
    """Pooled demands an editor may put on a list: not on another unpublished one."""
    if not has_role(user, Role.LIST_EDITOR, Role.LIST_APPROVER, Role.PROVINCIAL_REVIEWER, Role.SUPERVISOR):
        return Scenario.objects.none()
    on_open_list = ListItem.objects.exclude(quarterly_list__state__in=PUBLIC_LIST_STATES).values("scenario_id")
    return with_relations(Scenario.objects.filter(state=ScenarioState.POOLED).exclude(pk__in=on_open_list)).order_by(
        "category__position", "pk"
    )


def reviews_for(user: Any, scenario: Scenario) -> QuerySet[ScenarioReview]:
    """Reviews with all their defects, for the owner's side and reviewers; nothing for others."""
    if not sees_review_file(user, scenario):
        return ScenarioReview.objects.none()
    return scenario.reviews.select_related("reviewer", "reviewer_organisation")


def versions_for(user: Any, scenario: Scenario) -> list[ScenarioVersion]:
    """The kept versions in their order; for the public only those that stood on a published list.

    What a reviewer had taken out before the publication was never public, and comparing would show it.
    """
    versions = scenario.versions.order_by("version")
    if not sees_review_file(user, scenario):
        published = scenario.list_items.filter(quarterly_list__state__in=PUBLIC_LIST_STATES)
        versions = versions.filter(pk__in=published.values("scenario_version"))
    return list(versions)


def content_of(scenario: Scenario) -> dict[str, Any]:
    """The public content as plain data: stable names, labels beside codes. What a list freezes; no private contact."""
    content: dict[str, Any] = {name: getattr(scenario, name) for name in CONTENT_FIELDS}
    for name in CHOICE_FIELDS:
        content[name] = getattr(scenario, name)
        content[f"{name}_label"] = str(getattr(scenario, f"get_{name}_display")())
    content |= {
        "owner": scenario.owner.name,
        "owner_kind": scenario.owner.kind,
        "owner_kind_label": str(scenario.owner.get_kind_display()),
        "region_code": scenario.region.code if scenario.region else "",
        "region": scenario.region.full_name if scenario.region else scenario.region_text,
        "category_code": scenario.category.code if scenario.category else "",
        "category": scenario.category.label if scenario.category else "",
        "industry": str(scenario.industry) if scenario.industry else "",
        "tags": [tag.name for tag in scenario.tags.all()],
        "required_credentials": list(scenario.required_credentials),
        "restricts_by": list(scenario.restricts_by),
        "is_cross_region": scenario.is_cross_region,
        "needed_by": scenario.needed_by.isoformat() if scenario.needed_by else None,
        "deadline_at": scenario.deadline_at.astimezone(BEIJING).isoformat() if scenario.deadline_at else None,
        "public_id": str(scenario.public_id),
    }
    return content


# --- duplicates --------------------------------------------------------------------------------------------------


def normalised_title(title: str) -> str:
    """The title without width, case, spaces, punctuation and marks of a repeat, for comparison."""
    text = unicodedata.normalize("NFKC", title).lower()
    text = re.sub(r"[(（【\[]?(重发|重招|第[二三四2-4]次|二次|三次)(招标|采购|公告)?[)）】\]]?", "", text)
    return re.sub(r"[\W_]+", "", text)


def _bigrams(text: str) -> set[str]:
    return {text[index : index + 2] for index in range(len(text) - 1)} or {text}


def similar_titles(title: str, others: Iterable[tuple[int, str]]) -> list[tuple[int, float]]:
    """Ids whose title's bigrams overlap with `title` by a Dice coefficient of 0.75 or more, best first."""
    own = _bigrams(normalised_title(title))
    found = []
    for key, other in others:
        theirs = _bigrams(normalised_title(other))
        similarity = 2 * len(own & theirs) / (len(own) + len(theirs))
        if similarity >= SIMILARITY_FLOOR:
            found.append((key, similarity))
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def possible_duplicates(scenario: Scenario, limit: int = 5) -> list[tuple[Scenario, float]]:
    """Published or pending demands of the last two years with nearly the same title (domain.md §3.3, D9)."""
    since = now() - DUPLICATE_WINDOW
    others = (
        Scenario.objects.exclude(pk=scenario.pk)
        .exclude(state__in=(ScenarioState.DRAFT, ScenarioState.WITHDRAWN, ScenarioState.NOT_ACCEPTED))
        .filter(created_at__gte=since)
        .values_list("pk", "title")
    )
    best = similar_titles(scenario.title, others.iterator(chunk_size=2000))[:limit]
    rows = with_relations(Scenario.objects.filter(pk__in=[key for key, _similarity in best])).in_bulk()
    return [(rows[key], similarity) for key, similarity in best]


# --- lists -------------------------------------------------------------------------------------------------------


def published_lists() -> QuerySet[QuarterlyList]:
    """Every published list, newest quarter first, with the number of its items."""
    return (
        QuarterlyList.objects.filter(state__in=PUBLIC_LIST_STATES)
        .select_related("publisher")
        .annotate(item_count=Count("items"))
        .order_by("-year", "-quarter_number", "-issue_number")
    )


def current_list() -> QuarterlyList | None:
    """The list published last."""
    return published_lists().order_by("-published_at").first()


def working_lists(user: Any) -> QuerySet[QuarterlyList]:
    """Lists in the making, for those who make, approve or supervise them."""
    if not has_role(user, Role.LIST_EDITOR, Role.LIST_APPROVER, Role.PROVINCIAL_REVIEWER, Role.SUPERVISOR):
        return QuarterlyList.objects.none()
    return (
        QuarterlyList.objects.exclude(state__in=PUBLIC_LIST_STATES)
        .select_related("publisher", "editor", "approver")
        .annotate(item_count=Count("items"))
        .order_by("-year", "-quarter_number", "-issue_number")
    )


def list_for(user: Any, code: str) -> QuarterlyList:
    """The one door to a list, by its code ("2026Q4", "2026Q4-2")."""
    match = _LIST_CODE.match(str(code))
    if match is None:
        raise ObjectNotFound()
    quarterly_list = (
        QuarterlyList.objects.select_related("publisher", "editor", "approver")
        .filter(year=int(match[1]), quarter_number=int(match[2]), issue_number=int(match[3] or 1))
        .first()
    )
    if quarterly_list is None or not may_see_list(user, quarterly_list):
        raise ObjectNotFound()
    return quarterly_list


def list_items(quarterly_list: QuarterlyList) -> QuerySet[ListItem]:
    """The items with their frozen text, errata, and the live demand beside it, in list order."""
    return _with_live_demand(quarterly_list.items.all()).order_by("sequence")


def _with_live_demand(items: QuerySet[ListItem]) -> QuerySet[ListItem]:
    return items.select_related(
        "scenario", "scenario__owner", "scenario__region", "scenario__region__parent", "scenario__category"
    ).prefetch_related(Prefetch("errata", queryset=Erratum.objects.order_by("number")))


def newest_quarter() -> Quarter | None:
    """The latest quarter of which a list is published, whichever issue or earlier quarter was published last."""
    newest = published_lists().first()
    return newest.quarter if newest is not None else None


def quarter_lists(quarter: Quarter) -> list[QuarterlyList]:
    """Every published issue of a quarter, the first issue first: a supplement stands beside it, not in its place."""
    issues = published_lists().filter(year=quarter.year, quarter_number=quarter.number)
    return list(issues.order_by("issue_number"))


def quarter_items(quarter: Quarter) -> QuerySet[ListItem]:
    """The items of all published issues of a quarter, in their order."""
    items = ListItem.objects.filter(
        quarterly_list__year=quarter.year,
        quarterly_list__quarter_number=quarter.number,
        quarterly_list__state__in=PUBLIC_LIST_STATES,
    )
    return _with_live_demand(items).order_by("quarterly_list__issue_number", "sequence")


def item_number(quarter: Quarter, position: int) -> str:
    """`2026Q4-001`; the number runs through the quarter, whatever issue an item is in (architecture.md §10.4)."""
    return f"{quarter.code}-{position:03d}"


def highest_position(quarter: Quarter) -> int:
    """The last item number given out in the quarter; 0 if none."""
    numbers = (
        ListItem.objects.filter(quarterly_list__year=quarter.year, quarterly_list__quarter_number=quarter.number)
        .exclude(number="")
        .values_list("number", flat=True)
    )
    return max((int(number.rsplit("-", 1)[1]) for number in numbers), default=0)


def overdue_quarters() -> QuerySet[OverdueQuarter]:
    """Quarters that ended without a published list and still have none."""
    return OverdueQuarter.objects.filter(resolved_at__isnull=True).order_by("-year", "-quarter_number")


def scenario_figures() -> dict[str, int]:
    """Counts for the home page; each is one number with a plain meaning."""
    quarter = Quarter.of(today())
    return {
        "listed": Scenario.objects.filter(state=ScenarioState.LISTED).count(),
        "published": Scenario.objects.filter(state__in=PUBLIC_STATES).count(),
        "lists": QuarterlyList.objects.filter(state__in=PUBLIC_LIST_STATES).count(),
        "this_quarter": ListItem.objects.filter(
            quarterly_list__year=quarter.year,
            quarterly_list__quarter_number=quarter.number,
            quarterly_list__published_at__isnull=False,
        ).count(),
    }


def may_download(user: Any, subject_id: str, attachment: Attachment) -> bool:
    """Files of a demand: public ones by whoever sees the demand, private ones by its file's readers."""
    scenario = visible_to(user).filter(pk=subject_id).select_related("owner", "owner__region", "region").first()
    if scenario is None:
        return False
    return attachment.publicity == PublicityClass.PUBLIC or sees_review_file(user, scenario)
