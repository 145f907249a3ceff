"""Builds the demonstration through the real services, with the clock held at the moments it tells of.

Everything is one transaction, so a killed run leaves nothing half. The outbox is carried out after every step of the
story, so that search, matching and notices are as they would have been on that day. The first three accounts have no
service and are written directly.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import transaction
from django.db.models import Count

from accounts import granting, invitations
from accounts import services as account_services
from accounts.enums import OrganisationKind, OrganisationLevel, OrganisationState, ProposalState, Role
from accounts.models import Membership, Organisation, RoleGrant, User
from accounts.permissions import forget_roles
from challenges.enums import SeatState
from challenges.models import Seat
from core import classification, relay
from core.clock import BEIJING, frozen
from core.lanes import Lane
from core.models import Category, Region, TechnologyTag, WorkdayCalendar
from core.quarters import Quarter
from core.unified_code import fictional_code
from marketplace.demo import working_day
from marketplace.demo.challenges import ChallengeStory
from marketplace.demo.content import (
    ACCEPTANCE_BY_TYPE,
    CITIES,
    DATA_NEEDS,
    KINDS,
    OWNERSHIP_BY_TYPE,
    Demand,
    Vendor,
    demands,
    vendors,
)
from matching.enums import Level
from matching.models import MatchCandidate, Recommendation
from notifications.enums import Channel, Group, MailState
from notifications.models import Delivery, Notification
from scenarios import services as scenario_services
from scenarios.enums import DataClass, QuarterlyListState, ScenarioState
from scenarios.models import QuarterlyList, Scenario
from scenarios.selectors import first_review_queue
from vendors import confirmations
from vendors import services as vendor_services
from vendors.enums import ConfirmationState, CredentialKind
from vendors.models import Capability, DeliveredCase, VendorProfile

PLATFORM = "山东省数字应用推进服务中心（示例）"
SCIENCE = "山东省科技攻关组织中心（示例）"
#: The supervisor's own office: of three opening officers no two belong together, so none of them is indispensable.
SUPERVISION = "山东省揭榜监督工作组（示例）"
#: What the past's clockwork carries out: everything but mails, which are spoken to a server outside of transactions.
STORY = Lane(without=("notifications.send_mail", "notifications.mail_case_confirmation"))
#: One password for all demonstration accounts; the server listens on this machine only.
PASSWORD = "Demo-Shandong-2026"  # noqa: S105
MAIL_DOMAIN = "demo.marketplace.example"

#: When each quarter's list was published; the fourth has a second issue in approval.
PUBLISHED = {
    "2026Q1": datetime(2026, 3, 20, 10, tzinfo=BEIJING),
    "2026Q2": datetime(2026, 6, 18, 10, tzinfo=BEIJING),
    "2026Q3": datetime(2026, 9, 18, 10, tzinfo=BEIJING),
    "2026Q4": datetime(2026, 11, 16, 10, tzinfo=BEIJING),
}
BEGINNING = datetime(2025, 12, 1, 9, tzinfo=BEIJING)
LATEST = datetime(2026, 11, 23, 15, tzinfo=BEIJING)
#: This many vendors joined only before the third quarter's list.
LATE_VENDORS = 10

SURNAMES = "王李张刘陈杨赵孙周徐朱高林郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN_NAMES = (
    *("文博", "晓岚", "建国", "雨桐", "志远", "静怡", "海涛", "明慧", "子轩", "丽娜", "德全", "思远"),
    *("春燕", "立新", "佳宁", "永强", "素梅", "浩然", "秀兰", "振华", "若彤", "卫东", "慧敏", "宏宇"),
)

#: Account → (display name, roles, in which organisation, what to try with it).
STAFF: tuple[tuple[str, str, tuple[str, ...], str, str], ...] = (
    ("shenhe", "周明慧", (Role.PROVINCIAL_REVIEWER,), PLATFORM, "省级审核：需求入库、机构与能力核验"),
    ("shenhe2", "徐志远", (Role.PROVINCIAL_REVIEWER, Role.FIRST_REVIEWER), PLATFORM, "省级审核与省直单位需求初审"),
    ("bianzhi", "高静怡", (Role.LIST_EDITOR,), PLATFORM, "编制季度清单"),
    ("shenpi", "韩立新", (Role.LIST_APPROVER,), PLATFORM, "审批并发布清单（待办中有第四季度第2批）"),
    ("jiandu", "冯卫东", (Role.SUPERVISOR,), SUPERVISION, "监督"),
    ("yunwei", "于浩然", (Role.OPERATOR,), PLATFORM, "运行维护：队列与健康状况"),
    ("keji", "董佳宁", (Role.SCIENCE_HANDLER,), SCIENCE, "科技部门经办"),
    ("kejishenpi", "曹宏宇", (Role.SCIENCE_APPROVER,), SCIENCE, "科技部门审批"),
)
ADMINISTRATORS = (
    ("xitong", "朱永强", Role.SYSTEM_ADMINISTRATOR, "系统管理员：建立账号"),
    ("anquan", "林秀兰", Role.SECURITY_ADMINISTRATOR, "安全管理员：授权、提议省级角色"),
    ("fuhe", "郑慧敏", Role.SECURITY_ADMINISTRATOR, "第二名安全管理员：确认省级角色"),
    ("shenji", "罗振华", Role.AUDIT_ADMINISTRATOR, "审计管理员：查看审计记录"),
)
#: What the second security administrator reads before confirming a power of the province.
APPOINTED = "岗位任命通知（示例）"
CREDENTIAL_KINDS = {
    "认证": CredentialKind.CERTIFICATION,
    "许可": CredentialKind.LICENCE,
    "许可证": CredentialKind.LICENCE,
    "注册证": CredentialKind.LICENCE,
    "企业证书": CredentialKind.AWARD,
}
#: Who the delivered cases were for, by branch of the category tree; the city's name goes in front.
CUSTOMERS = {
    "1": ("城市水务运营公司", "交通设施养护中心", "能源服务公司", "算力与通信运营公司"),
    "2": ("装备制造创新中心", "产业技术研究院"),
    "3": ("示范工厂", "产业园区运营公司", "农业合作联社", "食品加工公司", "港航服务公司"),
    "4": ("政务服务中心", "基层治理服务中心", "生态环境监测站", "档案服务中心"),
    "5": ("社区服务中心", "人民医院（分院）", "实验学校", "文旅运营公司", "养老服务中心"),
    "6": ("数据运营公司", "网络安全服务中心", "化工物流园"),
}
OUTCOMES = (
    "投入使用后{summary}，使用单位按月反馈，运行稳定。",
    "从签约到上线用时{months}个月，上线后{summary}，已通过验收。",
    "先试用两个月再扩大范围，{summary}，现由使用单位自行维护。",
)
#: Vendors that offer one capability together: capability → (partner, what it does).
CONSORTIA = {
    "城市内涝预报与闸泵联合调度平台": ("滨州天测气象科技有限公司", "雷达降雨短临预报"),
    "园区异味电子鼻网络与溯源": ("济宁翼巡低空技术有限公司", "无人机走航与取样"),
    "毫米波居家安全无感监护": ("潍坊护声医养信息技术有限公司", "上门护理与随访服务"),
    "多方安全计算与隐匿查询平台": ("烟台数脊数据治理有限公司", "数据目录与质量治理"),
    "公路团雾短临预警与分级诱导": ("滨州天测气象科技有限公司", "能见度预报模型"),
    "手写档案识别与语义检索": ("烟台数脊数据治理有限公司", "档案元数据治理"),
}
DEFECTS = [
    {"field": "target_indicators", "reason": "请补充现状基线，说明指标如何测量、由谁测量。"},
    {"field": "available_resources", "reason": "请写明四座试验仓的仓型和可试验的时间。"},
]
REFUSAL = "拟向参展商推送观众联系方式并收取佣金，涉及个人信息对外提供，且属于商业招展，不属于开放应用场景。"


@dataclass
class Account:
    """One line of the table printed at the end."""

    username: str
    name: str
    organisation: str
    purpose: str


@dataclass
class Built:
    """What the seeding made, for the report."""

    accounts: list[Account] = field(default_factory=list)
    created: bool = False


def is_built() -> bool:
    """Whether the demonstration is in this database."""
    return Organisation.objects.filter(name=PLATFORM).exists()


def _person_name(number: int) -> str:
    return SURNAMES[number % len(SURNAMES)] + GIVEN_NAMES[(number * 7 + number // len(SURNAMES)) % len(GIVEN_NAMES)]


class _Builder:
    """Holds what every step needs; each method is one step of the story."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self.report = report
        self.built = Built()
        self.regions = {region.code: region for region in Region.objects.all()}
        self.categories = {category.code: category for category in Category.objects.current()}
        self.tags = {tag.name: tag for tag in TechnologyTag.objects.filter(retired=False)}
        self.password = make_password(PASSWORD)
        self.people: dict[str, User] = {}
        self.organisations: dict[str, Organisation] = {}
        self.reviewer_of_city: dict[str, User] = {}
        self.clerk_of: dict[str, User] = {}
        self.number = 0

    def next_number(self) -> int:
        self.number += 1
        return self.number

    # --- people and offices --------------------------------------------------------------------------------------

    def administrators(self) -> None:
        """Those that no service can make: nobody is there yet who could (accounts/founding.py)."""
        platform = self._office(PLATFORM, "370000", OrganisationLevel.PROVINCE)
        for username, name, role, _purpose in ADMINISTRATORS:
            user = User.objects.create(
                username=username, email=f"{username}@{MAIL_DOMAIN}", display_name=name, password=self.password
            )
            EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
            membership = Membership.objects.create(user=user, organisation=platform)
            RoleGrant.objects.create(membership=membership, role=role)
            user.current_organisation = platform
            user.save(update_fields=["current_organisation"])
            self.people[username] = user

    def _office(self, name: str, region_code: str, level: str) -> Organisation:
        organisation = Organisation.objects.create(
            name=name,
            unified_code=fictional_code("11", region_code, self.next_number()),
            kind=OrganisationKind.AGENCY,
            level=level,
            region=self.regions[region_code],
            state=OrganisationState.VERIFIED,
            office_phone=self._phone(region_code),
        )
        self.organisations[name] = organisation
        return organisation

    def _phone(self, region_code: str) -> str:
        # 6000 0xxx is not given out by any of the area codes.
        return f"{CITIES[region_code][1]}-6000{self.next_number():04d}"

    def account(self, username: str, name: str) -> User:
        """An account made by the system administrator. Hashing one shared password once keeps the seeding quick."""
        user = User.objects.create(
            username=username, email=f"{username}@{MAIL_DOMAIN}", display_name=name, password=self.password
        )
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
        self.people[username] = user
        return user

    def appoint(self, user: User, organisation: Organisation, roles: Sequence[str]) -> None:
        """Invited by the security administrator, who gives the roles once the person has accepted; two give powers."""
        guard = self.people["anquan"]
        invitation = invitations.member_invite(
            organisation_id=organisation.pk, username_or_email=user.username, acting_user=guard
        )
        membership = invitations.invitation_accept(public_id=invitation.public_id, acting_user=user)
        granting.roles_set(membership_id=membership.pk, roles=roles, acting_user=guard, grounds=APPOINTED)
        for proposal in membership.role_proposals.filter(state=ProposalState.WAITING).order_by("pk"):
            granting.proposal_decide(public_id=proposal.public_id, action="confirm", acting_user=self.people["fuhe"])
        user.current_organisation = organisation
        user.save(update_fields=["current_organisation"])
        forget_roles(user)

    def offices(self) -> None:
        """The provincial bodies and the sixteen cities' offices with their reviewers."""
        self._office(SCIENCE, "370000", OrganisationLevel.PROVINCE)
        self._office(SUPERVISION, "370000", OrganisationLevel.PROVINCE)
        for username, name, roles, organisation, _purpose in STAFF:
            self.appoint(self.account(username, name), self.organisations[organisation], roles)
        self.reviewer_of_city["370000"] = self.people["shenhe2"]
        for code, (city, _area) in CITIES.items():
            if code == "370000":
                continue
            office = self._office(f"{city}市数字应用推进办公室（示例）", code, OrganisationLevel.CITY)
            username = f"chushen{code[2:4]}"
            user = self.account(username, _person_name(int(code[2:4]) + 11))
            self.appoint(user, office, [Role.FIRST_REVIEWER])
            self.reviewer_of_city[code] = user

    def register(self, name: str, *, code: str, kind: str, region_code: str, username: str) -> User:
        """A unit registers itself and is verified by its city; returns its clerk."""
        number = self.next_number()
        clerk = self.account(username, _person_name(number))
        organisation = account_services.organisation_register(
            values={
                "name": name,
                "unified_code": fictional_code(code, region_code, number),
                "kind": kind,
                "level": OrganisationLevel.PROVINCE if region_code == "370000" else OrganisationLevel.CITY,
                "region": self.regions[region_code],
                "office_phone": self._phone(region_code),
            },
            acting_user=clerk,
        )
        account_services.organisation_transition(
            organisation_id=organisation.pk, action="request_verification", acting_user=clerk
        )
        account_services.organisation_transition(
            organisation_id=organisation.pk, action="verify", acting_user=self.reviewer_of_city[region_code]
        )
        clerk.current_organisation = organisation
        forget_roles(clerk)
        self.organisations[name] = organisation
        self.clerk_of[name] = clerk
        return clerk

    # --- supply side ---------------------------------------------------------------------------------------------

    def vendor(self, vendor: Vendor, position: int, moment: datetime) -> None:
        username = f"gongji{position:02d}"
        with frozen(moment):
            staff = self.register(
                vendor.name, code=vendor.owner_code, kind=vendor.kind, region_code=vendor.region, username=username
            )
            profile = vendor_services.vendor_profile_open(acting_user=staff)
            vendor_services.vendor_profile_save(
                profile_id=profile.pk,
                acting_user=staff,
                values={
                    "summary": f"专注{vendor.main}，为省内用户提供方案设计、部署实施和长期运行维护。",
                    "main_business": vendor.main,
                    "staff_count": 24 + (position * 37) % 260,
                    "founded_on": date(2008 + position % 14, 1 + position % 12, 1 + position % 27),
                    "contact_office": "市场与客户服务部",
                    "contact_phone": self._phone(vendor.region),
                    "contact_email": f"{username}@{MAIL_DOMAIN}",
                },
            )
            self._credentials(vendor, profile, staff, position)
        for index, offered in enumerate(vendor.capabilities):
            with frozen(moment + timedelta(days=1, hours=index)):
                self._capability(vendor, staff, offered, position * 2 + index)

    def _credentials(self, vendor: Vendor, profile: VendorProfile, staff: User, position: int) -> None:
        for index, name in enumerate(vendor.credentials):
            kind = next((kind for ending, kind in CREDENTIAL_KINDS.items() if name.endswith(ending)), None)
            begins = date(2024, 1 + (position + index) % 12, 15)
            ends_early = (position + index) % 9 == 0
            vendor_services.credential_save(
                profile_id=profile.pk,
                acting_user=staff,
                name=name,
                kind=kind or CredentialKind.QUALIFICATION,
                number=f"YN{begins:%Y%m}{position:03d}{index}",
                issuer="示例认证机构",
                valid_from=begins,
                valid_until=date(2026, 10, 31) if ends_early else begins.replace(year=begins.year + 5),
            )

    def _capability(self, vendor: Vendor, staff: User, offered: Any, number: int) -> None:
        capability = vendor_services.capability_create(
            acting_user=staff,
            values={
                "title": offered.title,
                "summary": offered.summary,
                "description": offered.text,
                "scenarios_of_use": offered.use,
                "technical_features": "、".join(offered.tags),
                "category": self.categories[offered.category],
                "tags": [self.tags[name] for name in offered.tags],
                "serves_whole_province": vendor.serves == ("370000",),
                "service_regions": []
                if vendor.serves == ("370000",)
                else [self.regions[code] for code in vendor.serves],
                "price_text": offered.price,
            },
        )
        for case in range((number * 5) % 3):
            self._case(capability, staff, vendor, offered, number * 3 + case)
        # A few are still on their way, so that every desk has something to do.
        if number % 41 == 17:
            return
        vendor_services.capability_submit(capability_id=capability.pk, acting_user=staff)
        if number % 41 == 23:
            return
        reviewer = self.reviewer_of_city[vendor.region]
        if number % 41 == 29:
            vendor_services.capability_return(
                capability_id=capability.pk,
                acting_user=reviewer,
                defects=[{"field": "", "reason": "请补充一个已交付的案例，并写明使用单位。"}],
            )
            return
        vendor_services.capability_verify(capability_id=capability.pk, acting_user=reviewer)

    def _case(self, capability: Capability, staff: User, vendor: Vendor, offered: Any, number: int) -> None:
        codes = [code for code in CITIES if code != "370000"]
        code = vendor.region if number % 3 == 0 and vendor.region in codes else codes[number % len(codes)]
        pool = CUSTOMERS[offered.category[0]]
        customer = f"{CITIES[code][0]}{pool[number % len(pool)]}"
        outcome = OUTCOMES[number % len(OUTCOMES)].format(
            summary=offered.summary.replace("，", "、"), months=2 + number % 5
        )
        case = vendor_services.case_save(
            capability_id=capability.pk,
            acting_user=staff,
            title=f"{customer}{offered.title}项目",
            customer=customer,
            delivered_on=date(2023 + number % 3, 1 + number % 11, 20),
            amount_fen=(18 + (number * 13) % 240) * 1_000_000,
            description=outcome,
            region=self.regions[code],
        )
        self._customer_answers(case, staff, number)

    def _customer_answers(self, case: DeliveredCase, staff: User, number: int) -> None:
        """Of every four customers three confirm; the others refuse, let the time pass or are never asked."""
        if number % 4 == 0 and number % 3 == 0:
            return
        asked = confirmations.confirmation_ask(case_id=case.pk, acting_user=staff, address=f"office{number}@example.cn")
        if asked.customer is not None:
            return
        answer = {"public_id": asked.public_id, "acting_user": None, "name": "信息科"}
        if number % 4:
            points = 5 if number % 5 else 3 + number % 2
            confirmations.confirmation_answer(**answer, confirmed=True, satisfaction=points)
        elif number % 3 == 1:
            confirmations.confirmation_answer(**answer, confirmed=False, reason="项目尚未验收，不能确认。")

    def questions_to_customers(self) -> None:
        """Two that wait at the end: one of a customer that is registered here, one by mail."""
        owner = Scenario.objects.filter(state=ScenarioState.LISTED).select_related("owner").order_by("pk")[0].owner
        lapsed = DeliveredCase.objects.filter(confirmations__state=ConfirmationState.LAPSED, confirmed_at=None)
        for case, customer in zip(lapsed.order_by("pk"), (owner.name, ""), strict=False):
            staff = self.clerk_of[case.capability.vendor.organisation.name]
            if customer:
                vendor_services.case_save(
                    capability_id=case.capability_id,
                    acting_user=staff,
                    case_id=case.pk,
                    title=case.title,
                    customer=customer,
                    delivered_on=case.delivered_on,
                    amount_fen=case.amount_fen,
                    description=case.description,
                    region=case.region,
                )
            confirmations.confirmation_ask(case_id=case.pk, acting_user=staff, address="office@example.cn")

    def consortia(self) -> None:
        for title, (partner, contribution) in CONSORTIA.items():
            capability = Capability.objects.select_related("vendor__organisation").get(title=title)
            capability_staff = self.clerk_of[capability.vendor.organisation.name]
            reviewer = self.reviewer_of_city[capability.vendor.organisation.region.code]
            if capability.state == "listed":
                vendor_services.capability_act(capability_id=capability.pk, action="edit", acting_user=capability_staff)
            vendor_services.capability_members_set(
                capability_id=capability.pk,
                acting_user=capability_staff,
                members=[
                    {
                        "name": partner,
                        "contribution": contribution,
                        "organisation": self.organisations.get(partner),
                    }
                ],
            )
            vendor_services.capability_submit(capability_id=capability.pk, acting_user=capability_staff)
            vendor_services.capability_verify(capability_id=capability.pk, acting_user=reviewer)

    # --- demand side ---------------------------------------------------------------------------------------------

    def demand(self, demand: Demand, position: int, moment: datetime) -> Scenario:
        """One demand, taken as far as its stage says; each step by another person on another day."""
        username = f"xuqiu{position:02d}"
        with frozen(moment - timedelta(days=4)):
            clerk = self.register(
                demand.owner,
                code=demand.owner_code,
                kind=KINDS[demand.owner_code],
                region_code=demand.region,
                username=username,
            )
        quarter = Quarter.parse(demand.quarter)
        deadline = quarter.next().last_day - timedelta(days=31)
        with frozen(moment):
            scenario = scenario_services.scenario_create(
                acting_user=clerk, values=self._values(demand, position, deadline)
            )
        if demand.stage == "draft":
            return scenario
        with frozen(moment + timedelta(days=1)):
            scenario_services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
        if demand.stage == "submitted":
            return scenario
        self._review(demand, scenario, moment)
        return scenario

    def _review(self, demand: Demand, scenario: Scenario, moment: datetime) -> None:
        reviewer = self.reviewer_of_city[demand.region]
        first = {"supplement": "return_first", "not_accepted": "reject_first"}.get(demand.stage, "pass_first")
        with frozen(moment + timedelta(days=3)):
            scenario_services.scenario_review(
                scenario_id=scenario.pk,
                action=first,
                acting_user=reviewer,
                comment=REFUSAL if first == "reject_first" else "",
                defects=DEFECTS if first == "return_first" else (),
            )
        if first != "pass_first" or demand.stage == "first_passed":
            return
        with frozen(moment + timedelta(days=6)):
            scenario_services.scenario_review(
                scenario_id=scenario.pk,
                action="pool",
                acting_user=self.people["shenhe"],
                comment="内容真实，目标可测，同意入库。",
                secrecy_reviewed=True,
            )

    def _values(self, demand: Demand, position: int, deadline: date) -> dict[str, Any]:
        data = "none" if demand.owner_code == "91" else ("shared" if demand.funding == "fiscal" else "open")
        return {
            "title": demand.title,
            "pain_point": demand.pain,
            "description": demand.description,
            "target_indicators": demand.targets,
            "available_resources": demand.offers,
            "data_needs": DATA_NEEDS[data],
            "data_class": {"none": DataClass.NONE, "open": DataClass.OPEN, "shared": DataClass.SHARED}[data],
            "acceptance_method": ACCEPTANCE_BY_TYPE[demand.type],
            "intellectual_property": OWNERSHIP_BY_TYPE[demand.type],
            "eligibility_conditions": "、".join(demand.credentials) and f"须持有{'、'.join(demand.credentials)}。",
            "required_credentials": list(demand.credentials),
            "scenario_type": demand.type,
            "funding_nature": demand.funding,
            "category": self.categories[demand.category],
            "region": self.regions[demand.region],
            "budget_text": demand.budget,
            "timeframe_text": demand.time,
            "deadline_at": datetime(deadline.year, deadline.month, deadline.day, 17, tzinfo=BEIJING),
            "public_contact_office": ("信息化科", "综合业务部", "数字化办公室", "技术发展部")[position % 4],
            "public_contact_phone": self._phone(demand.region),
            "public_contact_email": f"xuqiu{position:02d}@{MAIL_DOMAIN}",
            "no_state_secret": True,
            "tags": [self.tags[name] for name in demand.tags],
        }

    # --- lists ---------------------------------------------------------------------------------------------------

    def publish(self, quarter: str, scenario_ids: Sequence[int]) -> QuarterlyList:
        """Collected, frozen, approved by another person, published; each on its day."""
        moment = PUBLISHED[quarter]
        with frozen(moment - timedelta(days=6)):
            quarterly_list = scenario_services.list_create(
                quarter=Quarter.parse(quarter),
                acting_user=self.people["bianzhi"],
                foreword="本清单按季度集中发布。供给方可按公开联系方式与需求单位对接；使用财政资金的需求，后续依法采购。",
            )
            self._to_approval(quarterly_list, scenario_ids)
        with frozen(moment - timedelta(days=1)):
            scenario_services.list_approve(
                list_id=quarterly_list.pk,
                acting_user=self.people["shenpi"],
                secrecy_reviewer_name="唐素梅",
                comment="同意发布。",
            )
        with frozen(moment):
            scenario_services.list_publish(list_id=quarterly_list.pk, acting_user=self.people["shenpi"])
        return quarterly_list

    def _to_approval(self, quarterly_list: QuarterlyList, scenario_ids: Sequence[int]) -> None:
        editor = self.people["bianzhi"]
        scenario_services.list_add_items(list_id=quarterly_list.pk, scenario_ids=scenario_ids, acting_user=editor)
        scenario_services.list_freeze(list_id=quarterly_list.pk, acting_user=editor)
        scenario_services.list_send_to_approval(list_id=quarterly_list.pk, acting_user=editor)

    def second_issue(self, scenario_ids: Sequence[int]) -> None:
        with frozen(LATEST - timedelta(hours=5)):
            quarterly_list = scenario_services.list_create(quarter=Quarter(2026, 4), acting_user=self.people["bianzhi"])
            self._to_approval(quarterly_list, scenario_ids)

    # --- the story -----------------------------------------------------------------------------------------------

    def everything(self) -> None:
        with frozen(BEGINNING):
            self.administrators()
            self.offices()
        early, late = vendors()[:-LATE_VENDORS], vendors()[-LATE_VENDORS:]
        for position, vendor in enumerate(early, start=1):
            self.vendor(vendor, position, BEGINNING + timedelta(days=7 + position))
        self.carry_out(BEGINNING + timedelta(days=75))
        self.report("供给方已入驻")
        position = 0
        for quarter, moment in PUBLISHED.items():
            if quarter == "2026Q3":
                for offset, vendor in enumerate(late, start=1):
                    self.vendor(vendor, len(early) + offset, moment - timedelta(days=40 - offset))
                with frozen(moment - timedelta(days=22)):
                    self.consortia()
            listed, approval = [], []
            for demand in demands():
                if demand.quarter == quarter:
                    position += 1
                    scenario = self.demand(demand, position, self._day_of(moment, position))
                    if demand.stage == "listed":
                        listed.append(scenario.pk)
                    elif demand.stage == "approval":
                        approval.append(scenario.pk)
            self.carry_out(moment - timedelta(days=7))
            quarterly_list = self.publish(quarter, listed)
            self.carry_out(moment + timedelta(minutes=10))
            if approval:
                self.second_issue(approval)
            self._aftermath(quarter, quarterly_list)
            self.report(f"{Quarter.parse(quarter).label}清单已发布，匹配和通知已完成")
        ChallengeStory(
            people=self.people,
            clerk_of=self.clerk_of,
            reviewer_of_city=self.reviewer_of_city,
            register_expert=self.expert,
            carry_out=self.carry_out,
        ).tell()
        self.report("揭榜挂帅：榜单已发布，一项正在公示，一项等待开启（开启人密钥文件在 demo-keys 目录）")
        with frozen(LATEST - timedelta(hours=2)):
            self.questions_to_customers()
            self.working_day()
        self.carry_out(LATEST)
        scenario_services.scenarios_expire()
        vendor_services.capabilities_expire()
        relay.drain(lane=STORY)
        self._read_old_notices()
        # Mails of the past reach nobody: the people are made up.
        Delivery.objects.filter(channel=Channel.MAIL, state=MailState.PENDING).update(state=MailState.SKIPPED)

    def working_day(self) -> None:
        """Owners with the most fitting candidates, and three vendors with capabilities, talk."""
        owners = _busiest(Role.DEMAND_SUBMITTER, _by_matched_demands())
        vendors = _busiest(Role.VENDOR_STAFF, _by_recommendations(), wanted=3)
        people = User.objects.select_related("current_organisation").in_bulk([*owners, *vendors], field_name="username")
        working_day.tell(
            [people[name] for name in owners],
            [people[name] for name in vendors],
            User.objects.get(pk=self.people["bianzhi"].pk),
        )

    def expert(self, username: str, name: str, school: str) -> User:
        """An expert's account in a school of the story, made when the first of its experts comes."""
        if school not in self.organisations:
            self.organisations[school] = Organisation.objects.create(
                name=school,
                unified_code=fictional_code("12", "370100", self.next_number()),
                kind=OrganisationKind.RESEARCH,
                level=OrganisationLevel.PROVINCE,
                region=self.regions["370100"],
                state=OrganisationState.VERIFIED,
            )
        user = self.account(username, name)
        self.appoint(user, self.organisations[school], [Role.EXPERT])
        return user

    @staticmethod
    def carry_out(moment: datetime) -> None:
        """What the platform's clockwork and relay would have done by then."""
        with frozen(moment):
            scenario_services.scenarios_expire()
            confirmations.confirmations_lapse()
            relay.drain(lane=STORY)

    @staticmethod
    def _read_old_notices() -> None:
        """Nobody keeps last summer's notices unread, nor reminders of what is done."""
        unread = Notification.objects.filter(read_at__isnull=True)
        recently = PUBLISHED["2026Q4"] - timedelta(days=7)
        unread.filter(created_at__lt=recently).update(read_at=recently)
        done = unread.filter(group=Group.TODO, topic__in=("organisation.waits_for_verification",))
        done.update(read_at=LATEST)

    @staticmethod
    def _day_of(published: datetime, position: int) -> datetime:
        """Demands come in over the four weeks before the list is made."""
        return published - timedelta(days=18 + position % 12, hours=position % 6)

    def _aftermath(self, quarter: str, quarterly_list: QuarterlyList) -> None:
        items = list(quarterly_list.items.select_related("scenario__owner").order_by("sequence"))
        if quarter == "2026Q1":
            with frozen(datetime(2026, 7, 3, 9, tzinfo=BEIJING)):
                scenario_services.list_archive(list_id=quarterly_list.pk, acting_user=self.people["bianzhi"])
        if quarter == "2026Q2":
            with frozen(PUBLISHED["2026Q2"] + timedelta(days=5)):
                draft = scenario_services.erratum_prepare(
                    list_id=quarterly_list.pk,
                    acting_user=self.people["bianzhi"],
                    item_id=items[1].pk,
                    field="timeframe_text",
                    corrected_text="2026年11月底前上线",
                    reason="需求单位来函说明工期填写有误。",
                )
                scenario_services.erratum_publish(public_id=draft.public_id, acting_user=self.people["shenpi"])
        if quarter == "2026Q3":
            with frozen(PUBLISHED["2026Q3"] + timedelta(days=30)):
                scenario_services.scenario_act(
                    scenario_id=items[3].scenario_id,
                    action="suspend",
                    acting_user=self.people["shenhe"],
                    comment="需求单位正在调整实施范围，暂停对接一个月。",
                )
                closing = items[11].scenario
                scenario_services.scenario_act(
                    scenario_id=closing.pk,
                    action="close",
                    acting_user=self.clerk_of[closing.owner.name],
                    comment="改由集团统一建设，本需求结束对接。",
                )


def ensure_reference_data() -> None:
    """Code tables and the working days of the years the story tells of."""
    if not Category.objects.exists():
        classification.load()
    missing = [str(year) for year in (2025, 2026) if not WorkdayCalendar.objects.filter(year=year).exists()]
    if missing:
        with open("/dev/null", "w", encoding="utf-8") as nothing:
            call_command("load_workdays", *missing, stdout=nothing)


def build(report: Callable[[str], None] = lambda text: None) -> Built:
    """Make the demonstration, or do nothing if it is there."""
    ensure_reference_data()
    if is_built():
        return Built(accounts=list(_known_accounts()))
    builder = _Builder(report)
    with transaction.atomic():
        builder.everything()
    relay.drain()
    builder.built.created = True
    builder.built.accounts = list(_known_accounts())
    return builder.built


def _known_accounts() -> Iterator[Account]:
    """The table of accounts of a demonstration that is there already."""
    purposes = {username: purpose for username, _name, _roles, _organisation, purpose in STAFF}
    purposes |= {username: purpose for username, _name, _role, purpose in ADMINISTRATORS}
    purposes |= dict(_seated_experts())
    purposes |= dict.fromkeys(_busiest_reviewers(), "本市初审与核验")
    purposes |= dict.fromkeys(_busiest(Role.VENDOR_STAFF, _by_recommendations()), "供给方：能力、推荐需求、站内信")
    purposes |= dict.fromkeys(_busiest(Role.DEMAND_SUBMITTER, _by_matched_demands()), "需求方：填报、查看匹配")
    users = {
        user.username: user
        for user in User.objects.filter(username__in=purposes).select_related("current_organisation")
    }
    for username, purpose in purposes.items():
        if username in users:
            user = users[username]
            yield Account(username, user.display_name, str(user.current_organisation or ""), purpose)


def _seated_experts() -> Iterator[tuple[str, str]]:
    """An expert who has to answer, and one who has to score: whom the draw found."""
    for state, purpose in ((SeatState.NOTIFIED, "评审专家：待答复邀请"), (SeatState.DECLARED, "评审专家：待评分")):
        seat = Seat.objects.filter(state=state).select_related("expert__user").order_by("pk").first()
        if seat is not None and seat.expert.user is not None:
            yield seat.expert.user.username, purpose


def _by_recommendations() -> list[int]:
    """Organisations of vendors with the most recommended demands first."""
    rows = Recommendation.objects.values("vendor__organisation_id").annotate(number=Count("pk"))
    return [row["vendor__organisation_id"] for row in rows.order_by("-number", "vendor__organisation_id")]


def _by_matched_demands() -> list[int]:
    """Owners of listed demands with the most fitting candidates first."""
    rows = (
        MatchCandidate.objects.filter(
            run__scenario__state=ScenarioState.LISTED, rank__isnull=False, level__in=(Level.STRONG, Level.MEDIUM)
        )
        .values("run__scenario__owner_id")
        .annotate(number=Count("pk"))
    )
    return [row["run__scenario__owner_id"] for row in rows.order_by("-number", "run__scenario__owner_id")]


def _busiest_reviewers(wanted: int = 2) -> list[str]:
    """City reviewers with the most demands waiting; the first by name where none waits."""
    reviewers = User.objects.filter(memberships__grants__role=Role.FIRST_REVIEWER, username__startswith="chushen")
    waiting = {user.username: first_review_queue(user).count() for user in reviewers.order_by("username")}
    return sorted(waiting, key=lambda username: (-waiting[username], username))[:wanted]


def _busiest(role: str, organisation_ids: list[int], wanted: int = 2) -> list[str]:
    """User names of people whose desks have the most to show, one per organisation."""
    found = []
    for organisation_id in organisation_ids:
        user = User.objects.filter(
            current_organisation_id=organisation_id,
            memberships__organisation_id=organisation_id,
            memberships__grants__role=role,
        ).first()
        if user is not None:
            found.append(user.username)
        if len(found) == wanted:
            break
    return found


def figures() -> dict[str, int]:
    """How much there is, for the report."""
    return {
        "organisations": Organisation.objects.count(),
        "scenarios": Scenario.objects.count(),
        "listed": Scenario.objects.filter(state=ScenarioState.LISTED).count(),
        "lists": QuarterlyList.objects.filter(
            state__in=(QuarterlyListState.PUBLISHED, QuarterlyListState.ARCHIVED)
        ).count(),
        "vendors": VendorProfile.objects.count(),
        "capabilities": Capability.objects.count(),
    }
