"""How a bid looks of which something could not be taken: reasons, whose fault, since when; on a desk and on a phone."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from challenges.enums import EnvelopeKind
from challenges.services import bids
from core.clock import frozen
from tests.challenges.damaged.containers import container, index_of
from tests.challenges.damaged.files import PDF, damaged_files
from tests.challenges.damaged.hand_in import hand_in_content
from tests.e2e.test_challenges import is_accessible, server_clock
from tests.factories import challenges as make

__all__ = ["server_clock"]
pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def test_what_was_not_taken_is_named_with_reason_fault_and_time(
    open_page: Callable[..., Page], reference_data: Any
) -> None:
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    name, content = damaged_files()["docx: asks for a newer zip version"]
    files = [(name, content()), ("安装程序.exe", b"MZ" * 20), ("方案.pdf", PDF)]
    make.hand_in(challenge, make.make_bidder("附件受损公司"), files=files)
    odd = container(index_of({"members": [1, 2]}))
    hand_in_content(challenge, make.make_bidder("格式不符公司"), technical=odd)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        page = open_page(stage.handler)
        whole, unreadable = challenge.bids.order_by("pk")
        page.goto(f"/desk/challenges/bids/{whole.public_id}/")
        expect(page.locator("#kept-aside")).to_have_text("开启时没有采用的内容")
        expect(page.locator("[aria-labelledby=kept-aside] li")).to_have_count(2)
        is_accessible(page, "bid-with-refused-files")
        page.goto(f"/desk/challenges/bids/{unreadable.public_id}/")
        expect(page.locator(".notice-danger")).to_contain_text("不符合规定格式")
        expect(page.locator(".notice-danger")).to_contain_text("判定时间")
        is_accessible(page, "bid-not-in-the-form")
