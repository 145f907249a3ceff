"""A challenge's people and its life, step by step through the real services; sealing is done as a bidder does it."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count, cycle
from typing import Any
from uuid import uuid4

from accounts.enums import OrganisationKind, Role
from accounts.models import Organisation, User
from challenges.enums import BidState, EnvelopeKind, ExpertKind, OpenerCapacity, PanelPurpose
from challenges.models import AnnualList, Bid, BidVersion, Challenge, Expert, Opener, Panel, Programme, Project
from challenges.parameters import parameters_from
from challenges.sealing import keys
from challenges.sealing.canonical import decode_bytes, encode_bytes
from challenges.sealing.containers import Attachment
from challenges.sealing.envelopes import EnvelopeContext, seal_envelope
from challenges.services import bids, decision, needs, openers, openings, programmes, projects, review
from core import clock
from tests.factories.accounts import make_organisation, make_person
from tests.factories.scenarios import category

_numbers = count(1)

NEED = {
    "title": "港口集装箱自动识别关键算法",
    "background": "夜间与雨雾天气识别率低，人工复核压力大，影响闸口通行效率。",
    "content": "研究低照度与雨雾条件下的集装箱箱号与残损识别算法，并在两个闸口部署验证。",
    "expected_result": "形成可部署的识别模块一套，申请发明专利两项。",
    "intellectual_property": "双方共有，需求单位享有免费使用权。",
    "acceptance_method": "第三方测试报告与现场验证。",
    "duration_months": 24,
    "own_funding_fen": 200_000_000,
    "public_contact_office": "科技信息部",
    "public_contact_phone": "0532-82980001",
    "states_no_secret": True,
}
INDICATORS = [
    {"name": "雨雾识别率", "baseline": "82", "target": "97", "unit": "%", "method": "第三方测试"},
    {"name": "单箱识别时间", "baseline": "3", "target": "1", "unit": "秒", "method": "现场实测"},
]
CRITERIA = [
    {"key": "technology", "name": "技术方案", "weight": 60, "minimum": 30},
    {"key": "team", "name": "团队与条件", "weight": 40, "minimum": 0},
]


@dataclass
class Stage:
    """Everybody who takes part. Openers' private keys are held here as their browsers would hold them."""

    department: Organisation
    handler: User
    approver: User
    supervisor: User
    platform: User
    demander: Organisation
    clerk: User
    city_reviewer: User
    private_keys: dict[str, bytes] = field(default_factory=dict)
    experts: list[Expert] = field(default_factory=list)
    #: Officers beside the usual three, for programmes that ask for four or five.
    further_openers: list[User] = field(default_factory=list)

    @property
    def opener_users(self) -> list[User]:
        return [self.handler, self.supervisor, self.platform, *self.further_openers]


def make_stage(*, expert_count: int = 12) -> Stage:
    """A science department, a supervisor, a platform officer, a demander, a city reviewer and a pool of experts."""
    department = make_organisation(f"省科技厅{next(_numbers)}", region_code="370000", level="province")
    port = make_organisation(f"港口集团{next(_numbers)}", kind=OrganisationKind.ENTERPRISE, region_code="370200")
    stage = Stage(
        department=department,
        handler=make_person(Role.SCIENCE_HANDLER, organisation=department),
        approver=make_person(Role.SCIENCE_APPROVER, organisation=department),
        supervisor=make_person(Role.SUPERVISOR, organisation=make_organisation(region_code="370000")),
        platform=make_person(Role.OPERATOR, organisation=make_organisation(region_code="370000")),
        demander=port,
        clerk=make_person(Role.DEMAND_SUBMITTER, organisation=port),
        city_reviewer=make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370200")),
    )
    stage.experts = [make_expert(stage) for _number in range(expert_count)]
    return stage


def make_expert(stage: Stage, kind: str = ExpertKind.TECHNICAL, *, employer: Organisation | None = None) -> Expert:
    """An expert of the pool with an account, employed by a school of their own unless said otherwise."""
    school = employer or make_organisation(kind=OrganisationKind.RESEARCH, region_code="370100")
    return review.expert_enter(
        acting_user=stage.handler,
        name=f"专家{next(_numbers)}",
        kind=kind,
        title="研究员",
        years=15,
        areas=[category()],
        employments=[
            {
                "organisation_name": school.name,
                "unified_code": school.unified_code,
                "position": "教师",
                "started_on": date(2015, 1, 1),
            }
        ],
        user=make_person(Role.EXPERT, organisation=school),
    )


def make_programme(stage: Stage, model: str = "M1", *, parameters: Mapping[str, Any] | None = None) -> Programme:
    """A called programme whose call is open now."""
    moment = clock.now()
    programme = programmes.programme_create(
        acting_user=stage.handler,
        year=moment.year,
        model=model,
        values={
            "title": "年度技术攻关揭榜挂帅计划",
            "call_text": "面向全省征集技术需求。",
            "needs_open_at": moment - timedelta(days=1),
            "needs_close_at": moment + timedelta(days=30),
        },
        parameters=parameters,
    )
    return programmes.programme_call(programme_id=programme.pk, acting_user=stage.handler)


def make_need(stage: Stage, programme: Programme, **values: Any) -> Challenge:
    """A draft that fulfils every condition of its submission."""
    return needs.need_create(
        programme_id=programme.pk,
        acting_user=stage.clerk,
        values={**NEED, "category": category(), "indicators": INDICATORS, **values},
    )


def make_checked_need(stage: Stage, programme: Programme, **values: Any) -> Challenge:
    """Submitted by its owner and passed by the city."""
    challenge = make_need(stage, programme, **values)
    needs.need_submit(challenge_id=challenge.pk, acting_user=stage.clerk)
    needs.need_check(challenge_id=challenge.pk, acting_user=stage.city_reviewer, conclusion="passed")
    challenge.refresh_from_db()
    return challenge


def draw_panel(stage: Stage, challenge: Challenge, purpose: str) -> Panel:
    """Committed by the handler, drawn by the supervisor."""
    panel = review.panel_commit(challenge_id=challenge.pk, acting_user=stage.handler, purpose=purpose)
    return review.panel_draw(panel_public_id=panel.public_id, acting_user=stage.supervisor, witness_words="秋分晴")


def declare_all(panel: Panel) -> None:
    for seat in panel.seats.filter(state="notified").select_related("expert__user"):
        review.seat_declare(
            seat_public_id=seat.public_id, acting_user=seat.expert.user, declaration="与各方无利害关系。"
        )


def score_all(panel: Panel, points: Mapping[str, Mapping[str, int]] | None = None) -> None:
    """Every seat in office scores, hands in, the chair sums up, all sign. `points` by bid public id."""
    seats = list(panel.seats.filter(state="declared").select_related("expert__user").order_by("draw_position"))
    for seat in seats:
        for bid in review.bids_under_review(panel):
            key = str(bid.public_id) if bid is not None else ""
            given = (points or {}).get(key) or {
                row["key"]: row["weight"] * 8 // 10 for row in review.criteria_of(panel)
            }
            review.sheet_save(
                seat_public_id=seat.public_id,
                acting_user=seat.expert.user,
                bid_public_id=bid.public_id if bid is not None else None,
                scores=given,
                comment="方案可行。",
            )
        review.seat_submit(seat_public_id=seat.public_id, acting_user=seat.expert.user)
    for seat in sorted(seats, key=lambda row: not row.is_chair):
        if seat.is_chair:
            review.panel_summarise(
                seat_public_id=seat.public_id, acting_user=seat.expert.user, summary="专家组意见一致。"
            )
        review.seat_sign(seat_public_id=seat.public_id, acting_user=seat.expert.user)


def make_selected_need(stage: Stage, programme: Programme, *, days_open: int = 30, **values: Any) -> Challenge:
    """Argued by a panel, agreed by its demander, selected by the meeting, with terms ready to publish."""
    challenge = make_checked_need(stage, programme, **values)
    panel = draw_panel(stage, challenge, PanelPurpose.ARGUMENTATION)
    needs.need_argue(challenge_id=challenge.pk, acting_user=stage.handler)
    declare_all(panel)
    score_all(panel)
    sheet = parameters_from(programme.parameters)
    criteria = [dict(row) for row in CRITERIA]
    criteria[0]["weight"] -= sheet.price_weight_percent
    deadline = clock.now() + timedelta(days=days_open)
    needs.terms_save(
        challenge_id=challenge.pk,
        acting_user=stage.handler,
        values={
            "grant_cap_fen": 300_000_000,
            "budget_source": "省级科技创新专项资金",
            "criteria": criteria,
            "deadline_at": deadline,
            "question_deadline_at": deadline - timedelta(days=5),
            "secrecy_reviewer_name": "李保密",
        },
    )
    needs.need_agree(challenge_id=challenge.pk, acting_user=stage.clerk)
    needs.need_select(
        challenge_id=challenge.pk, acting_user=stage.approver, selected=True, minutes_number="纪要〔2026〕12号"
    )
    challenge.refresh_from_db()
    return challenge


# --- officers and publication -------------------------------------------------------------------------------------


def give_key(stage: Stage, user: User) -> None:
    """As the officer's browser does: make a pair, register the public half, answer the question."""
    pair = keys.generate_key_pair()
    proof = openers.officer_key_register(acting_user=user, public_key=encode_bytes(pair.public_key))
    answer = keys.answer_possession(
        proof.key.suite, str(proof.key.public_id), decode_bytes(proof.sealed), pair.private_key
    )
    openers.officer_key_prove(proof_public_id=proof.public_id, acting_user=user, answer=encode_bytes(answer))
    stage.private_keys[str(proof.key.public_id)] = pair.private_key


def renew_proof(stage: Stage, user: User) -> None:
    """Answer a new question with the key the officer has."""
    key = user.officer_keys.get()
    proof = openers.officer_key_question(key_public_id=key.public_id, acting_user=user)
    answer = keys.answer_possession(
        key.suite, str(key.public_id), decode_bytes(proof.sealed), stage.private_keys[str(key.public_id)]
    )
    openers.officer_key_prove(proof_public_id=proof.public_id, acting_user=user, answer=encode_bytes(answer))


def appoint_openers(stage: Stage, annual_list: AnnualList) -> list[Opener]:
    appointed = []
    for user, capacity in zip(stage.opener_users, cycle(OpenerCapacity.values), strict=False):
        if not user.officer_keys.exists():
            give_key(stage, user)
        else:
            renew_proof(stage, user)
        appointed.append(
            openers.opener_appoint(
                list_id=annual_list.pk,
                acting_user=stage.handler,
                capacity=capacity,
                user=user,
                organisation=user.current_organisation,
            )
        )
    return appointed


def made_keys(challenge: Challenge, standing: Sequence[Opener], threshold: int) -> list[dict[str, Any]]:
    """As the handler's browser makes them; the private halves are forgotten here."""
    made = []
    for kind in EnvelopeKind.values:
        pair = keys.generate_key_pair()
        context = keys.KeyContext(
            "X25519-SHA256-AES256GCM-1", str(challenge.public_id), kind, keys.fingerprint(pair.public_key)
        )
        wrapped = keys.wrap_for_subsets(pair.private_key, openers.officers_of(standing), threshold, context)
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


def make_annual_list(stage: Stage, challenges: Sequence[Challenge]) -> AnnualList:
    """A list in preparation with its items, officers and sealing keys."""
    programme = challenges[0].programme
    annual_list = programmes.annual_list_create(programme_id=programme.pk, acting_user=stage.handler)
    programmes.annual_list_add(
        list_id=annual_list.pk, challenge_ids=[row.pk for row in challenges], acting_user=stage.handler
    )
    standing = appoint_openers(stage, annual_list)
    for challenge in challenges:
        openers.envelope_keys_store(
            challenge_id=challenge.pk, acting_user=stage.handler, made=made_keys(challenge, standing, 2)
        )
    return annual_list


def publish_list(stage: Stage, annual_list: AnnualList) -> AnnualList:
    programmes.annual_list_send_to_approval(list_id=annual_list.pk, acting_user=stage.handler)
    return programmes.annual_list_publish(
        list_id=annual_list.pk,
        acting_user=stage.approver,
        minutes_number="纪要〔2026〕15号",
        secrecy_reviewer_name="李保密",
    )


def make_published_challenge(
    stage: Stage, programme: Programme | None = None, *, days_open: int = 30, **values: Any
) -> Challenge:
    """On a published list, taking bids."""
    programme = programme or make_programme(stage)
    challenge = make_selected_need(stage, programme, days_open=days_open, **values)
    publish_list(stage, make_annual_list(stage, [challenge]))
    challenge.refresh_from_db()
    return challenge


# --- bids ---------------------------------------------------------------------------------------------------------


def make_bidder(name: str | None = None) -> User:
    """A vendor's clerk of a verified firm."""
    firm = make_organisation(name, kind=OrganisationKind.ENTERPRISE, region_code="370100")
    return make_person(Role.VENDOR_STAFF, organisation=firm)


def manifest_of(user: User, *, members: Sequence[Mapping[str, Any]] | None = None, **values: Any) -> dict[str, Any]:
    own = user.current_organisation
    lead = {"unified_code": own.unified_code, "name": own.name, "role": "lead", "share_percent": "100"}
    return {
        "members": list(members) if members is not None else [lead],
        "answers": {str(number): {"promise": "达到"} for number in range(1, len(INDICATORS) + 1)},
        "plan": "采用多模态特征融合，在闸口边缘侧部署。",
        "route": "多模态融合",
        "leader": "王工",
        "team": [{"name": "王工", "title": "高级工程师"}],
        **values,
    }


def price_of(total_fen: int = 250_000_000) -> dict[str, Any]:
    return {"total_fen": total_fen, "grant_fen": total_fen, "own_fen": 0}


def seal(context: EnvelopeContext, public_key: str, manifest: Any, files: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """The envelope a bidder's own software would make."""
    sink = io.BytesIO()
    seal_envelope(
        sink,
        decode_bytes(public_key),
        context,
        manifest,
        [Attachment(name, "application/octet-stream", len(data), io.BytesIO(data)) for name, data in files],
    )
    return sink.getvalue()


def upload_bid(
    challenge: Challenge,
    user: User,
    *,
    manifest: Mapping[str, Any] | None = None,
    price: Mapping[str, Any] | None = None,
    files: Sequence[tuple[str, bytes]] = (),
) -> list[Any]:
    """Both envelopes sealed and uploaded, not yet handed in; their ids."""
    ticket = bids.sealing_ticket(challenge_id=challenge.pk, acting_user=user)
    current = openers.current_envelope_keys(challenge)
    uploaded = []
    for kind, content, attached in (
        (EnvelopeKind.TECHNICAL, manifest or manifest_of(user), files),
        (EnvelopeKind.PRICE, price or price_of(), ()),
    ):
        data = seal(ticket.context(kind), current[kind].public_key, content, attached)
        uploaded.append(
            bids.envelope_receive(challenge_id=challenge.pk, acting_user=user, kind=kind, chunks=[data]).public_id
        )
    return uploaded


def hand_in(challenge: Challenge, user: User, **options: Any) -> BidVersion:
    """Seal, upload, finalise."""
    return bids.bid_finalise(
        challenge_id=challenge.pk,
        acting_user=user,
        envelope_ids=upload_bid(challenge, user, **options),
        idempotency_key=str(uuid4()),
    )


# --- opening and after --------------------------------------------------------------------------------------------


def after_deadline(challenge: Challenge) -> datetime:
    return challenge.deadline_at + timedelta(seconds=1)


def open_envelopes(stage: Stage, challenge: Challenge, kind: str, users: Sequence[User] | None = None) -> None:
    """A ceremony of the handler and the supervisor, each peeling with their own key."""
    users = users or [stage.handler, stage.supervisor]
    key = openings.key_for_opening(challenge, kind)
    owners = {str(user.officer_keys.get().public_id): user for user in users}
    officers = next(one["officers"] for one in key.wrapped if set(one["officers"]) == set(owners))
    opening = openings.opening_start(challenge_id=challenge.pk, acting_user=users[0], kind=kind, officers=officers)
    for position in range(opening.layers.count(), len(officers)):
        opening = openings.opening_peel(
            opening_public_id=opening.public_id,
            acting_user=owners[officers[position]],
            peeled=peel(stage, challenge, opening, position),
        )
    challenge.refresh_from_db()


def peel(stage: Stage, challenge: Challenge, opening: Any, position: int) -> str:
    """What the officer's browser answers for the present layer."""
    key = openings.key_for_opening(challenge, opening.kind)
    context = keys.KeyContext(key.suite, str(challenge.public_id), key.kind, key.fingerprint)
    opening.refresh_from_db()
    return encode_bytes(
        keys.peel(
            key.suite,
            decode_bytes(opening.current_blob),
            stage.private_keys[opening.officers[position]],
            context.layer_info(opening.officers, position),
        )
    )


def pass_formal_check(stage: Stage, challenge: Challenge) -> None:
    for bid in challenge.bids.filter(state=BidState.OPENED):
        review.bid_formal_check(
            bid_public_id=bid.public_id, acting_user=stage.handler, passed=True, comment="材料齐全，符合要求。"
        )
    review.formal_check_complete(challenge_id=challenge.pk, acting_user=stage.handler)


def review_bids(stage: Stage, challenge: Challenge, points: Mapping[str, Mapping[str, int]] | None = None) -> Panel:
    """Panel drawn, declared, scored, locked; prices opened; results computed."""
    panel = draw_panel(stage, challenge, PanelPurpose.REVIEW)
    declare_all(panel)
    review.review_start(challenge_id=challenge.pk, acting_user=stage.handler)
    score_all(panel, points)
    challenge.refresh_from_db()
    open_envelopes(stage, challenge, EnvelopeKind.PRICE)
    review.review_complete(challenge_id=challenge.pk, acting_user=stage.handler)
    challenge.refresh_from_db()
    panel.refresh_from_db()
    return panel


def winner(bid: Bid, grant_fen: int = 200_000_000, route: str = "") -> dict[str, Any]:
    return {"bid": str(bid.public_id), "grant_fen": grant_fen, "technical_route": route}


def decide(stage: Stage, challenge: Challenge, winners: Sequence[Mapping[str, Any]], reason: str = "") -> Any:
    return decision.decision_make(
        challenge_id=challenge.pk,
        acting_user=stage.approver,
        minutes_number="纪要〔2026〕31号",
        meeting_on=clock.today(),
        participants="张某、李某、王某",
        winners=winners,
        deviation_reason=reason,
    )


def contract(stage: Stage, award: Any, bidder: User, *, starts_on: date, **values: Any) -> Project:
    """Drawn up by the handler and signed by demander, solver and programme; two milestones share the budget."""
    budget = award.grant_fen + values.get("own_fen", 0)
    project = projects.contract_draw_up(
        award_public_id=award.public_id,
        acting_user=stage.handler,
        values={
            "contract_number": f"HT-{award.pk}",
            "leader": "王工",
            "task_book": "按榜单研究内容实施。",
            "pledge": "如期完成全部指标，未完成自愿接受处理。",
            "intellectual_property": "双方共有。",
            "grant_fen": award.grant_fen,
            "own_fen": 0,
            "first_payment_fen": award.grant_fen * 3 // 10,
            "starts_on": starts_on,
            "ends_on": projects.add_months(starts_on, 24),
            **values,
        },
        milestones=[
            {
                "title": "算法定型",
                "target": "完成实验室验证",
                "share_fen": budget // 2,
                "due_on": projects.add_months(starts_on, 12),
            },
            {
                "title": "现场部署",
                "target": "两个闸口上线",
                "share_fen": budget - budget // 2,
                "due_on": projects.add_months(starts_on, 23),
            },
        ],
    )
    for user in (stage.clerk, bidder, stage.approver):
        projects.contract_sign(
            project_public_id=project.public_id, acting_user=user, digest=projects.contract_digest(project)
        )
    project.refresh_from_db()
    return project


def make_open_challenge(stage: Stage, *, days_open: int = 30, model: str = "M1", **values: Any) -> Challenge:
    """On a published list, taking bids; its need was written and selected directly, the rest by the services.

    For tests about bids and openings, which do not need the argumentation's twelve experts.
    """
    parameters = values.pop("parameters", None)
    programme = values.pop("programme", None) or make_programme(stage, model, parameters=parameters)
    challenge = make_selected_challenge(stage, programme, days_open=days_open, **values)
    publish_list(stage, make_annual_list(stage, [challenge]))
    challenge.refresh_from_db()
    return challenge


def make_open_challenges(stage: Stage, count: int, *, days_open: int = 30) -> list[Challenge]:
    """`count` items of one list, each like `make_open_challenge`."""
    programme = make_programme(stage)
    made = [make_selected_challenge(stage, programme, days_open=days_open) for _number in range(count)]
    publish_list(stage, make_annual_list(stage, made))
    for challenge in made:
        challenge.refresh_from_db()
    return made


def make_selected_challenge(stage: Stage, programme: Programme, *, days_open: int = 30, **values: Any) -> Challenge:
    """Selected and complete, on no list yet; written directly, so one demander may have several."""
    sheet = parameters_from(programme.parameters)
    criteria = [dict(row) for row in CRITERIA]
    criteria[0]["weight"] -= sheet.price_weight_percent
    deadline = clock.now() + timedelta(days=days_open)
    challenge = Challenge.objects.create(
        programme=programme,
        demander=stage.demander,
        created_by=stage.clerk,
        submitted_by=stage.clerk,
        state="selected",
        category=category(),
        region=stage.demander.region,
        criteria=criteria,
        deadline_at=deadline,
        question_deadline_at=deadline - timedelta(hours=1),
        secrecy_reviewer_name="李保密",
        demander_agreed_at=clock.now(),
        **{**NEED, "grant_cap_fen": 300_000_000, "budget_source": "省级科技创新专项资金", **values},
    )
    needs.put_indicators(challenge, INDICATORS)
    return challenge
