"""Whether experts were drawn as the published method says: every draw is replayed from its record."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from challenges import drawing
from challenges.enums import PanelPurpose
from challenges.models import Challenge, Panel
from challenges.sealing.canonical import canonical
from challenges.sealing.verification import Row

#: Links of the chain about a draw: the commitment, and the draw itself.
FIRST = ("draw_committed", "experts_drawn")
FURTHER = ("supplementary_draw_committed", "supplementary_experts_drawn")


@dataclass(frozen=True)
class _Draw:
    number: int  # 0 for the first
    commitment: str
    seed: str
    record: dict[str, Any]
    seats: int
    technical: int


def _draws_of(panel: Panel) -> list[_Draw]:
    record = panel.draw_record
    technical = drawing.technical_seats(panel.seats_wanted, record["technical_percent"])
    further = [
        _Draw(row.number, row.seed_commitment, row.seed, row.draw_record, row.draw_record["seats"], needed)
        for row in panel.supplementary_draws.exclude(drawn_at=None)
        for needed in (row.draw_record["technical_needed"],)
    ]
    return [_Draw(0, panel.seed_commitment, panel.seed, record, panel.seats_wanted, technical), *further]


def verify_draws(challenge: Challenge) -> Iterator[Row]:
    """For every draw: seed and commitment agree, the replay gives the same order, the chain told both steps.

    And for every panel: its seats went to who was drawn, and to nobody who never was.
    """
    for panel in challenge.panels.exclude(drawn_at=None).order_by("pk"):
        draws = _draws_of(panel)
        for draw in draws:
            subject = f"{panel.public_id} #{draw.number}" if draw.number else str(panel.public_id)
            yield Row("draw_row", subject, _replays(draw), _("按种子、见证词和候选名单重新计算，专家抽取的结果不符。"))
            if panel.purpose == PanelPurpose.REVIEW:
                yield Row("draw_row", subject, _is_told(challenge, panel, draw), _("专家抽取的记录与链上的不一致。"))
        seated = {str(one) for one in panel.seats.values_list("expert__public_id", flat=True)}
        chosen = {one for draw in draws for one in draw.record["chosen"]}
        entitled = {one for draw in draws for one in draw.record["order"]}
        right = chosen <= seated <= entitled
        yield Row("draw_row", str(panel.public_id), right, _("席位上的专家与抽取记录不符。"))


def _replays(draw: _Draw) -> bool:
    pool = [drawing.Candidate(one["id"], one["kind"]) for one in draw.record["pool"]]
    try:
        result = drawing.draw_seats(draw.seed, draw.record["witness_words"], pool, draw.seats, draw.technical)
    except drawing.PoolTooSmall:
        return False
    same = (list(result.order), list(result.chosen)) == (draw.record["order"], draw.record["chosen"])
    return same and drawing.commitment(draw.seed) == draw.commitment


def _is_told(challenge: Challenge, panel: Panel, draw: _Draw) -> bool:
    """A review panel is drawn after the publication: commitment and draw are links, in this order."""
    told = []
    digest = hashlib.sha256(canonical(draw.record)).hexdigest()
    expected = ({"commitment": draw.commitment}, {"seed": draw.seed, "record_digest": digest})
    for kind, wanted in zip(FURTHER if draw.number else FIRST, expected, strict=True):
        for link in challenge.chain.filter(kind=kind).order_by("sequence"):
            body = link.body
            mine = body["panel"] == str(panel.public_id) and body.get("number", 0) == draw.number
            if mine and all(body[name] == value for name, value in wanted.items()):
                told.append(link.sequence)
                break
    return len(told) == len(expected) and told[0] < told[1]
