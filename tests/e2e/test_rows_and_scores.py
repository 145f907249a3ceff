"""What a person clicks is what happens: a row's title leads where it says, a score that was typed is there again."""

import re

import pytest
from playwright.sync_api import expect

from challenges.enums import PanelPurpose
from challenges.services import needs, review
from tests.e2e.conftest import WIDTHS
from tests.factories import challenges as make

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def need(reference_data):
    """(stage, a need that passed its city's check)."""
    stage = make.make_stage()
    return stage, make.make_checked_need(stage, make.make_programme(stage))


@pytest.mark.parametrize("width", sorted(WIDTHS))
def test_the_title_of_a_row_leads_to_its_page_and_not_to_the_rows_last_button(open_page, need, width):
    stage, challenge = need
    panel = review.panel_commit(
        challenge_id=challenge.pk, acting_user=stage.handler, purpose=PanelPurpose.ARGUMENTATION
    )
    page = open_page(stage.supervisor, width=WIDTHS[width])
    page.goto("/desk/challenges/")
    row = page.locator("[aria-labelledby=b-draws] li")
    expect(row.get_by_role("link", name="抽取")).to_be_visible()
    row.get_by_role("link", name=challenge.title).click()
    page.wait_for_url(f"**/desk/challenges/panels/{panel.public_id}/")


def test_scores_that_were_typed_are_there_after_a_reload(open_page, need):
    stage, challenge = need
    panel = make.draw_panel(stage, challenge, PanelPurpose.ARGUMENTATION)
    needs.need_argue(challenge_id=challenge.pk, acting_user=stage.handler)
    make.declare_all(panel)
    seat = panel.seats.filter(state="declared").select_related("expert__user").first()
    page = open_page(seat.expert.user)
    page.goto(f"/desk/challenges/seats/{seat.public_id}/")
    score = page.locator("form[data-autosave] input[type=number]").first
    score.fill("17")
    page.keyboard.press("Tab")
    expect(page.locator("[data-save-state]").first).to_have_text(re.compile(r"^已于 \d\d:\d\d:\d\d 保存$"))
    page.reload()
    expect(page.locator("form[data-autosave] input[type=number]").first).to_have_value("17")
    assert list(seat.sheets.values_list("scores", flat=True))[0]
