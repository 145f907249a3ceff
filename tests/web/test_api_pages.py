"""The API's description: one file made once, and a page that needs no script."""

import re
import threading
from typing import Any

import pytest
import yaml
from django.test import Client

from marketplace import api_pages

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def test_the_page_names_every_operation_with_its_fields_and_answers(visitor):
    page = visitor.get("/api/v1/docs/").content.decode()
    schema = api_pages.api_schema()
    operations = [
        (method.upper(), path, entry) for path, methods in schema["paths"].items() for method, entry in methods.items()
    ]
    assert len(operations) > 30
    for method, path, entry in operations:
        assert f"{method} {path}" in page
        for parameter in entry.get("parameters", ()):
            assert f"<code>{parameter['name']}</code>" in page
    headings = re.findall(r'<h2 id="group-[a-z-]+">([^<]+)</h2>', page)
    assert headings == [str(name) for name in api_pages.GROUPS.values()]
    assert not any(heading.isascii() for heading in headings)
    assert all(api_pages.described().values())
    assert "<script" not in page.partition("<main")[2].partition("</main>")[0]


def test_the_page_is_linked_from_every_footer(visitor):
    assert 'href="/api/v1/docs/"' in visitor.get("/about/").content.decode()


@pytest.mark.parametrize("query", ["", "?format=json", "?format=yaml", "?lang=xx", "?version=²"])
def test_the_file_is_the_same_for_everybody(visitor, query):
    answer = visitor.get(f"/api/v1/schema/{query}")
    assert answer.status_code == 200
    assert yaml.safe_load(answer.content)["paths"].keys() == api_pages.api_schema()["paths"].keys()


def test_the_file_is_made_once_when_many_ask_at_the_same_time():
    api_pages._made.cache_clear()
    found: list[Any] = []

    def ask() -> None:
        found.append(Client().get("/api/v1/schema/").status_code)

    askers = [threading.Thread(target=lambda: found.append(id(api_pages.api_schema()))) for _asker in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    ask()
    assert found[-1] == 200
