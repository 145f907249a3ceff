"""Rows by the thousand for load work: recombined texts, written in bulk, indexed by a rebuild.

Not believable one by one; the mix of lengths, words, regions and categories is that of the demonstration.
"""

import random
import re
from collections.abc import Callable
from datetime import date, datetime

from django.core.management import call_command
from django.db import transaction
from django.db.models import Max

from accounts.enums import OrganisationKind, OrganisationLevel, OrganisationState
from accounts.models import Organisation
from core.clock import BEIJING
from core.models import Category, Region, TechnologyTag
from core.unified_code import fictional_code
from marketplace.demo.content import CITIES, demands, vendors
from scenarios.enums import ScenarioState
from scenarios.models import Scenario
from vendors.enums import CapabilityState
from vendors.models import Capability, VendorProfile

#: Numbers of enlarged rows begin here, far from those that lists give out.
FIRST_NUMBER = 100_000
CAPABILITIES_PER_VENDOR = 10
BATCH = 1000
LISTED_AT = datetime(2026, 9, 18, 10, tzinfo=BEIJING)
PREFIXES = ("示范区", "新城", "开发区", "港区", "老城", "县域", "乡镇", "园区")


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[。；])", text) if part]


def _mixed(generator: random.Random, texts: list[list[str]], own: list[str]) -> str:
    """The own sentences with one or two of others among them: alike, but no two the same."""
    extra = [generator.choice(generator.choice(texts)) for _number in range(generator.randint(1, 2))]
    parts = own[:]
    for sentence in extra:
        parts.insert(generator.randint(0, len(parts)), sentence)
    return "".join(parts)


def _first_free(model: type, prefix: str) -> int:
    highest = model.objects.filter(code__startswith=prefix).aggregate(highest=Max("code"))["highest"]
    return int(highest.removeprefix(prefix)) + 1 if highest else FIRST_NUMBER


@transaction.atomic
def _add_vendors(count: int, start: int, regions: list[Region]) -> list[VendorProfile]:
    organisations = Organisation.objects.bulk_create(
        [
            Organisation(
                name=f"{CITIES[regions[number % len(regions)].code][0]}压测{start + number}号科技有限公司",
                unified_code=fictional_code("91", regions[number % len(regions)].code, start + number),
                kind=OrganisationKind.ENTERPRISE,
                level=OrganisationLevel.CITY,
                region=regions[number % len(regions)],
                state=OrganisationState.VERIFIED,
                verified_at=LISTED_AT,
            )
            for number in range(count)
        ],
        batch_size=BATCH,
    )
    return VendorProfile.objects.bulk_create(
        [
            VendorProfile(organisation=organisation, main_business="压力测试", accepts_recommendations=False)
            for organisation in organisations
        ],
        batch_size=BATCH,
    )


def _add_capabilities(count: int, generator: random.Random, profiles: list[VendorProfile]) -> None:
    regions = [region for region in Region.objects.filter(level="city") if region.code in CITIES]
    categories = {category.code: category for category in Category.objects.current()}
    tags = {tag.name: tag.pk for tag in TechnologyTag.objects.all()}
    offered = [capability for vendor in vendors() for capability in vendor.capabilities]
    texts = [_sentences(capability.text) for capability in offered]
    start = _first_free(Capability, "C9")
    number_format = "C9{:07d}" if start == FIRST_NUMBER else "C9{:07d}"
    through_tags, through_regions = Capability.tags.through, Capability.service_regions.through
    for first in range(0, count, BATCH):
        chosen = [generator.randrange(len(offered)) for _number in range(min(BATCH, count - first))]
        with transaction.atomic():
            rows = Capability.objects.bulk_create(
                [
                    Capability(
                        vendor=profiles[(first + offset) // CAPABILITIES_PER_VENDOR % len(profiles)],
                        code=number_format.format(start + first + offset),
                        state=CapabilityState.LISTED,
                        title=f"{generator.choice(PREFIXES)}{offered[pick].title}",
                        summary=offered[pick].summary,
                        description=_mixed(generator, texts, texts[pick]),
                        scenarios_of_use=offered[pick].use,
                        category=categories[offered[pick].category],
                        serves_whole_province=(first + offset) % 3 == 0,
                        price_text=f"{20 + pick}-{80 + pick * 2}万元",
                        price_min_fen=(20 + pick) * 1_000_000,
                        price_max_fen=(80 + pick * 2) * 1_000_000,
                        verified_at=LISTED_AT,
                        listed_at=LISTED_AT,
                        expires_on=date(2027, 9, 18),
                    )
                    for offset, pick in enumerate(chosen)
                ],
                batch_size=BATCH,
            )
            through_tags.objects.bulk_create(
                [
                    through_tags(capability_id=row.pk, technologytag_id=tags[name])
                    for row, pick in zip(rows, chosen, strict=True)
                    for name in offered[pick].tags
                ],
                batch_size=BATCH,
            )
            through_regions.objects.bulk_create(
                [
                    through_regions(capability_id=row.pk, region_id=generator.choice(regions).pk)
                    for row in rows
                    if not row.serves_whole_province
                ],
                batch_size=BATCH,
            )


def _add_scenarios(count: int, generator: random.Random, owners: list[Organisation]) -> None:
    categories = {category.code: category for category in Category.objects.current()}
    tags = {tag.name: tag.pk for tag in TechnologyTag.objects.all()}
    sources = demands()
    texts = [_sentences(demand.description) for demand in sources]
    start = _first_free(Scenario, "2026Q3-1")
    through_tags = Scenario.tags.through
    for first in range(0, count, BATCH):
        chosen = [generator.randrange(len(sources)) for _number in range(min(BATCH, count - first))]
        with transaction.atomic():
            rows = Scenario.objects.bulk_create(
                [
                    Scenario(
                        owner=owners[(first + offset) % len(owners)],
                        code=f"2026Q3-1{start + first + offset:07d}",
                        state=ScenarioState.LISTED,
                        title=f"{generator.choice(PREFIXES)}{sources[pick].title}",
                        pain_point=sources[pick].pain,
                        description=_mixed(generator, texts, texts[pick]),
                        target_indicators=sources[pick].targets,
                        category=categories[sources[pick].category],
                        region=owners[(first + offset) % len(owners)].region,
                        scenario_type=sources[pick].type,
                        funding_nature=sources[pick].funding,
                        budget_text=f"{40 + pick}万元",
                        budget_min_fen=(40 + pick) * 1_000_000,
                        budget_max_fen=(40 + pick) * 1_000_000,
                        listed_at=LISTED_AT,
                        valid_until=date(2027, 3, 25),
                    )
                    for offset, pick in enumerate(chosen)
                ],
                batch_size=BATCH,
            )
            through_tags.objects.bulk_create(
                [
                    through_tags(scenario_id=row.pk, technologytag_id=tags[name])
                    for row, pick in zip(rows, chosen, strict=True)
                    for name in sources[pick].tags
                ],
                batch_size=BATCH,
            )


def enlarge(thousands: int, report: Callable[[str], None] = lambda text: None, *, reindex: bool = True) -> None:
    """Add that many thousand listed demands and capabilities, then rebuild the indexes."""
    count = thousands * 1000
    generator = random.Random(20261124 + Capability.objects.count())
    regions = [region for region in Region.objects.filter(level="city").order_by("code") if region.code in CITIES]
    vendor_count = count // CAPABILITIES_PER_VENDOR
    start = FIRST_NUMBER + Organisation.objects.filter(name__contains="压测").count()
    profiles = _add_vendors(vendor_count, start, regions)
    _add_capabilities(count, generator, profiles)
    report(f"增加了 {count} 条能力（{vendor_count} 家供给方）")
    owners = list(
        Organisation.objects.filter(scenarios__isnull=False).select_related("region").distinct().order_by("pk")[:200]
    )
    _add_scenarios(count, generator, owners)
    report(f"增加了 {count} 条需求")
    if reindex:
        call_command("reindex")
        report("索引已重建")
