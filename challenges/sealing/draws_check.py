"""Whether each draw of experts used the seed committed to beforehand, as far as the chain tells (docs/sealing.md §5).

A draw names its panel and its seed; before it a commitment to the SHA-256 of that seed must stand for the same panel,
and for a supplementary draw (补抽) for the same number. Who got the seats is the platform's to show from its records.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

#: Kind of the draw → kind of its commitment.
COMMITMENTS = {
    "experts_drawn": "draw_committed",
    "supplementary_experts_drawn": "supplementary_draw_committed",
}
KINDS = (*COMMITMENTS, *COMMITMENTS.values())


def draw_findings(links: Iterator[tuple[int, str, Mapping[str, Any]]]) -> Iterator[tuple[str, bool]]:
    """(subject, right) for each draw among `links`: (sequence, kind, body) in order."""
    committed: dict[tuple[str, str], str] = {}
    for sequence, kind, body in links:
        about = f"{body.get('panel', '')} {body.get('number', 0)}"
        if kind in COMMITMENTS.values():
            committed.setdefault((kind, about), str(body.get("commitment", "")))
        elif kind in COMMITMENTS:
            seed = hashlib.sha256(str(body.get("seed", "")).encode()).hexdigest()
            yield f"#{sequence}", seed == committed.get((COMMITMENTS[kind], about))
