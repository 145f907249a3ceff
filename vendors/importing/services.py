"""Writes the draft capabilities of a plan: all of them or none (unless partial), in one transaction."""

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
from core.models import ImportBatch
from vendors.importing.reading import ImportPlan, read_capabilities
from vendors.models import Capability, VendorProfile
from vendors.permissions import may_hold_profile

KIND = "capabilities"
BATCH_SIZE = 500


def _check_person(acting_user: User, organisation: Organisation) -> None:
    if not may_hold_profile(acting_user) or not acts_for(acting_user, organisation):
        raise NotPermitted(
            _("导入能力需要在“%s”担任“供给方经办人”，请联系该单位管理员授权，或先切换机构。") % organisation.name
        )


def _write(plan: ImportPlan, batch: ImportBatch, organisation: Organisation, user: User) -> int:
    profile, _created = VendorProfile.objects.get_or_create(organisation=organisation)
    rows, moment = plan.accepted, now()
    capabilities = Capability.objects.bulk_create(
        [
            Capability(
                vendor=profile,
                created_by=user,
                created_at=moment,
                updated_at=moment,
                import_batch=batch,
                **row.values,
            )
            for row in rows
        ],
        batch_size=BATCH_SIZE,
    )
    tags, regions = Capability.tags.through, Capability.service_regions.through
    tags.objects.bulk_create(
        [
            tags(capability_id=capability.pk, technologytag_id=tag.pk)
            for row, capability in zip(rows, capabilities, strict=True)
            for tag in row.tags
        ],
        batch_size=BATCH_SIZE,
    )
    regions.objects.bulk_create(
        [
            regions(capability_id=capability.pk, region_id=region.pk)
            for row, capability in zip(rows, capabilities, strict=True)
            for region in row.regions
        ],
        batch_size=BATCH_SIZE,
    )
    return len(capabilities)


def import_capabilities(
    *,
    acting_user: User,
    organisation: Organisation,
    content: bytes,
    file_name: str,
    mapping: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
    dry_run: bool = False,
    partial: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ImportOutcome:
    """Take a file's capabilities in as drafts of `organisation`; the rules are those of `import_scenarios`."""
    _check_person(acting_user, organisation)
    if not dry_run:
        refuse_second_import(KIND, organisation.pk, content)
    plan = read_capabilities(
        content,
        file_name,
        organisation=organisation,
        mapping=mapping,
        defaults=defaults,
        progress=progress,
    )
    outcome = ImportOutcome(
        kind=KIND,
        file_name=file_name,
        total=len(plan.rows),
        rejected=len(plan.rows) - len(plan.accepted),
        entries=plan.entries,
        notes=plan.notes,
        mapping=plan.headings.fields,
        unknown_headings=plan.headings.unknown,
        dry_run=dry_run,
    )
    if dry_run or (outcome.rejected and not partial) or not plan.accepted:
        outcome.created = len(plan.accepted) if dry_run else 0
        return outcome
    carry_out(
        outcome,
        content=content,
        organisation=organisation,
        user=acting_user,
        action="vendors.capability.import",
        write=lambda batch: _write(plan, batch, organisation, acting_user),
    )
    return outcome


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
    outcome = import_capabilities(
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


def import_checked_capabilities(*, batch_public_id: Any, acting_user: User, partial: bool = False) -> ImportOutcome:
    """Confirm a checked file of one's own. InvalidInput when it has faulty rows and `partial` was not chosen."""
    checked, content = checked_batch(KIND, batch_public_id, acting_user)
    outcome = import_capabilities(
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
