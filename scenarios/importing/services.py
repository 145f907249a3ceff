"""Writes the drafts of a plan: all of them or none (unless partial), in one transaction with their batch and trail."""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Organisation, User
from accounts.permissions import acts_for
from core.clock import now
from core.errors import NotPermitted
from core.importing import (
    ImportOutcome,
    carry_out,
    checked_batch,
    drop_checked,
    keep_checked,
    refuse_second_import,
    refuse_unwritten,
)
from core.models import ImportBatch, Region
from scenarios.enums import ScenarioSource
from scenarios.importing.reading import ImportPlan, RowPlan, read_scenarios
from scenarios.models import Scenario
from scenarios.permissions import may_create_scenario

KIND = "scenarios"
BATCH_SIZE = 500
Progress = Callable[[int, int], None]


def _outcome(plan: ImportPlan, file_name: str) -> ImportOutcome:
    stated = [row for row in plan.rows if not row.is_implied]
    return ImportOutcome(
        kind=KIND,
        file_name=file_name,
        total=len(stated),
        rejected=sum(1 for row in stated if row.is_rejected),
        entries=plan.entries,
        notes=plan.notes,
        mapping=plan.headings.fields,
        unknown_headings=plan.headings.unknown,
    )


def _check_person(acting_user: User, organisation: Organisation) -> None:
    if not may_create_scenario(acting_user) or not acts_for(acting_user, organisation):
        raise NotPermitted(
            _("导入需求需要在“%s”担任“需求填报人”，请联系该单位管理员授权，或先切换机构。") % organisation.name
        )


def _write(plan: ImportPlan, batch: ImportBatch, organisation: Organisation, user: User) -> int:
    """Insert the accepted rows with a constant number of statements per 500; returns how many records came of them."""
    rows: list[RowPlan] = [row for row in plan.rows if not row.is_rejected]
    moment = now()
    scenarios = Scenario.objects.bulk_create(
        [
            Scenario(
                owner=organisation,
                created_by=user,
                created_at=moment,
                updated_at=moment,
                source=ScenarioSource.IMPORT,
                import_batch=batch,
                previous_id=row.previous_id,
                parent_id=row.parent_id,
                **row.values,
            )
            for row in rows
        ],
        batch_size=BATCH_SIZE,
    )
    scenario_of = {id(row): scenario for row, scenario in zip(rows, scenarios, strict=True)}
    linked = []
    for row in rows:
        scenario = scenario_of[id(row)]
        if row.previous is not None:
            scenario.previous = scenario_of[id(row.previous)]
        if row.parent is not None:
            scenario.parent = scenario_of[id(row.parent)]
        if row.previous is not None or row.parent is not None:
            linked.append(scenario)
    if linked:
        Scenario.objects.bulk_update(linked, ["previous", "parent"], batch_size=BATCH_SIZE)
    through = Scenario.tags.through
    through.objects.bulk_create(
        [through(scenario_id=scenario_of[id(row)].pk, technologytag_id=tag.pk) for row in rows for tag in row.tags],
        batch_size=BATCH_SIZE,
    )
    return len(scenarios)


def import_scenarios(
    *,
    acting_user: User,
    organisation: Organisation,
    content: bytes,
    file_name: str,
    mapping: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
    default_region: Region | None = None,
    dry_run: bool = False,
    partial: bool = False,
    progress: Progress | None = None,
) -> ImportOutcome:
    """Take a file's demands in as drafts of `organisation`.

    All or nothing: with one faulty row nothing is written, unless `partial` takes the others. `dry_run` only reports.
    Everything is one transaction, so a process killed at any moment leaves all of it or none; the same bytes again
    raise AlreadyImported. Raises NotPermitted, UnreadableFile, InvalidInput; `outcome.done` tells whether it was
    written. `progress(done, total)` is called while rows are read.
    """
    _check_person(acting_user, organisation)
    if not dry_run:
        refuse_second_import(KIND, organisation.pk, content)
    plan = read_scenarios(
        content,
        file_name,
        organisation=organisation,
        mapping=mapping,
        defaults=defaults,
        default_region=default_region,
        progress=progress,
    )
    outcome = _outcome(plan, file_name)
    outcome.dry_run = dry_run
    if dry_run or (outcome.rejected and not partial) or not plan.accepted:
        outcome.created = len(plan.accepted) if dry_run else 0
        return outcome
    carry_out(
        outcome,
        content=content,
        organisation=organisation,
        user=acting_user,
        action="scenarios.scenario.import",
        write=lambda batch: _write(plan, batch, organisation, acting_user),
    )
    return outcome


# --- the browser's two steps -------------------------------------------------------------------------------------


def prepare_import(
    *,
    acting_user: User,
    organisation: Organisation,
    content: bytes,
    file_name: str,
    mapping: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
) -> ImportOutcome:
    """The dry run of the page: checks the file and keeps it with its report, so that it can be confirmed."""
    refuse_second_import(KIND, organisation.pk, content)
    outcome = import_scenarios(
        acting_user=acting_user,
        organisation=organisation,
        content=content,
        file_name=file_name,
        mapping=mapping,
        defaults=defaults,
        dry_run=True,
    )
    keep_checked(
        outcome,
        content=content,
        organisation_id=organisation.pk,
        user=acting_user,
        mapping=mapping,
        defaults=defaults,
    )
    return outcome


def import_checked_scenarios(*, batch_public_id: Any, acting_user: User, partial: bool = False) -> ImportOutcome:
    """Confirm a checked file of one's own. InvalidInput when it has faulty rows and `partial` was not chosen."""
    checked, content = checked_batch(KIND, batch_public_id, acting_user)
    outcome = import_scenarios(
        acting_user=acting_user,
        organisation=Organisation.objects.get(pk=checked.organisation_id),
        content=content,
        file_name=checked.file_name,
        mapping=checked.mapping.get("columns"),
        defaults=checked.mapping.get("defaults"),
        partial=partial,
    )
    refuse_unwritten(outcome)
    drop_checked(checked)
    return outcome
