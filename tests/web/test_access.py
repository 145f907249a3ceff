"""Deny by default: every address needs a signed-in person unless it stands in the table of public ones."""

import uuid
from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

#: Every page of ours that a visitor may open. A new public page needs a line here.
PUBLIC = {
    "home",
    "about",
    "site_map",
    "accessibility",
    "styleguide",
    "attachment",
    "livez",
    "metrics",
    "statusz",
    "readyz",
    "audit_anchors",
    "challenges:call",
    "challenges:catalogue",
    "challenges:challenge",
    "challenges:challenge_feed",
    "challenges:feed",
    "challenges:list",
    "challenges:list_download",
    "challenges:lists",
    "challenges:programme",
    "challenges:publicities",
    "challenges:publicity",
    "challenges:record",
    "challenges:results",
    "challenges:verifier",
    "challenges:sealer",
    "challenges:proofs",
    "scenarios:feed",
    "scenarios:lists",
    "scenarios:list",
    "scenarios:list_print",
    "scenarios:list_download",
    "scenarios:catalogue",
    "scenarios:scenario",
    "vendors:catalogue",
    "vendors:capability",
    "vendors:vendors",
    "vendors:vendor",
    "vendors:case_link",
    "search:feed",
    "search:results",
    "search:suggestions",
    "matching:method",
    "notifications:unsubscribe",
}
#: Rooms with their own rule: allauth's sign-in pages, the admin, the API (401, tested there).
ELSEWHERE = ("account/", "admin/", "api/v1/")
SAMPLES = {
    "uuid": uuid.UUID("00000000-0000-4000-8000-000000000000"),
    "int": 1,
    "str": "x",
}


def own_patterns(resolver: URLResolver, prefix: str = "", namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        route = f"{prefix}{entry.pattern}"
        if route.startswith(ELSEWHERE):
            continue
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from own_patterns(entry, route, inner)
        elif entry.name:
            yield f"{namespace}{entry.name}", entry


def address(name: str, pattern: URLPattern) -> str:
    kinds = {key: type(converter).__name__ for key, converter in pattern.pattern.converters.items()}
    values = {
        key: SAMPLES["uuid" if kind == "UUIDConverter" else "int" if kind == "IntConverter" else "str"]
        for key, kind in kinds.items()
    }
    return reverse(name, kwargs=values)


NAMES = sorted({name for name, _pattern in own_patterns(get_resolver())})


@pytest.mark.parametrize("name", NAMES)
def test_address_asks_for_sign_in_unless_public(visitor, name):
    pattern = next(pattern for found, pattern in own_patterns(get_resolver()) if found == name)
    path = address(name, pattern)
    for response in (visitor.get(path), visitor.post(path)):
        to_sign_in = response.status_code == 302 and response["Location"].startswith(reverse("account_login"))
        assert to_sign_in == (name not in PUBLIC), (name, response.status_code)


def test_table_of_public_pages_names_only_existing_ones():
    assert set(NAMES) >= PUBLIC
