"""Answers compared with the OpenAPI file that we serve: OpenAPI 3.0 read as JSON Schema, strictly.

Strictly: a field that the description does not name is a fault, too; clients cannot rely on what is not described.
"""

import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from rest_framework.test import APIClient

from marketplace.api_pages import api_schema

JSON_BODY = "application/json"


def _as_json_schema(part: Any) -> Any:
    """`nullable` becomes the type null; an object with named fields has no others."""
    if isinstance(part, list):
        return [_as_json_schema(one) for one in part]
    if not isinstance(part, Mapping):
        return part
    made = {name: _as_json_schema(value) for name, value in part.items() if name != "nullable"}
    if "properties" in made and "additionalProperties" not in made:
        made["additionalProperties"] = False
    if not part.get("nullable"):
        return made
    return {"anyOf": [{"type": "null"}, made]}


def get_operations() -> dict[str, Mapping[str, Any]]:
    """Path → its GET operation."""
    return {path: methods["get"] for path, methods in api_schema()["paths"].items() if "get" in methods}


def faults_of(operation: Mapping[str, Any], status: int, body: Any) -> list[str]:
    """Where a body differs from what the operation describes for this status; empty if nowhere."""
    answer = operation["responses"].get(str(status))
    if answer is None:
        return [f"status {status} is not described"]
    described = answer.get("content", {}).get(JSON_BODY, {}).get("schema")
    if described is None:
        return [f"status {status} has no described body"]
    whole = {"components": _as_json_schema(api_schema()["components"]), **_as_json_schema(described)}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    found = []
    for error in validator.iter_errors(body):
        deepest = min(error.context, key=lambda one: -len(one.absolute_path)) if error.context else error
        found.append(f"{'/'.join(map(str, deepest.absolute_path))}: {deepest.message[:200]}")
    return found


def described_for(method: str, path: str) -> Mapping[str, Any] | None:
    """The operation that describes a request; None for an address that the file does not know."""
    for template, methods in api_schema()["paths"].items():
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), path) and method.lower() in methods:
            return methods[method.lower()]
    return None


class DescribedClient(APIClient):
    """A client for which an answer that differs from the description is a failure of the test."""

    def request(self, **given: Any) -> Any:
        answer = super().request(**given)
        operation = described_for(given["REQUEST_METHOD"], given["PATH_INFO"])
        if operation is not None and answer.headers.get("Content-Type", "").startswith(JSON_BODY):
            faults = faults_of(operation, answer.status_code, answer.json())
            assert faults == [], f"{given['REQUEST_METHOD']} {given['PATH_INFO']}"
        return answer
