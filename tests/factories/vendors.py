"""Vendors and capabilities."""

from typing import Any

from accounts.enums import OrganisationKind, Role
from accounts.models import Organisation
from tests.factories.accounts import make_organisation, make_person
from tests.factories.scenarios import category
from vendors import services
from vendors.models import Capability, VendorProfile


def make_vendor(organisation: Organisation | None = None, **values: Any) -> VendorProfile:
    """The profile of a verified enterprise."""
    organisation = organisation or make_organisation(kind=OrganisationKind.ENTERPRISE)
    return VendorProfile.objects.create(organisation=organisation, **values)


def make_capability(vendor: VendorProfile | None = None, **values: Any) -> Capability:
    """A draft that fulfils every condition of its submission, written directly."""
    defaults = {
        "title": "政务材料智能预审系统",
        "summary": "用图像识别核对申请材料",
        "description": "识别营业执照、身份证明等常见材料，按事项清单核对缺项，给出补正提示，已用于多个政务大厅。",
        "category": category(),
        "serves_whole_province": True,
    }
    return Capability.objects.create(vendor=vendor or make_vendor(), **{**defaults, **values})


def make_listed_capability(vendor: VendorProfile | None = None, **values: Any) -> Capability:
    """Submitted by the vendor's staff, verified by its city, on the shelf."""
    capability = make_capability(vendor, **values)
    organisation = capability.vendor.organisation
    staff = make_person(Role.VENDOR_STAFF, organisation=organisation)
    services.capability_submit(capability_id=capability.pk, acting_user=staff)
    reviewer = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code=organisation.region.code))
    services.capability_verify(capability_id=capability.pk, acting_user=reviewer)
    capability.refresh_from_db()
    return capability
