"""The demonstration's texts as data: read from the TOML files beside this module."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
DEMAND_FILES = ("demands_first_quarters", "demands_third_quarter", "demands_fourth_quarter")
VENDOR_FILES = ("vendors_cities", "vendors_industry", "vendors_society")

#: First two characters of the unified code → our kind of organisation.
KINDS = {
    "11": "agency",
    "12": "institution",
    "51": "association",
    "52": "association",
    "91": "enterprise",
    "93": "enterprise",
}
#: City code → name as in running text, telephone area code.
CITIES = {
    "370000": ("山东", "0531"),
    "370100": ("济南", "0531"),
    "370200": ("青岛", "0532"),
    "370300": ("淄博", "0533"),
    "370400": ("枣庄", "0632"),
    "370500": ("东营", "0546"),
    "370600": ("烟台", "0535"),
    "370700": ("潍坊", "0536"),
    "370800": ("济宁", "0537"),
    "370900": ("泰安", "0538"),
    "371000": ("威海", "0631"),
    "371100": ("日照", "0633"),
    "371300": ("临沂", "0539"),
    "371400": ("德州", "0534"),
    "371500": ("聊城", "0635"),
    "371600": ("滨州", "0543"),
    "371700": ("菏泽", "0530"),
}
#: What is said about carrying out a demand, by its kind; ends the description.
CLOSING_BY_TYPE = {
    "validation": "验证期内不影响现有业务运行，阶段成果由使用人员打分评价，达到目标后再协商推广方式。",
    "procurement": "建设内容按批准的方案实施，上线前须通过试运行和安全检查，培训与一年运行维护一并考虑。",
    "research": "鼓励产学研联合攻关，分阶段评估，允许提出不同技术路线，阶段结果不理想时可以调整方案。",
    "joint": "双方共同投入、共担运营，合作期内数据和收益归属在协议中写明，到期可以续约或平稳退出。",
}
ACCEPTANCE_BY_TYPE = {
    "validation": "由使用部门和两名外部专家按预期目标逐项现场测试，连续运行一个月后评价。",
    "procurement": "按合同约定的功能、性能和安全要求逐项验收，试运行不少于一个月，由第三方出具测试报告。",
    "research": "按阶段目标组织专家评审，关键指标由有资质的第三方机构测试。",
    "joint": "双方按合作协议约定的指标共同评估，每季度形成评估纪要。",
}
OWNERSHIP_BY_TYPE = {
    "validation": "通用产品权利归供给方，按需求单位数据形成的成果双方共有使用权。",
    "procurement": "定制开发部分的源代码和文档归需求单位使用，通用产品权利归供给方。",
    "research": "攻关形成的知识产权由双方共有，需求单位享有优先使用权，发表论文须经双方同意。",
    "joint": "各自原有权利不变，合作期间新形成的成果按投入比例共有。",
}
DATA_NEEDS = {
    "open": "使用政府网站已经开放的数据，按开放协议注明来源。",
    "shared": "所需政务数据通过共享交换平台申请，按用途最小化授权，项目结束后停止调用。",
    "none": "仅使用本单位自有数据，脱敏后在本地环境提供。",
}


@dataclass(frozen=True)
class Demand:
    quarter: str
    owner: str
    owner_code: str
    region: str
    category: str
    type: str
    funding: str
    title: str
    pain: str
    text: str
    targets: str
    offers: str
    budget: str
    time: str
    tags: tuple[str, ...]
    credentials: tuple[str, ...] = ()
    #: How far it got: on the quarter's list unless said otherwise.
    stage: str = "listed"

    @property
    def description(self) -> str:
        return f"{self.text}{CLOSING_BY_TYPE[self.type]}"


@dataclass(frozen=True)
class DemoCapability:
    title: str
    category: str
    summary: str
    text: str
    use: str
    tags: tuple[str, ...]
    price: str


@dataclass(frozen=True)
class Vendor:
    name: str
    region: str
    main: str
    credentials: tuple[str, ...]
    serves: tuple[str, ...]
    capabilities: tuple[DemoCapability, ...]
    owner_code: str = "91"
    kind: str = "enterprise"


def _tuples(record: dict) -> dict:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in record.items()}


def _records(name: str, key: str) -> list[dict]:
    with (FOLDER / f"{name}.toml").open("rb") as file:
        return tomllib.load(file)[key]


@cache
def demands() -> tuple[Demand, ...]:
    """All demands, quarter by quarter."""
    return tuple(Demand(**_tuples(record)) for name in DEMAND_FILES for record in _records(name, "demand"))


@cache
def vendors() -> tuple[Vendor, ...]:
    """All vendors with what they can do."""
    found = []
    for name in VENDOR_FILES:
        for record in _records(name, "vendor"):
            offered = tuple(DemoCapability(**_tuples(item)) for item in record.pop("capability"))
            found.append(Vendor(**_tuples(record), capabilities=offered))
    return tuple(found)
