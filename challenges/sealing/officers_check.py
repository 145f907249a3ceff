"""Whether everybody who took part in an opening was in office then, as far as the chain tells (docs/sealing.md §5).

Officers come into office by a publication that names them, or as somebody's successor, and leave it by a link
`officer_replaced`. Who starts a ceremony or takes off a layer must be in office at that link's place in the chain, for
the organisation they were named for.
"""

from collections.abc import Iterator, Mapping
from typing import Any

PUBLISHED, STARTED, REPLACED, PEELED = "published", "opening_started", "officer_replaced", "peeled"
STEPS = {STARTED: "by", PEELED: "officer"}
WORDS = {STARTED: "发起开启", PEELED: "解开一层"}


def offices_at(kind: str, body: Mapping[str, Any], offices: dict[str, str]) -> dict[str, str]:
    """Officers in office after a link, with their organisations, given those before it."""
    if kind == PUBLISHED:
        return {one["id"]: one["organisation"] for one in body["officers"] if one.get("in_office", True)}
    if kind == REPLACED:
        left = {key: organisation for key, organisation in offices.items() if key != body["officer"]}
        return {**left, body["successor"]: body["successor_organisation"]} if body["successor"] else left
    return offices


def office_findings(links: Iterator[tuple[int, str, Mapping[str, Any]]]) -> Iterator[tuple[str, bool, str]]:
    """(subject, in office, sentence) for each step of a ceremony among `links`: (sequence, kind, body) in order."""
    offices: dict[str, str] = {}
    for sequence, kind, body in links:
        offices = offices_at(kind, body, offices)
        actor = body.get(STEPS.get(kind, ""), "")
        if not actor:
            continue
        right = actor in offices and body.get("organisation", offices[actor]) == offices[actor]
        words = "当时在任。" if right else "当时不在任，或不代表任命时的机构：由不在任的人参加了开启。"
        yield f"#{sequence} {actor}", right, f"{WORDS[kind]}的人{words}"
