"""Browser tests wait for what they assert: a click does not wait for the page it leads to, so what is read once, at
once, may be the page before (a submission was refused for it). `expect` looks until it is so."""

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
READ_ONCE = {
    "all_inner_texts",
    "all_text_contents",
    "content",
    "inner_html",
    "inner_text",
    "input_value",
    "is_checked",
    "is_enabled",
    "is_visible",
    "text_content",
    "title",
}
NEVER_WAITS = {"eval_on_selector", "eval_on_selector_all", "query_selector", "query_selector_all"}


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("test_*.py")), ids=lambda path: path.name)
def test_nothing_is_asserted_of_a_page_read_once(path):
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        within = READ_ONCE | NEVER_WAITS if isinstance(node, ast.Assert) else NEVER_WAITS
        found += [
            f"{call.lineno}: {call.func.attr}"
            for call in (ast.walk(node) if isinstance(node, ast.Assert) else [node])
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in within
        ]
    assert found == []
