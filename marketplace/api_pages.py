"""The API's description: the OpenAPI file, and a page that reads like it and needs no script (our CSP allows no other).

Both are made once per process. drf-spectacular's generator keeps its registers in module globals and is not made
for two threads at once; asked in parallel it answered with an error.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response

_making = threading.Lock()
#: First part of an address → the name of its group on the page, in the order of the page.
GROUPS = {
    "scenarios": _("需求"),
    "lists": _("季度需求清单"),
    "vendors": _("供给方"),
    "capabilities": _("场景能力"),
    "search": _("检索"),
    "match-runs": _("匹配记录"),
    "recommendations": _("推荐给我的需求"),
    "challenges": _("榜单项"),
    "annual-lists": _("年度榜单"),
    "publicities": _("公示"),
    "results": _("揭榜成果"),
}
PLACES = {"path": _("路径"), "query": _("查询参数"), "header": _("请求头"), "body": _("请求体")}


@cache
def _made() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


def api_schema() -> dict[str, Any]:
    """The OpenAPI description; made by whoever asks first, the same for everybody."""
    with _making:
        return _made()


class SchemaView(SpectacularAPIView):
    """The OpenAPI file in YAML or JSON, by `Accept` or `?format=`; one for all, no language or version to choose."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *_arguments: Any, **_options: Any) -> Response:
        name = self._get_filename(request, "")
        return Response(api_schema(), headers={"Content-Disposition": f'inline; filename="{name}"'})


@dataclass(frozen=True)
class Entry:
    """A parameter or a field of a body."""

    name: str
    place: str
    kind: str
    needed: bool
    words: str


@dataclass(frozen=True)
class DescribedOperation:
    """What the page shows of one operation."""

    anchor: str
    method: str
    path: str
    summary: str
    words: str
    entries: tuple[Entry, ...]
    codes: tuple[str, ...]


def _resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """`part`, or what its reference names."""
    reference = part.get("$ref") or next((one["$ref"] for one in part.get("allOf", ()) if "$ref" in one), "")
    return schema["components"]["schemas"][reference.rpartition("/")[2]] if reference else part


def _kind(schema: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    """The type of a value in a word or two: its type, format, or choices."""
    found = _resolved(schema, part)
    if "oneOf" in part:
        choices = [_resolved(schema, one).get("enum", []) for one in part["oneOf"]]
        return " | ".join(str(choice) for some in choices for choice in some if choice not in (None, ""))
    if "enum" in found:
        return " | ".join(str(choice) for choice in found["enum"])
    kind = str(found.get("format") or found.get("type", "object"))
    return f"{_kind(schema, found['items'])}[]" if kind == "array" else kind


def _entries(schema: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[Entry]:
    for one in operation.get("parameters", ()):
        kind, needed = _kind(schema, one["schema"]), one.get("required", False)
        yield Entry(one["name"], str(PLACES[one["in"]]), kind, needed, one.get("description", ""))
    content = operation.get("requestBody", {}).get("content", {})
    body: Mapping[str, Any] = next((one["schema"] for one in content.values()), {})
    found = _resolved(schema, body)
    for name, part in found.get("properties", {}).items():
        if not part.get("readOnly"):
            words = str(part.get("description", ""))
            yield Entry(name, str(PLACES["body"]), _kind(schema, part), name in found.get("required", ()), words)


def described() -> dict[str, list[DescribedOperation]]:
    """Operations by the first part of their path, in the order of GROUPS; a part without a name there is an error."""
    schema = api_schema()
    groups: dict[str, list[DescribedOperation]] = {part: [] for part in GROUPS}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            made = DescribedOperation(
                anchor=operation["operationId"],
                method=method.upper(),
                path=path,
                summary=operation.get("summary", "") or operation.get("description", "").split("\n")[0],
                words=operation.get("description", ""),
                entries=tuple(_entries(schema, operation)),
                codes=tuple(operation["responses"]),
            )
            groups[path.split("/")[3]].append(made)
    return groups


@login_not_required
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Every operation with its parameters, fields and answers, for people."""
    groups = [(part, GROUPS[part], operations) for part, operations in described().items()]
    return render(request, "api_docs.html", {"groups": groups, "info": api_schema()["info"]})
