"""The demonstration's year of 揭榜挂帅: one list, four challenges at four stages, sealed and opened like real ones.

One takes bids, one has just been clarified, one waits for its opening (officers' key files lie in the installation's
`demo-keys` folder), one is under 公示. Bodies and texts are made up.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings

from accounts.enums import OrganisationKind, Role
from accounts.models import User
from challenges.enums import EnvelopeKind, OpenerCapacity, PanelPurpose
from challenges.models import Challenge, Panel, Programme
from challenges.sealing import keys
from challenges.sealing.canonical import decode_bytes, encode_bytes
from challenges.sealing.envelopes import seal_envelope
from challenges.sealing.officer_files import lock_key
from challenges.services import bids, clarification, decision, experts, needs, openers, openings, programmes, review
from core.clock import BEIJING, frozen
from core.models import Category
from marketplace.demo import next_year
from scenarios.enums import ScenarioState, ScenarioType
from scenarios.models import Scenario

CALLED = datetime(2026, 9, 21, 9, tzinfo=BEIJING)
CONVERTED = datetime(2026, 9, 25, 10, tzinfo=BEIJING)
STATED = datetime(2026, 9, 28, 10, tzinfo=BEIJING)
ARGUED = datetime(2026, 10, 10, 9, tzinfo=BEIJING)
LISTED = datetime(2026, 10, 15, 10, tzinfo=BEIJING)
#: Deadlines of the four, in the order of the list.
DEADLINES = (
    datetime(2026, 12, 18, 17, tzinfo=BEIJING),
    datetime(2026, 12, 25, 17, tzinfo=BEIJING),
    datetime(2026, 11, 23, 9, tzinfo=BEIJING),
    datetime(2026, 11, 6, 9, tzinfo=BEIJING),
)
CRITERIA = [
    {"key": "c1", "name": "技术方案先进性与可行性", "weight": 45, "minimum": 20},
    {"key": "c2", "name": "指标响应程度", "weight": 25, "minimum": 0},
    {"key": "c3", "name": "团队与研究基础", "weight": 20, "minimum": 0},
    {"key": "c4", "name": "成果转化安排", "weight": 10, "minimum": 0},
]
NEEDS: tuple[dict[str, Any], ...] = (
    {
        "title": "雨雾夜间条件下集装箱箱况自动检验关键技术",
        "background": "闸口摄像在雨雾和夜间误判多，每班要两名工人复核，车辆排队半小时以上。",
        "content": "研究多源成像融合与小样本残损识别方法，在两条车道边缘侧完成判别，整车通过时间不超过二十秒。",
        "expected_result": "可部署的检验模块一套，残损样本库一个，企业标准一项。",
    },
    {
        "title": "大型回转窑耐火衬砖状态在线监测技术",
        "background": "窑衬烧损靠停窑检查，一次停窑损失数百万元，临停无法预知。",
        "content": "研究高温外壁温度场反演衬砖残厚的方法，建立烧损趋势模型，提前七天给出停窑建议。",
        "expected_result": "在线监测装置两套，反演软件一套，发明专利两项。",
    },
    {
        "title": "海上风电叶片前缘腐蚀无人机自主检测技术",
        "background": "叶片检查靠停机吊篮，一台要停一天，海况窗口少，早期腐蚀发现不了。",
        "content": "研究运行或低速转动状态下无人机自主跟随飞行与高清成像方法，识别前缘腐蚀、裂纹和雷击点并定级。",
        "expected_result": "自主检测系统一套，缺陷图谱一个，作业规程一项。",
    },
)
# The indicators of the demand that becomes a challenge: 近岸海浪与风暴增水精细化预报.
CONVERTED_INDICATORS = (
    ("二十四小时有效波高平均误差", "0.6", "0.3", "米"),
    ("增水误差", "45", "20", "厘米"),
    ("单次运算时间", "150", "40", "分钟"),
)
INDICATORS = (
    [
        {"name": "雨雾夜间识别率", "baseline": "82", "target": "97", "unit": "%", "method": "第三方现场测试"},
        {"name": "整车通过时间", "baseline": "45", "target": "20", "unit": "秒", "method": "连续七天实测"},
    ],
    [
        {"name": "残厚反演误差", "baseline": "—", "target": "15", "unit": "毫米", "method": "停窑实测对比"},
        {"name": "提前预警天数", "baseline": "0", "target": "7", "unit": "天", "method": "运行记录核查"},
    ],
    [
        {"name": "缺陷检出率", "baseline": "60", "target": "95", "unit": "%", "method": "与吊篮检查逐片比对"},
        {"name": "单台检测时间", "baseline": "480", "target": "60", "unit": "分钟", "method": "现场实测"},
    ],
)
SCHOOLS = ("泰山示例大学", "黄河示例理工学院", "半岛示例研究院")
EXPERT_NAMES = (
    "安思远", "卞清和", "岑立言", "丁以宁", "方知微", "葛承志", "郝明远",
    "江望舒", "康伯年", "廖致知", "马景行", "倪守一", "欧阳澄", "彭若谷",
)  # fmt: skip
PLANS = (
    "采用可见光、红外与毫米波三源融合，先在边缘侧完成配准与去雾，再以小样本迁移方法识别残损，分两期部署并由码头班组参与标定。",
    "以偏振成像抑制雨雾散射，配合自监督预训练的轻量网络，车道侧只保留推理单元，样本由历史照片与合成数据共同构成。",
    "利用激光线扫获取箱体三维形貌，与标准箱型比对得出变形与破损，再以图像复核，强调夜间与强光下的稳定。",
)
ROUTES = ("多源融合成像", "偏振成像", "激光三维比对")


@dataclass
class ChallengeStory:
    """What the steps share: the builder's people and the officers' private keys."""

    people: Mapping[str, User]
    clerk_of: Mapping[str, User]
    reviewer_of_city: Mapping[str, User]
    register_expert: Any
    carry_out: Any
    private_keys: dict[str, bytes] = field(default_factory=dict)

    @property
    def handler(self) -> User:
        return self.people["keji"]

    @property
    def approver(self) -> User:
        return self.people["kejishenpi"]

    @property
    def supervisor(self) -> User:
        return self.people["jiandu"]

    def tell(self) -> None:
        """The whole year, in its order."""
        self._as_they_are_now()
        programme = self.call()
        challenges = [*self.converted(programme), *self.stated(programme)]
        self.experts()
        for challenge, deadline in zip(challenges, DEADLINES, strict=True):
            self.argue(challenge, deadline)
        self.publish(programme, challenges)
        self.clarify(challenges[0])
        self.bid(challenges[2], ("gongji03", "gongji04"))
        self.bid(challenges[3], ("gongji06", "gongji07", "gongji09"))
        self.review(challenges[3])
        with frozen(DEADLINES[2] + timedelta(seconds=2)):
            bids.challenges_freeze_due()
        self.carry_out(DEADLINES[2] + timedelta(minutes=1))
        next_year.tell(
            self.people, self._clerks_of_firms()[len(NEEDS) :][: len(next_year.NEEDS)], self.reviewer_of_city
        )

    def _as_they_are_now(self) -> None:
        """The builder's people as the database has them: verified since they were made."""
        now = {user.pk: user for user in User.objects.select_related("current_organisation__region__parent")}
        self.people = {name: now[user.pk] for name, user in self.people.items()}
        self.clerk_of = {name: now[user.pk] for name, user in self.clerk_of.items()}
        self.reviewer_of_city = {code: now[user.pk] for code, user in self.reviewer_of_city.items()}

    # --- needs ----------------------------------------------------------------------------------------------------

    def call(self) -> Programme:
        with frozen(CALLED):
            programme = programmes.programme_create(
                acting_user=self.handler,
                year=2026,
                model="M1",
                values={
                    "title": "2026年度关键技术“揭榜挂帅”计划（示例）",
                    "basis": "山东省“十四五”数字强省建设规划",
                    "call_text": "面向全省企事业单位征集制约产业数字化的关键技术需求。每单位限报一项，"
                    "须有自有资金投入，指标可考核，产权归属明确。逾期系统自动关闭。",
                    "needs_open_at": CALLED,
                    "needs_close_at": datetime(2026, 10, 9, 17, tzinfo=BEIJING),
                    "check_due_at": datetime(2026, 10, 9, 23, tzinfo=BEIJING),
                },
                parameters={"price_weight_percent": 0},
            )
            programmes.programme_call(programme_id=programme.pk, acting_user=self.handler)
        return programme

    def converted(self, programme: Programme) -> list[Challenge]:
        """Listed scenarios of type 技术攻关, each now also a challenge."""
        rows = Scenario.objects.filter(
            state=ScenarioState.LISTED, scenario_type=ScenarioType.RESEARCH, listed_at__lt=CONVERTED
        ).order_by("code")[: len(DEADLINES) - len(NEEDS)]
        with frozen(CONVERTED):
            return [
                needs.challenge_from_scenario(scenario_id=row.pk, programme_id=programme.pk, acting_user=self.handler)
                for row in rows
            ]

    def _clerks_of_firms(self) -> list[User]:
        """Clerks of verified firms, in the order in which the firms came."""
        return [
            clerk
            for clerk in self.clerk_of.values()
            if clerk.current_organisation is not None
            and clerk.current_organisation.is_verified
            and clerk.current_organisation.kind == OrganisationKind.ENTERPRISE
            and clerk.memberships.filter(grants__role=Role.DEMAND_SUBMITTER).exists()
        ]

    def stated(self, programme: Programme) -> list[Challenge]:
        """Firms state needs of their own; their cities check them."""
        found = []
        for clerk, values, indicators in zip(self._clerks_of_firms(), NEEDS, INDICATORS, strict=False):
            with frozen(STATED):
                challenge = needs.need_create(
                    programme_id=programme.pk,
                    acting_user=clerk,
                    values={
                        **values,
                        "indicators": indicators,
                        "category": Category.objects.current().filter(code="2.1").first()
                        or Category.objects.current().order_by("position").first(),
                        "intellectual_property": "双方共有，需求单位在本企业内免费使用，对外许可收益按投入分配。",
                        "acceptance_method": "第三方检测报告与现场验证相结合。",
                        "duration_months": 24,
                        "own_funding_fen": 300_000_000,
                        "public_contact_office": "科技信息部",
                        "public_contact_phone": clerk.current_organisation.office_phone,
                        "states_no_secret": True,
                    },
                )
                needs.need_submit(challenge_id=challenge.pk, acting_user=clerk)
            region = clerk.current_organisation.region
            with frozen(STATED + timedelta(days=8)):
                needs.need_check(
                    challenge_id=challenge.pk,
                    acting_user=self.reviewer_of_city[region.city_code],
                    conclusion="passed",
                    comment="需求真实，指标可考核。",
                )
            found.append(challenge)
        return found

    # --- argumentation --------------------------------------------------------------------------------------------

    def experts(self) -> None:
        with frozen(ARGUED - timedelta(days=5)):
            areas = list(Category.objects.current().filter(parent=None))
            for number, name in enumerate(EXPERT_NAMES, 1):
                school = SCHOOLS[number % len(SCHOOLS)]
                user = self.register_expert(f"zhuanjia{number:02d}", name, school)
                organisation = user.current_organisation
                review.expert_enter(
                    acting_user=self.handler,
                    name=name,
                    kind=("technical", "technical", "technical", "economic", "finance")[number % 5],
                    title=("教授", "研究员", "正高级工程师")[number % 3],
                    years=10 + number,
                    areas=areas,
                    employments=[
                        {
                            "organisation_name": organisation.name,
                            "unified_code": organisation.unified_code,
                            "position": "教师",
                            "started_on": date(2012, 7, 1),
                        }
                    ],
                    user=user,
                )

            self.retired_expert(areas)

    def retired_expert(self, areas: list[Category]) -> None:
        """One without an account who has left the pool: no draw knows them, their page and its trail remain."""
        gone = review.expert_enter(
            acting_user=self.handler,
            name="苏怀瑾",
            kind="technical",
            title="研究员",
            years=31,
            areas=areas,
            employments=[
                {
                    "organisation_name": "省工业技术研究院（示例）",
                    "position": "研究员",
                    "started_on": date(1995, 7, 1),
                    "ended_on": date(2026, 6, 30),
                }
            ],
        )
        experts.expert_retire(
            expert_public_id=gone.public_id, acting_user=self.handler, reason="已退休，本人申请出库。"
        )

    def panel(self, challenge: Challenge, purpose: str) -> Panel:
        panel = review.panel_commit(challenge_id=challenge.pk, acting_user=self.handler, purpose=purpose)
        panel = review.panel_draw(
            panel_public_id=panel.public_id, acting_user=self.supervisor, witness_words="霜降 晴 三级风"
        )
        for seat in panel.seats.filter(state="notified").select_related("expert__user"):
            review.seat_declare(
                seat_public_id=seat.public_id,
                acting_user=seat.expert.user,
                declaration="本人与各方没有任职、控股、亲属等利害关系，保守评审秘密。",
            )
        return panel

    def score(self, panel: Panel, strengths: Mapping[str, int], comments: Sequence[str]) -> None:
        """Everybody scores, hands in, the chair sums up, all sign; `strengths` in percent by bid."""
        seats = list(panel.seats.filter(state="declared").select_related("expert__user").order_by("draw_position"))
        for place, seat in enumerate(seats):
            for bid in review.bids_under_review(panel):
                strength = strengths.get(str(bid.public_id) if bid is not None else "", 80) + place % 3 - 1
                review.sheet_save(
                    seat_public_id=seat.public_id,
                    acting_user=seat.expert.user,
                    bid_public_id=bid.public_id if bid is not None else None,
                    scores={row["key"]: row["weight"] * strength // 100 for row in review.criteria_of(panel)},
                    comment=comments[place % len(comments)],
                )
            review.seat_submit(seat_public_id=seat.public_id, acting_user=seat.expert.user)
        for seat in sorted(seats, key=lambda row: not row.is_chair):
            if seat.is_chair:
                review.panel_summarise(
                    seat_public_id=seat.public_id,
                    acting_user=seat.expert.user,
                    summary="专家组审阅材料并独立评分，意见基本一致，按公布的规则形成结论。",
                )
            review.seat_sign(seat_public_id=seat.public_id, acting_user=seat.expert.user)

    def argue(self, challenge: Challenge, deadline: datetime) -> None:
        with frozen(ARGUED):
            panel = self.panel(challenge, PanelPurpose.ARGUMENTATION)
            needs.need_argue(challenge_id=challenge.pk, acting_user=self.handler)
            self.score(panel, {}, ("需求迫切，指标明确。", "行业共性问题，具备攻关条件。", "预期效益可观，建议入榜。"))
        demander_clerk = self.clerk_of[challenge.demander.name]
        with frozen(ARGUED + timedelta(days=2)):
            values: dict[str, Any] = {
                "grant_cap_fen": 500_000_000,
                "budget_source": "省级科技创新发展资金",
                "criteria": CRITERIA,
                "deadline_at": deadline,
                "question_deadline_at": deadline - timedelta(days=5),
                "secrecy_reviewer_name": "韩慎言",
            }
            if challenge.scenario_id is not None:
                values |= self._missing_of(challenge)
            needs.terms_save(challenge_id=challenge.pk, acting_user=self.handler, values=values)
            needs.need_agree(challenge_id=challenge.pk, acting_user=demander_clerk)
            needs.need_select(
                challenge_id=challenge.pk,
                acting_user=self.approver,
                selected=True,
                minutes_number="科攻纪要〔2026〕18号",
            )

    @staticmethod
    def _missing_of(challenge: Challenge) -> dict[str, Any]:
        """A scenario's text has no months, money or measurable indicators: settled with its owner."""
        return {
            "duration_months": 24,
            "own_funding_fen": 200_000_000,
            "expected_result": challenge.expected_result or "形成可推广的成套技术与应用示范。",
            "intellectual_property": challenge.intellectual_property or "双方共有，需求单位免费使用。",
            "acceptance_method": challenge.acceptance_method or "第三方测试与现场验证。",
            "states_no_secret": True,
            "restricts_by": [],
            "indicators": [
                {"name": name, "baseline": baseline, "target": target, "unit": unit, "method": "历史台风过程回算"}
                for name, baseline, target, unit in CONVERTED_INDICATORS
            ],
        }

    # --- publication ----------------------------------------------------------------------------------------------

    def officer(self, username: str) -> User:
        """Makes the officer's key pair and leaves the locked file for whoever tries the demonstration."""
        user = self.people[username]
        pair = keys.generate_key_pair()
        proof = openers.officer_key_register(acting_user=user, public_key=encode_bytes(pair.public_key))
        answer = keys.answer_possession(
            proof.key.suite, str(proof.key.public_id), decode_bytes(proof.sealed), pair.private_key
        )
        openers.officer_key_prove(proof_public_id=proof.public_id, acting_user=user, answer=encode_bytes(answer))
        self.private_keys[str(proof.key.public_id)] = pair.private_key
        folder = Path(settings.VAR_DIR) / "demo-keys"
        folder.mkdir(parents=True, exist_ok=True)
        file = lock_key(pair, DEMO_PASSPHRASE)
        (folder / f"{username}.json").write_text(json.dumps(file, ensure_ascii=False, indent=1), encoding="utf-8")
        return user

    def publish(self, programme: Programme, challenges: Sequence[Challenge]) -> None:
        with frozen(LISTED - timedelta(days=1)):
            annual_list = programmes.annual_list_create(
                programme_id=programme.pk,
                acting_user=self.handler,
                title="2026年度“揭榜挂帅”榜单（示例）",
                foreword="本榜单面向国内外有研究开发能力的高校、科研机构、企业及其联合体，不设注册时间、地域限制。",
            )
            programmes.annual_list_add(
                list_id=annual_list.pk, challenge_ids=[row.pk for row in challenges], acting_user=self.handler
            )
            for username, capacity in zip(("keji", "jiandu", "yunwei"), OpenerCapacity.values, strict=True):
                user = self.officer(username)
                openers.opener_appoint(
                    list_id=annual_list.pk,
                    acting_user=self.handler,
                    capacity=capacity,
                    user=user,
                    organisation=user.current_organisation,
                )
            standing = openers.standing_openers(annual_list)
            for challenge in challenges:
                openers.envelope_keys_store(
                    challenge_id=challenge.pk, acting_user=self.handler, made=self._envelope_keys(challenge, standing)
                )
            programmes.annual_list_send_to_approval(list_id=annual_list.pk, acting_user=self.handler)
        with frozen(LISTED):
            programmes.annual_list_publish(
                list_id=annual_list.pk,
                acting_user=self.approver,
                minutes_number="科攻纪要〔2026〕19号",
                secrecy_reviewer_name="韩慎言",
            )
        self.carry_out(LISTED + timedelta(minutes=5))
        for challenge in challenges:
            challenge.refresh_from_db()

    @staticmethod
    def _envelope_keys(challenge: Challenge, standing: Sequence[Any]) -> list[dict[str, Any]]:
        made = []
        for kind in EnvelopeKind.values:
            pair = keys.generate_key_pair()
            context = keys.KeyContext(
                standing[0].key.suite, str(challenge.public_id), kind, keys.fingerprint(pair.public_key)
            )
            wrapped = keys.wrap_for_subsets(pair.private_key, openers.officers_of(standing), 2, context)
            made.append(
                {
                    "kind": kind,
                    "public_key": encode_bytes(pair.public_key),
                    "wrapped": [
                        {
                            "officers": list(one.officers),
                            "blob": encode_bytes(one.blob),
                            "layer_digests": list(one.layer_digests),
                        }
                        for one in wrapped
                    ],
                }
            )
        return made

    def clarify(self, challenge: Challenge) -> None:
        with frozen(LISTED + timedelta(days=6)):
            question = clarification.question_ask(
                challenge_id=challenge.pk, acting_user=self.people["gongji05"], text="测试数据是否由需求单位提供？"
            )
        with frozen(LISTED + timedelta(days=8)):
            clarification.question_answer(
                question_public_id=question.public_id,
                acting_user=self.handler,
                answer="由需求单位在签约后提供脱敏数据，揭榜阶段不提供。",
            )
            clarification.challenge_clarify(
                challenge_id=challenge.pk,
                acting_user=self.handler,
                values={"acceptance_method": "第三方测试，测试大纲由双方共同确认；现场连续运行不少于三十天。"},
                reason="补充验收时现场连续运行的时间要求。",
                material=False,
            )
        self.carry_out(LISTED + timedelta(days=8, minutes=5))

    # --- bids and after -------------------------------------------------------------------------------------------

    def bid(self, challenge: Challenge, usernames: Sequence[str]) -> None:
        for number, username in enumerate(usernames):
            user = self.people[username]
            own = user.current_organisation
            manifest = {
                "members": [
                    {
                        "unified_code": own.unified_code,
                        "name": own.name,
                        "role": "lead",
                        "share_percent": "100",
                    }
                ],
                "answers": {
                    str(row.sequence): {"promise": f"达到{row.target}{row.unit}"} for row in challenge.indicators.all()
                },
                "plan": PLANS[number],
                "route": ROUTES[number],
                "leader": user.display_name,
                "team": [{"name": user.display_name, "title": "高级工程师"}],
            }
            total = 380_000_000 + number * 37_000_000
            price = {"total_fen": total, "grant_fen": total, "own_fen": 0}
            with frozen(challenge.deadline_at - timedelta(days=2) + timedelta(hours=number)):
                ticket = bids.sealing_ticket(challenge_id=challenge.pk, acting_user=user)
                current = openers.current_envelope_keys(challenge)
                uploaded = []
                for kind, content in ((EnvelopeKind.TECHNICAL, manifest), (EnvelopeKind.PRICE, price)):
                    sink = io.BytesIO()
                    seal_envelope(sink, decode_bytes(current[kind].public_key), ticket.context(kind), content)
                    uploaded.append(
                        bids.envelope_receive(
                            challenge_id=challenge.pk, acting_user=user, kind=kind, chunks=[sink.getvalue()]
                        ).public_id
                    )
                bids.bid_finalise(
                    challenge_id=challenge.pk,
                    acting_user=user,
                    envelope_ids=uploaded,
                    idempotency_key=str(uuid4()),
                    device=f"demo-{username}",
                )

    def open(self, challenge: Challenge, kind: str) -> None:
        key = openings.key_for_opening(challenge, kind)
        users = {str(self.people[name].officer_keys.get().public_id): self.people[name] for name in ("keji", "jiandu")}
        officers = next(one["officers"] for one in key.wrapped if set(one["officers"]) == set(users))
        opening = openings.opening_start(
            challenge_id=challenge.pk, acting_user=self.handler, kind=kind, officers=officers
        )
        context = keys.KeyContext(key.suite, str(challenge.public_id), kind, key.fingerprint)
        for position, officer in enumerate(officers):
            peeled = keys.peel(
                key.suite,
                decode_bytes(opening.current_blob),
                self.private_keys[officer],
                context.layer_info(officers, position),
            )
            opening = openings.opening_peel(
                opening_public_id=opening.public_id, acting_user=users[officer], peeled=encode_bytes(peeled)
            )
        challenge.refresh_from_db()

    def review(self, challenge: Challenge) -> None:
        """From the deadline to the 公示 that is running now."""
        with frozen(challenge.deadline_at + timedelta(seconds=2)):
            bids.challenges_freeze_due()
        self.carry_out(challenge.deadline_at + timedelta(minutes=1))
        challenge.refresh_from_db()
        with frozen(challenge.deadline_at + timedelta(hours=1)):
            self.open(challenge, EnvelopeKind.TECHNICAL)
        with frozen(datetime(2026, 11, 9, 10, tzinfo=BEIJING)):
            for bid in challenge.bids.filter(state="opened"):
                review.bid_formal_check(
                    bid_public_id=bid.public_id,
                    acting_user=self.handler,
                    passed=True,
                    comment="材料齐全，响应全部指标，符合揭榜条件。",
                )
            review.formal_check_complete(challenge_id=challenge.pk, acting_user=self.handler)
        with frozen(datetime(2026, 11, 12, 9, tzinfo=BEIJING)):
            panel = self.panel(challenge, PanelPurpose.REVIEW)
            review.review_start(challenge_id=challenge.pk, acting_user=self.handler)
            ordered = list(challenge.bids.order_by("pk"))
            strengths = {str(bid.public_id): 88 - place * 6 for place, bid in enumerate(ordered)}
            self.score(
                panel, strengths, ("方案完整，路线清楚。", "基础扎实，指标响应充分。", "转化安排具体，风险可控。")
            )
            challenge.refresh_from_db()
            self.open(challenge, EnvelopeKind.PRICE)
            review.review_complete(challenge_id=challenge.pk, acting_user=self.handler)
        with frozen(datetime(2026, 11, 18, 15, tzinfo=BEIJING)):
            decision.decision_make(
                challenge_id=challenge.pk,
                acting_user=self.approver,
                minutes_number="科攻纪要〔2026〕23号",
                meeting_on=date(2026, 11, 18),
                participants="分管负责人、规划处、财务处、监督处",
                winners=[{"bid": str(ordered[0].public_id), "grant_fen": 380_000_000, "technical_route": ROUTES[0]}],
            )
        with frozen(datetime(2026, 11, 20, 9, tzinfo=BEIJING)):
            decision.publicity_start(challenge_id=challenge.pk, acting_user=self.approver)
        self.carry_out(datetime(2026, 11, 20, 9, 5, tzinfo=BEIJING))


#: The key files' passphrase is the accounts' password: a demonstration has no secrets.
DEMO_PASSPHRASE = "Demo-Shandong-2026"  # noqa: S105
