"""What the published rule makes of the experts' points. Pure, decimal, the same every time (V14; domain.md §2.6).

The rule, published with every list: per criterion the mean of the seats' points — without the highest and lowest
where the list says so and at least five seats scored — rounded half-up to two decimals; price points = weight × lowest
total ÷ own total; sum. Below a criterion's minimum a bid is not ranked. Equal sums: higher technical sum, then lower
price, then the lot (order of SHA-256 over the panel's seed and the bid).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from statistics import pstdev
from typing import Any

TRIM_FROM_SEATS = 5
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Entry:
    """One bid as the rule sees it: points by seat and criterion, and the price, None where it was not readable."""

    bid: str
    points: Mapping[str, Mapping[str, int]]
    price_fen: int | None = None


@dataclass(frozen=True)
class Outcome:
    """One bid's result. `below` names criteria under their minimum; such a bid ranks behind all others."""

    bid: str
    criteria: dict[str, Decimal]
    technical: Decimal
    price: Decimal | None
    total: Decimal
    dispersion: Decimal
    below: tuple[str, ...]
    rank: int


def rounded(value: Decimal) -> Decimal:
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def mean(values: Sequence[int], *, trim: bool) -> Decimal:
    """Mean of whole points; trimmed of one highest and one lowest only by rule and with enough seats."""
    kept = sorted(values)
    if trim and len(kept) >= TRIM_FROM_SEATS:
        kept = kept[1:-1]
    return Decimal(sum(kept)) / Decimal(len(kept))


def lot(seed: str, bid: str) -> str:
    return hashlib.sha256(f"tie\n{seed}\n{bid}".encode()).hexdigest()


def outcomes(
    entries: Sequence[Entry], criteria: Sequence[Mapping[str, Any]], *, price_weight: int, trim: bool, seed: str
) -> list[Outcome]:
    """Results in ranking order. Every entry needs points of at least one seat for every criterion."""
    readable = [entry.price_fen for entry in entries if entry.price_fen]
    lowest = min(readable, default=None)
    weighed = []
    for entry in entries:
        means = {
            str(row["key"]): rounded(mean([points[str(row["key"])] for points in entry.points.values()], trim=trim))
            for row in criteria
        }
        below = tuple(str(row["key"]) for row in criteria if means[str(row["key"])] < Decimal(row.get("minimum", 0)))
        technical = sum(means.values(), Decimal(0))
        price = price_points(entry.price_fen, lowest, price_weight)
        sums = [sum(points.values()) for points in entry.points.values()]
        spread = rounded(Decimal(str(pstdev(sums)))) if len(sums) > 1 else Decimal(0)
        weighed.append((entry, means, below, technical, price, technical + (price or Decimal(0)), spread))
    weighed.sort(
        key=lambda row: (
            bool(row[2]) or (price_weight > 0 and row[4] is None),
            -row[5],
            -row[3],
            row[0].price_fen is None,
            row[0].price_fen or 0,
            lot(seed, row[0].bid),
        )
    )
    return [
        Outcome(entry.bid, means, technical, price, total, spread, below, rank)
        for rank, (entry, means, below, technical, price, total, spread) in enumerate(weighed, 1)
    ]


def sound_price(content: Mapping[str, Any] | None) -> int | None:
    """The opened total in fen; None where the price could not be read or breaks the list's rules (V07)."""
    if content is None or content.get("problems"):
        return None
    return int(content["total_fen"])


def price_points(price_fen: int | None, lowest_fen: int | None, weight: int) -> Decimal | None:
    """Weight × lowest ÷ own, half-up; None without a readable price or without a price weight."""
    if not weight or not price_fen or not lowest_fen:
        return None
    return rounded(Decimal(weight) * Decimal(lowest_fen) / Decimal(price_fen))


def calibration(entries: Sequence[Entry]) -> dict[str, dict[str, Any]]:
    """Per seat: mean of its sums, distance from the panel's mean, and each bid's place by its deviations.

    Shown beside the ranking, never used in it (peers.md §6, 7).
    """
    seats = sorted({seat for entry in entries for seat in entry.points})
    sums = {seat: [sum(entry.points[seat].values()) for entry in entries if seat in entry.points] for seat in seats}
    everything = [value for values in sums.values() for value in values]
    overall = Decimal(sum(everything)) / Decimal(len(everything)) if everything else Decimal(0)
    return {
        seat: {
            "mean": str(rounded(Decimal(sum(values)) / Decimal(len(values)))),
            "severity": str(rounded(Decimal(sum(values)) / Decimal(len(values)) - overall)),
            "spread": str(rounded(Decimal(str(pstdev(values))))) if len(values) > 1 else "0.00",
        }
        for seat, values in sums.items()
        if values
    }
