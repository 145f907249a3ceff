"""Every action that the code writes into the audit trail has a Chinese name (issue 12, row 24)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from accounts.enums import Role
from challenges.sealing import verification
from core import audit
from core.models import AuditEntry
from marketplace.audit_words import MACHINES, WORDS, action_words, actions_called
from tests.factories import make_person

pytestmark = pytest.mark.unit

APPS = ("accounts", "challenges", "core", "marketplace", "matching", "notifications", "scenarios", "search", "vendors")
#: Where an action's end is computed from something else than a machine: (file, what stands there) → its values.
COMPUTED = {
    ("challenges/services/experts.py", "{step}"): ("retired", "reinstated"),
    ("challenges/services/review.py", "{kind}"): (
        "draw_committed",
        "experts_drawn",
        "seat_vacated",
        "supplementary_draw_committed",
        "supplementary_experts_drawn",
    ),
    ("challenges/services/openings.py", "{link.kind}"): (
        verification.RECEIVED,
        verification.WITHDRAWN,
        "bid_reconfirmed",
    ),
}


def calls() -> Iterator[tuple[str, ast.expr]]:
    """(file, the expression of the action) for every place that writes into the trail."""
    root = Path(settings.PROJECT_ROOT)
    for app in APPS:
        for path in (root / app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in ("record", "record_alone")
                    and getattr(node.func.value, "id", "") == "audit"
                ):
                    yield str(path.relative_to(root)), node.args[1]


def literals() -> Iterator[str]:
    """Words that look like an action, anywhere in the files that write into the trail: some are handed on."""
    files = {file for file, _expression in calls()} | {
        "scenarios/importing/services.py",
        "vendors/importing/services.py",
    }
    root = Path(settings.PROJECT_ROOT)
    for file in files:
        tree = ast.parse((root / file).read_text())
        handed_on = {
            keyword.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            for keyword in node.keywords
            if keyword.arg == "action" and isinstance(keyword.value, ast.Constant)
        }
        assigned = {
            branch.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "action"
            for branch in ast.walk(node.value)
            if isinstance(branch, ast.Constant) and isinstance(branch.value, str)
        }
        given = {
            argument.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_end"
            for argument in node.args
            if isinstance(argument, ast.Constant)
        }
        yield from (text for text in handed_on | assigned | given if str(text).count(".") == 2)


def test_every_action_of_the_code_has_a_name():
    found: set[str] = set(literals())
    unknown = []
    for file, expression in calls():
        if isinstance(expression, ast.Constant):
            found.add(expression.value)
        elif isinstance(expression, ast.JoinedStr):
            beginning = expression.values[0].value
            rest = ast.unparse(expression)[2:-1].removeprefix(beginning)
            if beginning.rstrip(".") in MACHINES:
                continue
            ends = COMPUTED.get((file, rest))
            if ends is None:
                unknown.append((file, rest))
            found |= {f"{beginning}{end}" for end in ends or ()}
    assert len(found) > 100
    assert unknown == []
    assert sorted(action for action in found if action_words(action) == action) == []


def test_every_name_is_chinese_and_belongs_to_an_action_that_is_written():
    steps = {f"{beginning}.{step}" for beginning, (_subject, machine) in MACHINES.items() for step in machine}
    assert not [action for action in {*WORDS, *steps} if action_words(action).isascii()]
    written = {expression.value for _file, expression in calls() if isinstance(expression, ast.Constant)}
    written |= set(literals())
    written |= {f"challenges.{end}" for ends in COMPUTED.values() for end in ends}
    written |= {f"challenges.expert.{end}" for end in COMPUTED["challenges/services/experts.py", "{step}"]}
    assert sorted(set(WORDS) - written) == []


@pytest.mark.django_db
def test_the_page_shows_names_and_finds_by_them(client):
    person = make_person(Role.AUDIT_ADMINISTRATOR)
    client.force_login(person)
    audit.record(person, "accounts.token.revoke", person)
    audit.record(person, "scenarios.scenario.pool", person)
    assert actions_called("撤销访问令牌") == ["accounts.token.revoke"]
    found = client.get(reverse("audit"), {"q": "撤销访问令牌"}).content.decode()
    assert "撤销访问令牌<br>" in found
    assert "scenarios.scenario.pool" not in found
    assert AuditEntry.objects.filter(action="scenarios.scenario.pool").exists()
    assert f"需求：{MACHINES['scenarios.scenario'][1]['pool'].label}" in client.get(reverse("audit")).content.decode()
