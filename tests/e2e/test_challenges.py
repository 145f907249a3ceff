"""揭榜挂帅 in browsers: officers' and envelope keys, sealing, openings by two officers, the verifier; M1 race, M2.

Everything secret happens in Chromium. Steps whose pages add nothing by script run through the services.
"""

import json
import os
import subprocess
import sys
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from accounts.enums import OrganisationKind, Role
from accounts.models import Organisation
from challenges import records
from challenges.enums import BidState, ChallengeState, EnvelopeKind, OpenerCapacity, OpeningState
from challenges.models import Award, Bid, BidDraft, BidVersion, Challenge
from challenges.sealing.keys import KeyPair, public_key_of
from challenges.sealing.officer_files import lock_key
from challenges.sealing.verification import Anchors, verify_record
from challenges.services import bids, clarification, decision, openers, programmes, projects
from challenges.validators import AGREEMENT_CLAUSES
from core import clock
from core.clock import frozen
from tests.challenges.sealing.page_server import MODULES
from tests.e2e.conftest import WIDTHS
from tests.factories import challenges as make
from tests.factories.accounts import PASSWORD, make_organisation, make_person

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

PASSPHRASE = "蓝鲸 踏着月光 从一数到九"
DRAFT_PASSPHRASE = "一起写标书的暗号要足够长才行"
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}
#: Folder to keep pictures of every page in; only looked at by people.
PICTURES = os.environ.get("PICTURES", "")


class SharedMoment:
    """`frozen()` for every thread of this process: the live server answers in threads of its own."""

    def __init__(self) -> None:
        self.moment: datetime | None = None

    def get(self) -> datetime | None:
        return self.moment

    def set(self, moment: datetime | None) -> datetime | None:
        before, self.moment = self.moment, moment
        return before

    def reset(self, before: datetime | None) -> None:
        self.moment = before


@pytest.fixture(autouse=True)
def modules_are_built() -> None:
    if not (MODULES / "sealing-page.js").is_file():
        if os.environ.get("CI"):
            pytest.fail("缺少浏览器模块：先运行 make install")
        pytest.skip("缺少浏览器模块：运行 make install 后再试")


@pytest.fixture
def open_page(open_page: Any) -> Any:
    """Patient: stretching a passphrase takes seconds on a busy machine. No transitions: axe reads their colours."""

    def opened(*options: Any, **more: Any) -> Page:
        page = open_page(*options, reduced_motion="reduce", **more)
        page.set_default_timeout(60_000)
        return page

    expect.set_options(timeout=45_000)
    yield opened
    expect.set_options(timeout=5_000)


@pytest.fixture(autouse=True)
def server_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline is passed by moving the clock of test and server together, not by waiting."""
    monkeypatch.setattr(clock, "_frozen_moment", SharedMoment())


def picture(page: Page, name: str) -> None:
    """A picture at this width; at 1280 also what a phone would show."""
    if not PICTURES:
        return
    size = page.viewport_size or {"width": WIDTHS["desktop"], "height": 900}
    for width in WIDTHS.values():
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)
    page.set_viewport_size(size)


def is_accessible(page: Page, name: str) -> None:
    """axe finds nothing in the page as it stands now; nothing overflows at either width, in small or large type."""
    picture(page, name)
    size = page.viewport_size or {}
    for width in WIDTHS.values():
        page.set_viewport_size({"width": width, "height": 900})
        for large in (True, False):
            overflow = page.evaluate(
                """(large) => {
                  const frame = document.documentElement;
                  if (large) frame.setAttribute("data-text", "large");
                  else frame.removeAttribute("data-text");
                  return frame.scrollWidth - frame.clientWidth;
                }""",
                large,
            )
            assert overflow <= 0, f"{name} overflows by {overflow} px at {width}, large type: {large}"
    result = Axe().run(page, options=RULES)
    assert [f"{name} {one['id']} {one['nodes'][0]['html'][:200]}" for one in result.response["violations"]] == []
    page.set_viewport_size(size)


# --- officers ---------------------------------------------------------------------------------------------------------


def make_officer_key(page: Page, folder: Path, name: str, *, looked_at: bool = False) -> Path:
    """Through the page: passphrase, download, the saved file chosen again, proof."""
    page.goto("/desk/challenges/keys/")
    page.click("button:text('生成我的开启密钥')")
    if looked_at:
        is_accessible(page, "officer-key-new")
    passwords = page.locator("#officer-keys input[type=password]")
    passwords.nth(0).fill(PASSPHRASE)
    passwords.nth(1).fill(PASSPHRASE)
    with page.expect_download() as download:
        page.click("button:text('生成密钥并下载文件')")
    path = folder / f"{name}.json"
    download.value.save_as(path)
    if looked_at:
        is_accessible(page, "officer-key-save")
    page.click("button:text('文件已存好，下一步')")
    page.set_input_files("#officer-keys input[type=file]", path)
    page.fill("#officer-keys input[type=password]", PASSPHRASE)
    if looked_at:
        is_accessible(page, "officer-key-prove")
    page.click("button:text('验证并登记')")
    expect(page.locator(".confirmation h2")).to_have_text("密钥已登记并通过验证。")
    return path


def appoint_with_browser_keys(open_page: Any, stage: make.Stage, annual_list: Any, folder: Path) -> dict[int, Path]:
    """Three officers make their keys in three browsers and are appointed; user id → key file."""
    files = {}
    for index, (user, capacity) in enumerate(zip(stage.opener_users, OpenerCapacity.values, strict=True)):
        page = open_page(user, bypass_csp=index == 0)
        files[user.pk] = make_officer_key(page, folder, f"officer{index}", looked_at=index == 0)
        page.context.close()
        openers.opener_appoint(
            list_id=annual_list.pk,
            acting_user=stage.handler,
            capacity=capacity,
            user=user,
            organisation=user.current_organisation,
        )
    return files


def step_up(page: Page, address: str) -> None:
    """The page asks for the password once more before it shows the ceremony."""
    page.goto(address)
    page.wait_for_url("**/account/reauthenticate/**")
    page.fill("input[name=password]", PASSWORD)
    page.click("main form button")
    page.wait_for_url(f"**{address}")


def take_off_layer(page: Page, key_file: Path) -> None:
    """When it is this officer's turn: file, passphrase, peel."""
    expect(page.locator("text=现在轮到您")).to_be_visible()
    page.set_input_files("#opening input[type=file]", key_file)
    page.fill("#opening input[type=password]", PASSPHRASE)
    page.click("button:text('解开我的一层')")


def open_in_two_browsers(
    open_page: Any,
    stage: make.Stage,
    challenge: Challenge,
    kind: str,
    files: dict[int, Path],
    *,
    looked_at: bool = False,
) -> None:
    """The handler and the supervisor, each in a browser of their own, by `stage.opener_users[:2]`."""
    first_user, second_user = stage.opener_users[:2]
    address = f"/desk/challenges/items/{challenge.code}/open/{kind}/"
    first, second = open_page(first_user, bypass_csp=looked_at), open_page(second_user)
    step_up(first, address)
    step_up(second, address)
    if looked_at:
        is_accessible(first, "opening-choose")
    first.click("button:text('开始开启')")
    expect(first.locator("text=现在轮到您")).to_be_visible()
    expect(second.locator("text=正在等待")).to_have_count(2)
    if looked_at:
        picture(second, "opening-waiting")
        first.set_input_files("#opening input[type=file]", files[second_user.pk])
        first.fill("#opening input[type=password]", PASSPHRASE)
        first.click("button:text('解开我的一层')")
        expect(first.locator("[role=alert]")).to_contain_text("不是本榜单登记的密钥")
        first.set_input_files("#opening input[type=file]", files[first_user.pk])
        first.fill("#opening input[type=password]", "不是这一句口令也不对")
        first.click("button:text('解开我的一层')")
        expect(first.locator("[role=alert]")).to_contain_text("口令不正确")
        is_accessible(first, "opening-turn")
    for page, user in ((first, first_user), (second, second_user)):
        take_off_layer(page, files[user.pk])
    for page in (second, first):
        expect(page.locator(".confirmation h2")).to_have_text("已经开启", timeout=30_000)
    if looked_at:
        is_accessible(first, "opening-done")
    first.context.close()
    second.context.close()
    challenge.refresh_from_db()


# --- the bidder -------------------------------------------------------------------------------------------------------


def begin_bid(page: Page, challenge: Challenge) -> None:
    page.goto(f"/desk/challenges/items/{challenge.code}/seal/")
    passwords = page.locator("#sealing input[type=password]")
    passwords.nth(0).fill(DRAFT_PASSPHRASE)
    passwords.nth(1).fill(DRAFT_PASSPHRASE)
    page.click("button:text('设定口令，开始填写')")
    expect(page.locator("#sealing .task-list li")).to_have_count(6)


def enter(page: Page, label: str, text: str, index: int = 0) -> None:
    page.get_by_label(label, exact=False).nth(index).fill(text)


def write_bid(
    page: Page,
    *,
    route: str,
    grant: str,
    attachment: Path | None = None,
    partner: Organisation | None = None,
    visit: Any = None,
) -> None:
    """Every section in order, for an organisation that bids alone, or leads a consortium of two."""
    looked_at = visit or (lambda name: None)
    page.click(".task-list >> text=揭榜单位与联合体")
    if partner is not None:
        add_partner(page, partner)
    looked_at("sealing-members")
    page.click("text=保存，下一节")
    for index in range(len(make.INDICATORS)):
        enter(page, "承诺达到", "达到榜单要求", index)
    looked_at("sealing-answers")
    page.click("text=保存，下一节")
    enter(page, "技术方案", "采用多模态特征融合，在闸口边缘侧部署。")
    enter(page, "技术路线", route)
    looked_at("sealing-solution")
    page.click("text=保存，下一节")
    enter(page, "项目负责人", "王工")
    page.click("text=增加成员")
    enter(page, "姓名", "李工")
    enter(page, "职称或职务", "高级工程师")
    looked_at("sealing-team")
    page.click("text=保存，下一节")
    if attachment is not None:
        page.set_input_files("#sealing input[type=file]", attachment)
        expect(page.locator("#sealing .task-list")).to_contain_text(attachment.name)
    looked_at("sealing-files")
    page.click("text=保存，下一节")
    enter(page, "申请财政资助", grant)
    enter(page, "自筹（万元）", "0")
    looked_at("sealing-price")
    page.click("text=保存，去核对")


def add_partner(page: Page, partner: Organisation) -> None:
    """Shares and the six clauses; the page says what does not sum up before it says nothing."""
    page.click("text=增加联合体成员")
    enter(page, "单位名称", partner.name, 1)
    enter(page, "统一社会信用代码", partner.unified_code, 1)
    enter(page, "任务或经费份额", "60", 0)
    enter(page, "任务或经费份额", "30", 1)
    expect(page.locator("#sealing")).to_contain_text("份额合计 90%，应为 100%")
    enter(page, "任务或经费份额", "40", 1)
    expect(page.locator("#sealing")).to_contain_text("份额合计 100%")
    for label in AGREEMENT_CLAUSES.values():
        enter(page, str(label), "按联合协议执行。")


def hand_in(page: Page, folder: Path) -> dict[str, Any]:
    """From the check page to the receipt that is downloaded."""
    page.check("#sure")
    with page.expect_download(timeout=60_000) as download:
        page.click("button:text('封标并提交')")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    expect(page.locator(".confirmation h2")).to_have_text("标书已密封提交")
    return json.loads(path.read_text())


# --- lives ------------------------------------------------------------------------------------------------------------


def test_m1_with_a_race_in_browsers(open_page, tmp_path):
    with frozen(datetime(2026, 11, 24, 10, 0, tzinfo=clock.BEIJING)):
        stage = make.make_stage()
        challenge = make.make_selected_need(stage, make.make_programme(stage))
        annual_list = programmes.annual_list_create(programme_id=challenge.programme_id, acting_user=stage.handler)
        programmes.annual_list_add(list_id=annual_list.pk, challenge_ids=[challenge.pk], acting_user=stage.handler)
        files = appoint_with_browser_keys(open_page, stage, annual_list, tmp_path)
        handler = open_page(stage.handler, bypass_csp=True)
        handler.goto("/desk/challenges/keys/")
        is_accessible(handler, "officer-keys")
        handler.goto(f"/desk/challenges/lists/{annual_list.code}/keys/")
        is_accessible(handler, "envelope-keys")
        handler.click("button:text('生成本榜单全部封标密钥')")
        expect(handler.locator(".notice-success")).to_contain_text("全部封标密钥已生成")
        is_accessible(handler, "envelope-keys-made")
        assert {row.kind for row in challenge.envelope_keys.filter(retired_at=None)} == set(EnvelopeKind.values)
        make.publish_list(stage, annual_list)
        challenge.refresh_from_db()
        assert challenge.state == ChallengeState.PUBLISHED

        # Before the deadline nothing opens, whoever asks; the attempt is kept.
        step_up(handler, f"/desk/challenges/items/{challenge.code}/open/technical/")
        handler.click("button:text('开始开启')")
        expect(handler.locator("#opening [role=alert]")).to_contain_text("截止冻结之前不能开启任何标书")
        is_accessible(handler, "opening-too-early")
        assert list(challenge.chain.values_list("kind", flat=True)) == ["published", "opening_refused"]
        handler.context.close()

        # Two bidders, each in a browser of their own.
        plan = tmp_path / "实施方案.pdf"
        plan.write_bytes(b"%PDF-1.4\n" + b"0" * 200_000)
        receipts = []
        for index, (name, route) in enumerate((("甲公司", "多模态融合"), ("乙研究院", "事件相机"))):
            page = open_page(make.make_bidder(name), bypass_csp=index == 0)
            begin_bid(page, challenge)
            look = partial(is_accessible, page) if index == 0 else None
            if look:
                look("sealing-list")
            write_bid(page, route=route, grant="250", attachment=plan if index == 0 else None, visit=look)
            if look:
                look("sealing-check")
            receipts.append(hand_in(page, tmp_path))
            if look:
                look("sealing-receipt")
                page.goto(f"/desk/challenges/items/{challenge.code}/seal/")
                look("sealing-standing")
            page.context.close()
        assert BidVersion.objects.count() == 2
        assert [receipt["body"]["version"] for receipt in receipts] == [1, 1]

    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        open_in_two_browsers(open_page, stage, challenge, EnvelopeKind.TECHNICAL, files, looked_at=True)
        assert challenge.state == ChallengeState.OPENED
        own = {bid.organisation.name: bid for bid in challenge.bids.select_related("organisation")}
        content = own["甲公司"].technical_content
        assert content["route"] == "多模态融合"
        assert content["answers"] == {
            str(number): {"promise": "达到榜单要求", "evidence": ""} for number in range(1, len(make.INDICATORS) + 1)
        }
        assert content["team"] == [{"name": "李工", "title": "高级工程师"}]
        assert own["甲公司"].price_content is None
        make.pass_formal_check(stage, challenge)
        panel = make.draw_panel(stage, challenge, "review")
        make.declare_all(panel)
        make.review.review_start(challenge_id=challenge.pk, acting_user=stage.handler)
        make.score_all(panel)
        open_in_two_browsers(open_page, stage, challenge, EnvelopeKind.PRICE, files)
        own["甲公司"].refresh_from_db()
        assert own["甲公司"].price_content == {
            "total_fen": 250_000_000,
            "grant_fen": 250_000_000,
            "own_fen": 0,
            "items": [],
            "problems": [],
        }
        make.review.review_complete(challenge_id=challenge.pk, acting_user=stage.handler)
        challenge.refresh_from_db()
        winners = [
            make.winner(own["甲公司"], route="多模态融合"),
            make.winner(own["乙研究院"], route="事件相机"),
        ]
        make.decide(stage, challenge, winners)
        decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
    with frozen(make.after_deadline(challenge) + timedelta(days=8)):
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        assert set(Bid.objects.values_list("state", flat=True)) == {BidState.AWARDED}
        for award in Award.objects.select_related("bid__submitted_by"):
            project = make.contract(stage, award, award.bid.submitted_by, starts_on=date(2026, 12, 31))
            assert project.is_race
        record_is_verified_in_a_browser(open_page, challenge, receipts, tmp_path)
    finish_projects(stage, challenge)
    challenge.refresh_from_db()
    assert challenge.state == ChallengeState.FINISHED
    record = records.challenge_record(challenge) | {"receipts": receipts}
    assert verify_record(record, Anchors(root=challenge.freeze["body"]["root"])).failures == []


def record_is_verified_in_a_browser(open_page: Any, challenge: Challenge, receipts: list[Any], folder: Path) -> None:
    """The public record with both receipts passes; with one changed byte it does not."""
    record = records.challenge_record(challenge)
    path = folder / "record.json"
    path.write_text(json.dumps(record))
    paths = [folder / f"own-receipt-{index}.json" for index in range(len(receipts))]
    for receipt, own in zip(receipts, paths, strict=True):
        own.write_text(json.dumps(receipt))
    page = open_page(bypass_csp=True)
    page.goto("/challenges/verify/")
    is_accessible(page, "verifier")
    inputs = page.locator("#verifier input[type=file]")
    inputs.nth(0).set_input_files(path)
    inputs.nth(1).set_input_files(paths)
    page.click("text=截止时另外抄下的信息")
    page.get_by_label("封存根").fill(challenge.freeze["body"]["root"])
    page.click("button:text('开始核对')")
    expect(page.locator("#verifier h2")).to_have_text("全部通过")
    is_accessible(page, "verifier-passed")
    record["chain"][3]["body"] = {**(record["chain"][3]["body"] or {}), "version": 9}
    path.write_text(json.dumps(record))
    inputs.nth(0).set_input_files(path)
    page.click("button:text('开始核对')")
    expect(page.locator("#verifier h2")).to_contain_text("不通过")
    is_accessible(page, "verifier-failed")
    page.context.close()


def finish_projects(stage: make.Stage, challenge: Challenge) -> None:
    """Every project: milestones, acceptance, evaluation; then the challenge is finished."""
    for project in challenge.projects.select_related("award__bid__submitted_by"):
        solver = project.award.bid.submitted_by
        for sequence in (1, 2):
            step = {"project_public_id": project.public_id, "sequence": sequence}
            projects.milestone_report(**step, acting_user=solver, report="完成。")
            projects.milestone_confirm(**step, acting_user=stage.clerk, opinion="属实。")
            projects.milestone_assess(**step, acting_user=stage.handler, conclusion="passed", assessment="通过。")
        projects.acceptance_apply(
            project_public_id=project.public_id, acting_user=solver, user_opinion="满意。", report_number="KJ-1"
        )
        projects.acceptance_call(
            project_public_id=project.public_id, acting_user=stage.handler, meeting_on=date(2027, 1, 20)
        )
        projects.acceptance_conclude(
            project_public_id=project.public_id,
            acting_user=stage.approver,
            technical_passed=True,
            technical_comment="达到指标。",
            financial_passed=True,
            financial_comment="经费合规。",
        )
        projects.project_evaluate(
            project_public_id=project.public_id,
            acting_user=stage.handler,
            grade="excellent",
            comment="超额完成。",
            result_title=f"识别模块（{project.award.technical_route}）",
            result_text="已在两个闸口部署。",
        )
    projects.challenge_finish(challenge_id=challenge.pk, acting_user=stage.handler)


def key_files(stage: make.Stage, folder: Path) -> dict[int, Path]:
    """Key files of officers whose keys the factory made; user id → file."""
    files = {}
    for user in stage.opener_users:
        raw = stage.private_keys[str(user.officer_keys.get().public_id)]
        files[user.pk] = folder / f"{user.username}.json"
        files[user.pk].write_text(json.dumps(lock_key(KeyPair(public_key_of(raw), raw), PASSPHRASE)))
    return files


def test_m2_with_negotiation_in_browsers(open_page, tmp_path):
    with frozen(datetime(2026, 11, 24, 10, 0, tzinfo=clock.BEIJING)):
        stage = make.make_stage()
        challenge = make.make_published_challenge(stage, make.make_programme(stage, "M2"))
        bidder = make.make_bidder("甲公司")
        page = open_page(bidder)
        begin_bid(page, challenge)
        partner = make_organisation("丙大学", kind=OrganisationKind.RESEARCH)
        write_bid(page, route="多模态融合", grant="200", partner=partner)
        is_accessible(page, "sealing-check-consortium")
        receipt = hand_in(page, tmp_path)
        page.context.close()
    files = key_files(stage, tmp_path)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        open_in_two_browsers(open_page, stage, challenge, EnvelopeKind.TECHNICAL, files)
        content = challenge.bids.get().technical_content
        assert [(row["name"], row["role"], row["share_percent"]) for row in content["members"]] == [
            ("甲公司", "lead", "60"),
            ("丙大学", "member", "40"),
        ]
        assert content["agreement"] == dict.fromkeys(AGREEMENT_CLAUSES, "按联合协议执行。")
        make.pass_formal_check(stage, challenge)
        panel = make.draw_panel(stage, challenge, "review")
        make.declare_all(panel)
        make.review.review_start(challenge_id=challenge.pk, acting_user=stage.handler)
        make.score_all(panel)
        open_without_the_supervisor(open_page, stage, challenge, files)
        make.review.review_complete(challenge_id=challenge.pk, acting_user=stage.handler)
        decision.negotiation_start(challenge_id=challenge.pk, acting_user=stage.handler)
        challenge.refresh_from_db()
        assert challenge.state == ChallengeState.NEGOTIATING
        decision.negotiation_end(
            challenge_id=challenge.pk, acting_user=stage.handler, record="双方约定在第二闸口先行部署。"
        )
        make.decide(stage, challenge, [make.winner(challenge.bids.get())])
        decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
    with frozen(make.after_deadline(challenge) + timedelta(days=8)):
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        make.contract(stage, Award.objects.get(), bidder, starts_on=date(2026, 12, 31))
        finish_projects(stage, challenge)
    challenge.refresh_from_db()
    assert challenge.state == ChallengeState.FINISHED
    assert challenge.chain.filter(kind="negotiated").count() == 1
    record = records.challenge_record(challenge) | {"receipts": [receipt]}
    assert verify_record(record, Anchors(root=challenge.freeze["body"]["root"])).failures == []


def open_without_the_supervisor(
    open_page: Any, stage: make.Stage, challenge: Challenge, files: dict[int, Path]
) -> None:
    """The supervisor does not come: after the first layer the handler goes on with the platform's officer."""
    address = f"/desk/challenges/items/{challenge.code}/open/price/"
    handler, platform = open_page(stage.handler), open_page(stage.platform)
    step_up(handler, address)
    step_up(platform, address)
    handler.click("button:text('开始开启')")
    take_off_layer(handler, files[stage.handler.pk])
    expect(handler.locator("#opening .notice")).to_contain_text("正在等待")
    handler.click("summary:has-text('换一组开启人')")
    handler.check("#s1")
    handler.click("button:text('换成这一组')")
    take_off_layer(handler, files[stage.handler.pk])
    take_off_layer(platform, files[stage.platform.pk])
    expect(platform.locator(".confirmation h2")).to_have_text("已经开启")
    handler.context.close()
    platform.context.close()
    challenge.refresh_from_db()
    states = challenge.openings.filter(kind=EnvelopeKind.PRICE).order_by("pk").values_list("state", flat=True)
    assert list(states) == [OpeningState.FAILED, OpeningState.DONE]


# --- what goes wrong on the way ---------------------------------------------------------------------------------------


def open_draft(page: Page, challenge: Challenge) -> None:
    page.goto(f"/desk/challenges/items/{challenge.code}/seal/")
    page.fill("#sealing input[type=password]", DRAFT_PASSPHRASE)
    page.click("button:text('打开草稿')")
    expect(page.locator("#sealing .task-list li")).to_have_count(6)


def saved(page: Page) -> None:
    expect(page.locator(".save-state")).to_contain_text("加密保存")


def test_drafts_of_colleagues_broken_networks_and_second_windows(open_page, tmp_path):
    stage = make.make_stage()
    challenge = make.make_published_challenge(stage)
    user = make.make_bidder("甲公司")
    colleague = make_person(Role.VENDOR_STAFF, organisation=user.current_organisation)
    page, other = open_page(user, bypass_csp=True), open_page(colleague)
    begin_by_keyboard(page, challenge)
    enter(page, "技术方案", "甲写的方案")
    enter(page, "技术路线", "甲写的路线")
    saved(page)
    stored = BidDraft.objects.get()
    assert "甲写的方案" not in stored.ciphertext

    # A colleague opens the same draft with the same passphrase, and saves first.
    open_draft(other, challenge)
    other.click(".task-list >> text=技术方案与路线")
    expect(other.get_by_label("技术方案")).to_have_value("甲写的方案")
    enter(other, "技术方案", "乙改过的方案")
    enter(other, "技术路线", "乙写的路线")
    other.click("text=返回标书内容 >> nth=0")
    expect(other.locator(".save-state")).to_contain_text("加密保存")
    enter(page, "技术路线", "甲又改的路线")
    page.focus("textarea >> nth=0")
    expect(page.locator("#sealing h2")).to_have_text("同事已保存了更新的草稿")
    expect(page.locator("#sealing fieldset")).to_contain_text("甲又改的路线")
    expect(page.locator("#sealing fieldset")).to_contain_text("乙改过的方案")
    is_accessible(page, "sealing-conflict")
    page.check("#solution-theirs")
    page.click("text=按所选内容继续")
    saved(page)
    page.click(".task-list >> text=技术方案与路线")
    expect(page.get_by_label("技术方案")).to_have_value("乙改过的方案")
    page.click("text=← 返回标书内容")

    # The network goes; what is typed outlives even the window.
    page.context.set_offline(True)
    page.click(".task-list >> text=负责人与团队")
    enter(page, "项目负责人", "离线时写的王工")
    expect(page.locator(".save-state")).to_contain_text("草稿已存在本机")
    picture(page, "sealing-offline")
    context = page.context
    page.close()
    context.set_offline(False)
    page = context.new_page()
    page.goto(f"/desk/challenges/items/{challenge.code}/seal/")
    expect(page.locator("#sealing .notice")).to_contain_text("没有送到平台的草稿")
    page.fill("#sealing input[type=password]", DRAFT_PASSPHRASE)
    page.click("button:text('打开草稿')")
    saved(page)
    page.click(".task-list >> text=负责人与团队")
    expect(page.get_by_label("项目负责人")).to_have_value("离线时写的王工")

    # Two windows: the second is told, and nothing is handed in twice.
    write_bid_from_list(page)
    second = context.new_page()
    open_draft(second, challenge)
    second.click("button:text('核对并封标')")
    first_receipt = hand_in(page, tmp_path)
    second.check("#sure")
    second.click("button:text('封标并提交')")
    expect(second.locator("[role=alert]")).to_contain_text("提交了第 1 版")
    picture(second, "sealing-second-window")
    second.click("#sealing a.button:has-text('刷新页面')")
    expect(second.locator("#standing-title")).to_be_visible()
    second.close()
    assert BidVersion.objects.count() == 1

    # An upload breaks off and the answer is lost: the page sends again, asks again by the same number.
    open_draft(page, challenge)
    page.click("button:text('核对并封标')")
    lost: list[int] = []

    def lose_the_first(route: Any) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    broken: list[int] = []

    def break_the_first(route: Any) -> None:
        broken.append(1)
        if len(broken) == 1:
            route.abort()
        else:
            route.continue_()

    page.route("**/seal/upload/price/", break_the_first)
    page.route("**/seal/finalise/", lose_the_first)
    receipt = hand_in(page, tmp_path)
    assert (lost, len(broken)) == ([201], 2)
    versions = BidVersion.objects.order_by("number")
    assert [version.receipt for version in versions] == [first_receipt, receipt]

    # Withdrawn, and handed in once more from the command line.
    page.goto(f"/desk/challenges/items/{challenge.code}/seal/")
    page.on("dialog", lambda dialog: dialog.accept())
    with page.expect_download():
        page.click("button:text('撤回标书')")
    expect(page.locator("[data-standing-told]")).to_contain_text("撤回确认已下载")
    # The page shows what stands now without a reload, and where the confirmation stays.
    expect(page.locator("#standing .badge").first).to_have_text("已撤回")
    expect(page.locator("button[data-withdraw]")).to_have_count(0)
    expect(page.locator("#standing").get_by_text("下载撤回确认")).not_to_have_count(0)
    assert Bid.objects.get().state == BidState.WITHDRAWN
    page.reload()
    hand_in_from_the_command_line(page, user, tmp_path, version=3)
    bid = Bid.objects.get()
    assert (bid.version, bid.state) == (3, BidState.SEALED)

    # The call changes: the bid stands only once that is confirmed.
    clarification.challenge_clarify(
        challenge_id=challenge.pk,
        acting_user=stage.handler,
        values={"content": f"{make.NEED['content']}增加集卡车号识别。"},
        reason="增加车号识别",
        material=True,
    )
    page.reload()
    page.click("button:text('现有标书继续有效')")
    expect(page.locator("[data-standing-told]")).to_contain_text("已确认：标书按榜单第 2 版继续有效")
    expect(page.locator("button[data-reconfirm]")).to_have_count(0)
    bid.refresh_from_db()
    assert bid.confirmed_content_version == 2

    # An answer that was never received is asked for after the deadline, from the browser that sent the request.
    challenge.refresh_from_db()
    last = bid.versions.get(number=3)
    entry = f"pending-bid:{challenge.public_id}:{user.current_organisation.public_id}"
    pending = json.dumps({"idempotency_key": last.idempotency_key, "envelopes": []})
    page.evaluate("([entry, pending]) => localStorage.setItem(entry, pending)", [entry, pending])
    with frozen(make.after_deadline(challenge)):
        page.goto(f"/desk/challenges/items/{challenge.code}/seal/")
        is_accessible(page, "sealing-closed-unanswered")
        with page.expect_download() as download:
            page.click("button:text('查询提交结果')")
        download.value.save_as(tmp_path / "late.json")
        expect(page.locator("[data-unanswered] [data-told]")).to_contain_text("已在截止前接收：第 3 版")
    assert json.loads((tmp_path / "late.json").read_text()) == last.receipt


def begin_by_keyboard(page: Page, challenge: Challenge) -> None:
    """To the third section without a mouse; the focus is always where the reader is."""
    page.goto(f"/desk/challenges/items/{challenge.code}/seal/")
    page.locator("#sealing input[type=password]").nth(0).focus()
    page.keyboard.insert_text(DRAFT_PASSPHRASE)
    page.keyboard.press("Tab")
    page.keyboard.insert_text(DRAFT_PASSPHRASE)
    page.keyboard.press("Enter")
    expect(page.locator("#sealing h2")).to_have_text("标书内容")
    expect(page.locator("#sealing h2")).to_be_focused()
    for _section in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#sealing h2")).to_have_text("技术方案与路线")
    expect(page.locator("#sealing h2")).to_be_focused()


def write_bid_from_list(page: Page) -> None:
    """What is still missing after the draft, then the check page."""
    page.click("text=← 返回标书内容")
    page.click(".task-list >> text=指标响应")
    for index in range(len(make.INDICATORS)):
        enter(page, "承诺达到", "达到榜单要求", index)
    page.click("text=← 返回标书内容")
    page.click(".task-list >> text=报价")
    enter(page, "申请财政资助", "250")
    enter(page, "自筹（万元）", "0")
    saved(page)
    page.click("text=保存，去核对")


def hand_in_from_the_command_line(page: Page, user: Any, folder: Path, *, version: int) -> None:
    """As the page's own instructions say: call.json, bid.json, price.json, seal, upload."""
    page.click("summary:has-text('命令行工具')")
    with page.expect_download() as download:
        page.click("text=下载 call.json")
    download.value.save_as(folder / "call.json")
    bid = json.loads(page.locator("pre.command").first.inner_text())
    bid["manifest"] = make.manifest_of(user)
    (folder / "bid.json").write_text(json.dumps(bid))
    (folder / "price.json").write_text(json.dumps(make.price_of()))
    names = [f"--{name}={folder / name}.json" for name in ("call", "bid", "price")]
    command = [sys.executable, "-m", "challenges.sealing", "seal", *names, f"--out={folder / 'out'}"]
    subprocess.run(command, check=True, timeout=60, cwd=Path(__file__).parents[2])
    for kind in EnvelopeKind.values:
        page.set_input_files(f"input[name={kind}]", folder / "out" / f"{kind}.sealed")
    with page.expect_download() as receipt:
        page.click("button:text('上传并提交')")
    receipt.value.save_as(folder / "command-line-receipt.json")
    expect(page.locator("[data-ready-envelopes] [data-told]")).to_contain_text(f"已接收：第 {version} 版")


def test_fifty_megabytes_are_sealed_and_handed_in_from_the_page(open_page, tmp_path):
    stage = make.make_stage()
    challenge = make.make_published_challenge(stage)
    plan = tmp_path / "方案.pdf"
    plan.write_bytes(os.urandom(50 << 20))
    page = open_page(make.make_bidder())
    begin_bid(page, challenge)
    write_bid(page, route="多模态融合", grant="250", attachment=plan)
    receipt = hand_in(page, tmp_path)
    seconds = float(page.locator("#sealing").get_attribute("data-sealed"))
    print(f"50 MB sealed and uploaded in {seconds} s")
    technical = next(one for one in receipt["body"]["envelopes"] if one["kind"] == "technical")
    assert 50 << 20 < technical["size"] < 1.12 * (51 << 20)


def test_a_browser_that_cannot_encrypt_is_told_and_the_command_line_remains(open_page, tmp_path):
    stage = make.make_stage(expert_count=6)
    challenge = make.make_published_challenge(stage)
    bidder = make.make_bidder()
    page = open_page(bidder)
    page.add_init_script("Object.defineProperty(globalThis, 'crypto', { value: undefined })")
    page.goto(f"/desk/challenges/items/{challenge.code}/seal/")
    expect(page.locator("#sealing [role=alert]")).to_contain_text("浏览器不能加密")
    hand_in_from_the_command_line(page, bidder, tmp_path, version=1)
    assert BidVersion.objects.get().number == 1
    page.goto("/challenges/verify/")
    expect(page.locator("#verifier")).to_contain_text("python -m challenges.sealing verify")
