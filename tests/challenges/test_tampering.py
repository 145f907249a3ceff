"""Whoever changes a deciding row in the database is found by a command (issue: 35 of 46 changes were not).

Three nets: every column of every deciding table, changed one at a time; forty-six named changes, each against the two
commands as an auditor runs them; and before an opening, where only yes or no may be told.
"""

import io
import json
from collections.abc import Callable
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction

from accounts.enums import Role
from accounts.models import AccessToken, Membership, MembershipInvitation, RoleGrant, RoleProposal
from challenges import drawing
from challenges.enums import EnvelopeKind
from challenges.models import (
    Acceptance,
    Affiliation,
    Award,
    Bid,
    BidResult,
    BidVersion,
    ChainEntry,
    Challenge,
    ChallengeVersion,
    ChangeRequest,
    CreditEntry,
    Decision,
    EnvelopeKey,
    Indicator,
    KeptAside,
    MembershipLook,
    Milestone,
    Objection,
    OfficerKey,
    Opener,
    Opening,
    Panel,
    Programme,
    Project,
    ProjectSignature,
    Publicity,
    ScoreSheet,
    SealedEnvelope,
    Seat,
    StageAssessment,
    StageResult,
    SupplementaryDraw,
    SuspicionHint,
    TransferReport,
)
from challenges.services import bids, clarification, decision
from core import audit
from core.clock import frozen, now
from core.models import Attachment, AuditAnchor, AuditEntry, AuditHead
from core.row_digests import compare_all, deciding_columns, deciding_models
from matching.models import Engagement, ScoringProfile
from scenarios.models import Erratum, ErratumDraft, ListItem, ScenarioVersion
from scenarios.services import demands
from tests.factories import challenges as make
from tests.factories.scenarios import make_published_list
from tests.factories.vendors import make_listed_capability
from vendors.models import CapabilityMember, CaseConfirmation, Credential, DeliveredCase

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def around(model: type[models.Model]) -> models.QuerySet:
    """Rows as somebody with the database reaches them."""
    return models.QuerySet(model)


@contextmanager
def undone():
    """Whatever happens inside is as if it had not; PostgreSQL's own guards are off, as for the tables' owner."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                cursor.execute("ALTER TABLE core_auditentry DISABLE TRIGGER audit_entry_append_only")
                cursor.execute("ALTER TABLE core_rowdigest DISABLE TRIGGER row_digest_append_only")
                cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        yield
        transaction.set_rollback(True)
    transaction.set_rollback(False)


def exit_code(command: str, *arguments: str) -> int:
    try:
        call_command(command, *arguments, stdout=io.StringIO(), stderr=io.StringIO())
    except SystemExit as stopped:
        return stopped.code
    return 0


@pytest.fixture
def finished(clock, settings, tmp_path):
    """A challenge from its call to its accepted project, a list, a capability: every deciding table has rows."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.INTEGRITY_HEADS_FILE = str(tmp_path / "heads.jsonl")
    stage = make.make_stage()
    challenge = make.make_published_challenge(stage)
    first, second = make.make_bidder("甲公司"), make.make_bidder("乙研究院")
    question = clarification.question_ask(challenge_id=challenge.pk, acting_user=first, text="数据由谁提供？")
    clarification.question_answer(question_public_id=question.public_id, acting_user=stage.handler, answer="需求单位。")
    make.hand_in(challenge, first, files=[("方案.pdf", PDF)])
    make.hand_in(challenge, second, price=make.price_of(240_000_000))
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        make.review_bids(stage, challenge)
        best = decision.ranked_results(challenge)[0].bid
        make.decide(stage, challenge, [make.winner(best)])
        publicity = decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
        objection = decision.objection_file(
            publicity_public_id=publicity.public_id,
            acting_user=second,
            filer_name="乙研究院",
            filer_phone="0531-82990000",
            subject="业绩",
            facts="所列业绩与公开信息不一致。",
            sworn=True,
        )
        decision.objection_conclude(
            objection_public_id=objection.public_id,
            acting_user=stage.supervisor,
            conclusion="inadmissible",
            findings="已核实，业绩属实。",
            reply="经核实，异议不成立。",
        )
    with frozen(make.after_deadline(challenge) + timedelta(days=15)):
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        winner = first if best.organisation.name == "甲公司" else second
        project = make.contract(stage, Award.objects.get(), winner, starts_on=date(2026, 12, 31))
        _more_rows(stage, challenge, project)
    challenge.refresh_from_db()
    _rows_of_other_apps(stage)
    audit.seal_pending(limit=100_000)
    audit.seal_pending_rows(limit=100_000)
    audit.heads_keep()
    assert [exit_code("verify_challenge", challenge.code), exit_code("verify_audit")] == [0, 0]
    return challenge


def _more_rows(stage: make.Stage, challenge: Challenge, project: Project) -> None:
    person, moment = stage.handler, now()
    Acceptance.objects.create(project=project, user_opinion="满意")
    ChangeRequest.objects.create(project=project, kind="term", content="延期", reason="设备到货晚", asked_by=person)
    TransferReport.objects.create(project=project, year=2027, text="已推广", revenue_fen=5)
    assessment = StageAssessment.objects.create(
        challenge=challenge, number=1, assessed_on=moment.date(), assessor="第三方", indicators=["识别率"]
    )
    StageResult.objects.create(assessment=assessment, project=project, outcome="go_on", values={"识别率": "97"})
    kept = {"kind": "technical", "name": "方案.xlsm", "reason": "宏", "by_bidder": True}
    KeptAside.objects.create(bid=challenge.bids.first(), **kept)
    look = {"membership": Membership.objects.first(), "counts": False, "reason": "无利害关系"}
    MembershipLook.objects.create(challenge=challenge, looked_by=stage.supervisor, **look)
    MembershipInvitation.objects.create(
        organisation=stage.demander, addressed_to="wangwu", person=person, invited_by=stage.clerk, lapses_at=moment
    )
    panel = {"panel": Panel.objects.first(), "number": 1, "method": drawing.METHOD}
    SupplementaryDraw.objects.create(seed="5" * 64, seed_commitment=drawing.commitment("5" * 64), **panel)
    RoleProposal.objects.create(membership=stage.clerk.memberships.get(), role=Role.LIST_APPROVER, proposed_by=person)
    SuspicionHint.objects.create(challenge=challenge, kind="device", facts={"device": "同一台"})
    CreditEntry.objects.create(
        organisation=project.solver,
        document_number="鲁信1号",
        issuer="某局",
        basis="条例",
        summary="逾期",
        started_on=date(2020, 1, 1),
        ends_on=date(2021, 1, 1),
    )
    Affiliation.objects.create(parent_code="91370100MA00000001", child_code="91370100MA00000002", kind="control")


def _rows_of_other_apps(stage: make.Stage) -> None:
    published = make_published_list()
    item = published.items.get()
    Erratum.objects.create(quarterly_list=published, item=item, number=1, corrected_text="更正", reason="笔误")
    ErratumDraft.objects.create(quarterly_list=published, item=item, corrected_text="更正", reason="笔误")
    demands.FairCompetitionReview.objects.create(
        scenario=item.scenario, reviewer_name="某处", conclusion="不影响竞争", ends_on=date(2027, 1, 1)
    )
    capability = make_listed_capability()
    CapabilityMember.objects.create(capability=capability, name="成员单位")
    Credential.objects.create(vendor=capability.vendor, kind="certificate", name="资质")
    case = DeliveredCase.objects.create(capability=capability, title="案例", customer="某市")
    CaseConfirmation.objects.create(case=case, address="a@b.example", case_digest="0" * 64, lapses_at=now())
    Engagement.objects.create(scenario=item.scenario, vendor=capability.vendor, capability=capability, message="可做")
    ScoringProfile.objects.get_or_create(version=900, defaults={"name": "试", "values": {"k1": 1.5}, "reason": "试"})
    AccessToken.objects.create(
        user=stage.handler, name="接口", prefix="smt_1", digest="0" * 64, scope="read", expires_at=now()
    )
    audit.record(None, "tests.thing.happened")
    audit.seal_pending(limit=100_000)
    audit.seal_pending_rows(limit=100_000)
    audit.anchor_today()


# --- every column of every deciding table -------------------------------------------------------------------------


def others(field: models.Field, value: Any) -> list[Any]:
    """Values the column can hold, other than this one; a constraint may refuse some."""
    if field.choices:
        return [choice for choice, _label in field.flatchoices if choice != value]
    if isinstance(field, models.ForeignKey):
        return [(value or 0) + 1_000_000]
    if isinstance(field, models.IntegerField):
        return [(value or 0) + 77, (value or 0) + 1, max(0, (value or 0) - 1)]
    if isinstance(field, models.BooleanField):
        return [not value]
    if isinstance(field, models.JSONField):
        return [{"changed": True}]
    if isinstance(field, models.UUIDField):
        return [uuid4()]
    if isinstance(field, models.DecimalField):
        return [(value or Decimal(0)) + 1]
    if isinstance(field, models.DateTimeField):
        return [(value or datetime(2026, 1, 1, tzinfo=now().tzinfo)) + timedelta(seconds=1)]
    if isinstance(field, models.DateField):
        return [(value or date(2026, 1, 1)) + timedelta(days=1)]
    text = str(value or "")
    return [("改" if text[:1] != "改" else "动") + text[1:]]


def changed(row: models.Model, field: models.Field) -> bool:
    """Change one column around the platform; False if the database itself refuses every other value."""
    for value in others(field, getattr(row, field.attname)):
        try:
            with transaction.atomic():
                return bool(around(type(row)).filter(pk=row.pk).update(**{field.attname: value}))
        except IntegrityError:
            continue
    return False


def test_every_column_of_every_deciding_table_is_vouched_for(finished):
    unnoticed, empty, refused, tried = [], [], [], 0
    for model in deciding_models():
        row = around(model).order_by("pk").first()
        if row is None:
            empty.append(model.__name__)
            continue
        for field in model._meta.concrete_fields:
            if field.primary_key or field.name in model.not_deciding:
                continue
            tried += 1
            assert field.attname in deciding_columns(model)
            with undone():
                if not changed(row, field):
                    refused.append(f"{model.__name__}.{field.name}")
                elif row.pk not in {finding.row for finding in compare_all(model)}:
                    unnoticed.append(f"{model.__name__}.{field.name}")
    assert (unnoticed, empty) == ([], [])
    # Every other kind and side is taken, and who is asked by mail is no registered customer: the database refuses.
    assert sorted(refused) == ["CaseConfirmation.customer", "EnvelopeKey.kind", "ProjectSignature.side"]
    assert tried > 550


# --- forty-six named changes, as an auditor meets them ------------------------------------------------------------


def last(model: type[models.Model]) -> Any:
    return around(model).order_by("-pk").first()


def change(model: type[models.Model], **values: Any) -> Callable[[Challenge], None]:
    def tamper(_challenge: Challenge) -> None:
        assert around(model).filter(pk=last(model).pk).update(**values) == 1

    return tamper


def remove(model: type[models.Model], **conditions: Any) -> Callable[[Challenge], None]:
    def tamper(_challenge: Challenge) -> None:
        row = around(model).filter(**conditions).order_by("-pk").first()
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE id = %s", [row.pk])

    return tamper


def exchange(model: type[models.Model], column: str) -> Callable[[Challenge], None]:
    def tamper(_challenge: Challenge) -> None:
        one, other = around(model).order_by("pk")[:2]
        mine, theirs = getattr(one, column), getattr(other, column)
        assert mine != theirs
        around(model).filter(pk=one.pk).update(**{column: theirs})
        around(model).filter(pk=other.pk).update(**{column: mine})

    return tamper


def add_role(_challenge: Challenge) -> None:
    around(RoleGrant).bulk_create([RoleGrant(membership=Membership.objects.first(), role=Role.OPERATOR)])


def cut_the_trail(_challenge: Challenge) -> None:
    """The last entries go, and the head is set back so that the rest agrees with it."""
    entries = around(AuditEntry).exclude(sequence=None).order_by("-sequence")
    kept = entries[3]
    entries.filter(sequence__gt=kept.sequence)._raw_delete("default")
    around(AuditHead).filter(pk=1).update(sequence=kept.sequence, hash=kept.hash)
    around(AuditAnchor)._raw_delete("default")


def cut_the_chain(challenge: Challenge) -> None:
    top = challenge.chain.order_by("-sequence").first()
    around(ChainEntry).filter(pk=top.pk)._raw_delete("default")


def change_a_file(model: type[models.Model]) -> Callable[[Challenge], None]:
    def tamper(_challenge: Challenge) -> None:
        path = Path(last(model).file.path)
        path.write_bytes(path.read_bytes()[:-1] + b"?")

    return tamper


def remove_a_file(_challenge: Challenge) -> None:
    Path(last(Attachment).file.path).unlink()


NAMED: dict[str, Callable[[Challenge], None]] = {
    "award goes to another": change(Award, bid_id=1),
    "award's money": change(Award, grant_fen=1),
    "award's state": change(Award, state="lapsed"),
    "award removed": remove(Award),
    "decision's minutes": change(Decision, minutes_number="纪要〔2026〕99号"),
    "decision's meeting day": change(Decision, meeting_on=date(2026, 1, 1)),
    "scores after signing": change(ScoreSheet, scores={"technology": 60, "team": 40}),
    "opinion after signing": change(ScoreSheet, comment="改过的意见"),
    "score sheet void": change(ScoreSheet, void=True),
    "score sheet removed": remove(ScoreSheet),
    "seat's signature": change(Seat, signature="0" * 64),
    "seat's dissent": change(Seat, dissent="没有不同意见"),
    "result's total": change(BidResult, total=Decimal(99)),
    "result's rank": change(BidResult, rank=9),
    "panel's seed": change(Panel, seed="f" * 64),
    "panel's draw": change(Panel, draw_record={}),
    "parameter sheet of the programme": change(Programme, parameters={"price_weight_percent": 100}),
    "criteria": change(Challenge, criteria=[]),
    "grant cap": change(Challenge, grant_cap_fen=1),
    "deadline": change(Challenge, deadline_at=datetime(2027, 6, 1, tzinfo=now().tzinfo)),
    "time of freeze": change(Challenge, frozen_at=datetime(2026, 1, 1, tzinfo=now().tzinfo)),
    "published text": change(ChallengeVersion, content={"title": "改过"}),
    "indicator": change(Indicator, target="0.1"),
    "two bids' contents exchanged": exchange(Bid, "technical_cipher"),
    "two bids' prices exchanged": exchange(Bid, "price_cipher"),
    "bid's state": change(Bid, state="unreadable"),
    "bid given to another": change(Bid, organisation_id=1),
    "receipt": change(BidVersion, receipt={}),
    "receipt's time": change(BidVersion, received_at=datetime(2026, 1, 1, tzinfo=now().tzinfo)),
    "receipt row removed": remove(BidVersion),
    "envelope's digest": change(SealedEnvelope, sha256="0" * 64),
    "envelope key": change(EnvelopeKey, public_key="A" * 44),
    "officer's key": change(OfficerKey, public_key="A" * 44),
    "appointment": change(Opener, capacity="supervision", organisation_id=1),
    "opening's record": change(Opening, record={}),
    "chain cut": cut_the_chain,
    "link's body": change(ChainEntry, body={"winners": []}),
    "publicity's content": change(Publicity, content={}),
    "objection's reply": change(Objection, reply="成立"),
    "contract's money": change(Project, grant_fen=1),
    "contract's signature": change(ProjectSignature, digest="0" * 64),
    "milestone": change(Milestone, share_fen=1),
    "list item": change(ListItem, content={"title": "改过"}),
    "published demand": change(ScenarioVersion, content={"title": "改过"}),
    "role given": add_role,
    "audit tail cut": cut_the_trail,
}


def test_every_named_change_is_noticed_by_a_command(finished):
    unnoticed = []
    for name, tamper in NAMED.items():
        with undone():
            tamper(finished)
            codes = {exit_code("verify_challenge", finished.code), exit_code("verify_audit", "--no-files")}
            if 1 not in codes:
                unnoticed.append(name)
    assert unnoticed == []
    assert len(NAMED) == 46


@pytest.mark.parametrize(
    "tamper",
    [change_a_file(Attachment), change_a_file(SealedEnvelope), remove_a_file],
    ids=["attachment", "ciphertext", "missing"],
)
def test_files_are_compared_with_what_was_handed_in(finished, tamper):
    tamper(finished)
    assert exit_code("verify_challenge", finished.code) == 1
    assert exit_code("verify_audit") == 1


# --- before the opening -------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(clock, settings, tmp_path):
    """Two bids lie sealed; the deadline is still ahead."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    challenge = make.make_published_challenge(make.make_stage())
    for name in ("甲公司", "乙研究院"):
        make.hand_in(challenge, make.make_bidder(name))
    return challenge


def told_before_opening(challenge: Challenge) -> tuple[int, dict[str, Any]]:
    output = io.StringIO()
    try:
        call_command("verify_challenge", challenge.code, json=True, stdout=output, stderr=io.StringIO())
        code = 0
    except SystemExit as stopped:
        code = stopped.code
    return code, json.loads(output.getvalue())


SEALED = {
    "envelope key replaced": (change(EnvelopeKey, public_key="A" * 44, fingerprint="0" * 64), "keys"),
    "blob replaced": (change(EnvelopeKey, wrapped=[]), "keys"),
    "bid removed": (remove(BidVersion), "receipt_row"),
    "deadline moved": (change(Challenge, deadline_at=datetime(2027, 6, 1, tzinfo=now().tzinfo)), "deadline"),
    "chain cut": (cut_the_chain, "row"),
    "link changed": (change(ChainEntry, body={}), "link"),
    "text changed": (change(ChallengeVersion, content={}), "text"),
    "ciphertext changed": (change_a_file(SealedEnvelope), "file"),
    "envelope row changed": (change(SealedEnvelope, sha256="0" * 64), "row"),
}


@pytest.mark.parametrize("name", SEALED)
def test_before_the_opening_a_change_is_told_and_nothing_else(waiting, name):
    tamper, check = SEALED[name]
    before = told_before_opening(waiting)
    assert (before[0], before[1]["ok"]) == (0, True)
    with undone():
        tamper(waiting)
        code, report = told_before_opening(waiting)
    assert code == 1
    assert check in {row["check"] for row in report["rows"] if not row["ok"]}


def test_before_the_opening_the_report_is_the_same_however_many_bids_there_are(waiting):
    _code, two = told_before_opening(waiting)
    make.hand_in(waiting, make.make_bidder("丙大学"))
    _code, three = told_before_opening(waiting)
    assert two == three
    names = {str(bid.public_id) for bid in Bid.objects.all()} | {"甲公司", "乙研究院"}
    assert not [name for name in names if name in json.dumps(two, ensure_ascii=False)]


def test_before_the_opening_even_a_found_change_tells_no_number(waiting):
    with undone():
        around(Bid).update(state="withdrawn")
        _code, report = told_before_opening(waiting)
    assert [row for row in report["rows"] if not row["ok"]] == [
        {
            "check": "row",
            "subject": waiting.code,
            "ok": False,
            "detail": "关键数据与平台留存的校验值不符，可能绕过平台被改动、加入或删除。",
        }
    ]
    with undone():
        around(Bid).update(state="withdrawn")
        output = io.StringIO()
        with pytest.raises(SystemExit):
            call_command("verify_audit", "--json", "--no-files", stdout=output)
    faults = json.loads(output.getvalue())["faults"]
    assert [fault["check"] for fault in faults if "揭榜申请" in fault["subject"]] == ["row"]
