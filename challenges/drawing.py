"""The draw of experts: anyone who has its record can replay it (peers.md §6, 6; 招标投标法实施条例 46).

The platform commits to a seed before the pool is known; the witness adds words of their own at the draw. Neither can
steer the outcome alone: order = SHA-256(seed ‖ witness's words ‖ expert), and places go down that order.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from challenges.enums import ExpertKind

METHOD = "sha256-order-1"
TECHNICAL_KINDS = frozenset({ExpertKind.TECHNICAL, ExpertKind.ECONOMIC})


@dataclass(frozen=True)
class Candidate:
    """An expert of the conflict-filtered pool, by public id."""

    id: str
    kind: str


@dataclass(frozen=True)
class Draw:
    """The whole pool in drawn order, and the ids that got the seats."""

    order: tuple[str, ...]
    chosen: tuple[str, ...]


class PoolTooSmall(Exception):
    """Not enough experts, or not enough technical and economic ones (招标投标法 37: two thirds)."""


def commitment(seed: str) -> str:
    """What is told before the draw: hex SHA-256 of the seed."""
    return hashlib.sha256(seed.encode()).hexdigest()


def position(seed: str, witness: str, expert_id: str) -> str:
    """Where an expert stands: smaller comes first."""
    return hashlib.sha256("\n".join((METHOD, seed, witness, expert_id)).encode()).hexdigest()


def technical_seats(seats: int, technical_percent: int) -> int:
    """How many of `seats` the rule gives to technical and economic experts."""
    return math.ceil(seats * technical_percent / 100)


def draw(seed: str, witness: str, pool: Sequence[Candidate], seats: int, technical_percent: int) -> Draw:
    """The first of the order that fill `seats` with at least the asked share of technical and economic experts."""
    return draw_seats(seed, witness, pool, seats, technical_seats(seats, technical_percent))


def draw_seats(seed: str, witness: str, pool: Sequence[Candidate], seats: int, needed: int) -> Draw:
    """As `draw`, for seats of which `needed` go to technical and economic experts: those a panel lacks, it may be."""
    ordered = sorted(pool, key=lambda one: position(seed, witness, one.id))
    technical = [one for one in ordered if one.kind in TECHNICAL_KINDS]
    if len(ordered) < seats or len(technical) < needed:
        raise PoolTooSmall
    chosen = technical[:needed]
    for one in ordered:
        if len(chosen) == seats:
            break
        if one not in chosen:
            chosen.append(one)
    taken = {one.id for one in chosen}
    return Draw(
        tuple(one.id for one in ordered),
        tuple(one.id for one in ordered if one.id in taken),
    )


def next_in_order(order: Sequence[str], kinds: dict[str, str], used: set[str], *, technical_needed: bool) -> str | None:
    """Who takes a vacated seat: the next of the recorded order not yet used, by the same rule."""
    for one in order:
        if one not in used and (not technical_needed or kinds.get(one) in TECHNICAL_KINDS):
            return one
    return None
