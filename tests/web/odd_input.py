"""Odd input for every address: crawled as several people, then asked oddly (tests/web/test_fuzz.py).

Nothing here harms software outside: the values are short texts that programs often take for numbers, days or names.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, resolve
from jsonschema import Draft202012Validator

LONG = "长" * 3000
#: Texts that look like something, and are not.
TEXTS: tuple[str, ...] = (
    "",
    "²",
    "٣",
    "１２",
    "9" * 5000,
    "99999999999999999999",
    "-1",
    "0",
    "+1",
    "1_000",
    "1.5",
    "1e400",
    "NaN",
    "Infinity",
    "a\x00b",
    "\x00",
    "\u202eabc",
    "\u200b",
    "\ufffe",
    "0001-01-01",
    "0001-01-01T00:00",
    "0001-01-01 00:00:00+14:00",
    "9999-12-31",
    "9999-12-31T23:59:59-14:00",
    "2026-13-45",
    "00000000-0000-0000-0000-000000000000",
    "not-a-uuid",
    "{}",
    "[]",
    "null",
    "' OR 1=1 --",
    "%00%ff",
    "../../etc",
    "<b>x</b>",
    "=1+1",
    "JB2026-9999999999",
    "2026Q4-99999999999999999999",
    "9999Q4",
    "0000Q1",
    "2026-0",
    LONG,
)
#: What a JSON body may hold instead of what is asked for.
VALUES: tuple[Any, ...] = (
    *TEXTS,
    None,
    True,
    0,
    -1,
    10**30,
    1.5,
    [],
    {},
    [None],
    [[[]]],
    {"a": None},
    ["\x00"],
    "\ud800",
    ["\udfff"],
    [1, 2],
    [{"key": 1}],
)
#: Bodies that are no object of the API, or barely.
BODIES: tuple[bytes, ...] = (
    b"",
    b"null",
    b"[]",
    b"1",
    b'"a"',
    b"{",
    b"\xff\xfe",
    b"NaN",
    b'{"a": 1e999}',
    b'{"a": ' + b"9" * 5000 + b"}",
    b'{"a": "\\ud800"}',
    b'{"a": "\\u0000"}',
    b"[" * 200_000,
    b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    b"[" + b"1," * 300_000 + b"1]",
)
#: For fields that take a day or a moment, and for those that take a number or a key.
DAYS = tuple(text for text in TEXTS if text[:4] in ("0001", "9999", "2026")) + ("²026-01-01", "9" * 400 + "-01-01")
NUMBERS = ("²", "９", "9" * 5000, "9" * 20, "-" + "9" * 20, "1e400", "NaN", "Infinity", "-0", "1_0", "0.1", "\x001")
#: What a request may say about its body, true or not.
CONTENT_TYPES = (
    "application/json",
    "application/json",
    "application/x-www-form-urlencoded; charset=idna",
    "application/x-www-form-urlencoded; charset=base64",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "multipart/form-data; boundary=\u00b2; charset=utf-16",
    "text/plain; charset=rot13",
    "²",
)
ANOTHER_ID = "3f2b8f0e-7d0b-4c7e-9d53-0d6f0b1f2c3d"


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._~-")


@dataclass(frozen=True)
class Ask:
    """One request."""

    who: str
    method: str
    path: str
    kind: str
    query: str = ""
    data: Any = None
    content_type: str = ""

    def __str__(self) -> str:
        data = repr(self.data)
        return f"{self.who} {self.method} {self.path}?{self.query[:200]} {self.kind} {data[:300]}"


@dataclass
class Form:
    """A form of a page: where it goes and what it holds."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def take_option(self, name: str, value: str, is_selected: bool) -> None:
        if value and (is_selected or not self.fields[name]):
            self.fields[name] = value


class PageReader(HTMLParser):
    """Links and forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._choice: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and given.get("href", "").startswith(("/", "?")):
            self.links.append(given["href"])
        elif tag == "form":
            self._open = Form(given.get("action", ""), given.get("method", "get").upper())
            self.forms.append(self._open)
        elif self._open is not None and given.get("name"):
            name = given["name"]
            if tag == "select":
                self._choice = name
                self._open.fields.setdefault(name, "")
                self._open.kinds[name] = "number"
            elif tag in ("textarea", "button"):
                self._open.fields.setdefault(name, given.get("value", ""))
            elif tag == "input" and given.get("type") != "file":
                self._open.kinds[name] = given.get("type", "text")
                if given.get("type") in ("radio", "checkbox") and "checked" not in given:
                    self._open.fields.setdefault(name, given.get("value", ""))
                else:
                    self._open.fields[name] = given.get("value", "")
        elif self._open is not None and tag == "option" and self._choice:
            self._open.take_option(self._choice, given.get("value", ""), "selected" in given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._choice = None


def route_at(path: str) -> str:
    """The pattern that answers a path, "" for none; without the marks of regular expressions' ends."""
    try:
        return resolve(path).route.replace("^", "")
    except Resolver404:
        return ""


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        else:
            yield path.replace("^", ""), entry


class Judge:
    """Compares answers of the API with its description: is the status named, has the body the shape."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.description = _with_null(description)
        self.routes = [
            (re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(template)) + "$"), template)
            for template in description["paths"]
        ]
        self.judged: Counter[tuple[str, str, int]] = Counter()

    def complaint(self, method: str, path: str, response: HttpResponse) -> str:
        """What the description does not say; "" when it is true, or when the address is not described."""
        template = next((name for pattern, name in self.routes if pattern.match(path)), "")
        operation = self.description["paths"].get(template, {}).get(method.lower())
        if operation is None:
            return ""
        status = str(response.status_code)
        self.judged[method, template, response.status_code] += 1
        if status not in operation["responses"]:
            return f"{method} {template} answers {status}, which is not described"
        if not response.headers.get("Content-Type", "").startswith("application/json"):
            return f"{method} {template} {status} is {response.headers.get('Content-Type')}"
        described = operation["responses"][status].get("content", {}).get("application/json", {}).get("schema")
        if described is None:
            return ""
        whole = {"components": self.description["components"], **described}
        problem = next(Draft202012Validator(whole).iter_errors(response.json()), None)
        return f"{method} {template} {status}: {problem.json_path} {problem.message[:200]}" if problem else ""


def _with_null(part: Any) -> Any:
    """OpenAPI 3.0's `nullable` in the words of JSON Schema."""
    if isinstance(part, list):
        return [_with_null(one) for one in part]
    if not isinstance(part, dict):
        return part
    made = {name: _with_null(one) for name, one in part.items() if name != "nullable"}
    return {"anyOf": [made, {"type": "null"}]} if part.get("nullable") is True else made


class Visit:
    """People with their sessions, and what they found. Every request is undone: the next one finds the same data."""

    def __init__(self, sessions: Mapping[str, str], chance: random.Random, judge: Judge) -> None:
        self.sessions, self.chance, self.judge = sessions, chance, judge
        self.client = Client(raise_request_exception=False)
        #: route → who → an address of it that answered.
        self.found: dict[str, dict[str, str]] = {}
        self.forms: dict[tuple[str, frozenset[str]], tuple[str, str, Form]] = {}
        self.queries: dict[str, set[str]] = {}
        self.asked: Counter[str] = Counter()
        self.answered: Counter[int] = Counter()
        self.covered: set[str] = set()
        self.failures: list[str] = []
        self.undescribed: Counter[str] = Counter()

    def ask(self, ask: Ask) -> HttpResponse:
        """The answer; a 5xx or an exception is kept in `failures`."""
        cache.clear()  # limits of requests per minute are another test's business
        self.client.cookies.clear()
        if self.sessions[ask.who]:
            self.client.cookies["sessionid"] = self.sessions[ask.who]
        elif ask.kind != "crawl":
            self.client.cookies["sessionid"] = self.client.cookies["csrftoken"] = "an\x00other" * 3
        options: dict[str, Any] = {"headers": {}}
        if ask.content_type:
            options["content_type"] = ask.content_type
        path = ask.path + (f"?{ask.query}" if ask.query else "")
        with transaction.atomic():
            try:
                if ask.data is not None and ask.method != "GET":
                    response = self.client.generic(
                        ask.method,
                        path,
                        ask.data if isinstance(ask.data, bytes) else urlencode(ask.data, errors="replace").encode(),
                        ask.content_type or "application/x-www-form-urlencoded",
                    )
                else:
                    response = self.client.generic(ask.method, path, b"", ask.content_type or "text/plain")
                if response.streaming:
                    response.close()
                else:
                    response.content  # noqa: B018 - rendered here, where its failure counts
            finally:
                transaction.set_rollback(True)
        self.asked[ask.kind] += 1
        self.answered[response.status_code] += 1
        self.covered.add(route_at(ask.path.split("?")[0]))
        if response.status_code >= 500 and "outage" not in ask.kind:
            kind, problem = (getattr(response, "exc_info", None) or (None, ""))[:2]
            self.failures.append(f"{response.status_code} {ask} {kind.__name__ if kind else ''}: {problem}"[:600])
        elif ask.path.startswith("/api/"):
            complaint = self.judge.complaint(ask.method, ask.path, response)
            if complaint:
                self.undescribed[complaint] += 1
        return response

    def crawl(self, who: str, starts: Sequence[str], most: int) -> None:
        """Follows links of pages, one or two of each pattern, and remembers their forms."""
        waiting, seen = list(starts), set(starts)
        number = 0
        while waiting and number < most:
            # What nobody has seen yet comes first.
            fresh = (place for place, one in enumerate(waiting) if route_at(urlsplit(one).path) not in self.found)
            address = waiting.pop(next(fresh, 0))
            parts = urlsplit(address)
            route = route_at(parts.path)
            if not route or (route in self.found and address not in starts):
                continue
            number += 1
            response = self.ask(Ask(who, "GET", parts.path, "crawl", parts.query))
            if response.status_code != 200:
                continue
            self.found.setdefault(route, {})[who] = parts.path
            self.queries.setdefault(route, set()).update(name for name, _text in parse_qsl(parts.query))
            if not response.headers.get("Content-Type", "").startswith("text/html") or response.streaming:
                continue
            page = PageReader()
            page.feed(response.content.decode())
            for link in page.links:
                target = parts.path + link if link.startswith("?") else link.partition("#")[0]
                self.queries.setdefault(route_at(urlsplit(target).path), set()).update(
                    name for name, _text in parse_qsl(urlsplit(target).query)
                )
                if target not in seen and len(seen) < 5000:
                    seen.add(target)
                    waiting.append(target)
            for form in page.forms:
                path = urlsplit(form.action).path or parts.path
                if form.method == "GET":
                    self.queries.setdefault(route_at(path), set()).update(form.fields)
                else:
                    key = (route_at(path), frozenset(form.fields))
                    self.forms.setdefault(key, (who, path, form))

    # --- what is asked -------------------------------------------------------------------------------------------

    def some(self, values: Sequence[Any], count: int) -> list[Any]:
        return self.chance.sample(list(values), min(count, len(values)))

    def odd_paths(self, each: int) -> Iterator[Ask]:
        """Every pattern with odd parts, as somebody who reaches it and as a visitor."""
        for route, _pattern in routes():
            if not re.search(r"<|\(\?P", route):
                continue
            people = list(self.found.get(route, {})) or list(self.sessions)
            for text in self.some(TEXTS, each):
                path = "/" + filled(route, text)
                for who in sorted({self.chance.choice(people), self.chance.choice(list(self.sessions))}):
                    yield Ask(who, "GET", quoted(path), "odd path")

    def everywhere(self) -> Iterator[Ask]:
        """Every pattern at an address that it takes, read and posted to, by everybody in turn."""
        people = list(self.sessions)
        for route, _pattern in routes():
            path = self.found.get(route, {}).get(self.chance.choice(people)) or "/" + filled_as_asked(route)
            if "logout" in path:
                continue
            for who in self.some(people, 3):
                kind = self.chance.choice(CONTENT_TYPES)
                yield Ask(who, "GET", quoted(path), "any address", "q=%E4%B8%AD&page=1", content_type=kind)
            for body in self.some(BODIES, 2):
                who = self.chance.choice(people)
                kind = self.chance.choice(CONTENT_TYPES)
                yield Ask(who, "POST", quoted(path), "any address", data=body, content_type=kind)
            for text in self.some(TEXTS, 2):
                names = ("action", "version", "comment", "title", "reason", "ids")
                who = self.chance.choice(people)
                yield Ask(who, "POST", quoted(path), "any address", data=dict.fromkeys(names, text))

    def odd_queries(self, each: int) -> Iterator[Ask]:
        common = {"page", "size", "q", "sort", "next", "page_size"}
        for route, people in self.found.items():
            who, path = self.chance.choice(sorted(people.items()))
            names = sorted((self.queries.get(route, set()) | self.chance_of(common)) - {""})
            for name in names:
                for text in self.some(TEXTS, each):
                    yield Ask(who, "GET", path, "odd query", urlencode({name: text}))

    def chance_of(self, names: set[str]) -> set[str]:
        return set(self.chance.sample(sorted(names), 2))

    def odd_forms(self, each: int) -> Iterator[Ask]:
        for who, path, form in self.forms.values():
            if "logout" in path:
                continue
            yield Ask(who, "POST", path, "empty form", data={})
            for name in form.fields:
                if name == "csrfmiddlewaretoken":
                    continue
                for text in self.some(pool_of(form.kinds.get(name, ""), name), each):
                    yield Ask(who, "POST", path, "odd form", data={**form.fields, name: text})

    def odd_json(self, operations: Sequence["Operation"], each: int) -> Iterator[Ask]:
        for operation in operations:
            people = [who for who in self.sessions if self.sessions[who]]
            paths = [path for route, found in self.found.items() if route.startswith("api/") for path in found.values()]
            for path in operation.paths(paths):
                for name in operation.query:
                    for text in self.some(TEXTS, each):
                        query = urlencode({name: text})
                        yield Ask(self.chance.choice(people), operation.method, path, "api query", query)
                if operation.method == "GET":
                    continue
                bodies = [("api body", body) for body in self.some(BODIES, 4)]
                for name in operation.fields:
                    bodies += [("api field", json.dumps({name: value}).encode()) for value in self.some(VALUES, each)]
                for kind, body in bodies:
                    yield Ask(self.chance.choice(people), operation.method, path, kind, "", body, "application/json")


def pool_of(kind: str, name: str) -> tuple[str, ...]:
    """Values that are odd for a field of this kind; half of them of any kind."""
    if kind in ("date", "datetime-local") or name.endswith(("_on", "_at")):
        return DAYS + DAYS + TEXTS[:8]
    return NUMBERS + TEXTS if kind in ("number", "hidden", "radio", "checkbox") else TEXTS


@dataclass(frozen=True)
class Operation:
    """An operation of the OpenAPI file."""

    method: str
    template: str
    query: tuple[str, ...]
    fields: tuple[str, ...]

    def paths(self, known: Sequence[str]) -> list[str]:
        """An address that exists if one was found, and one that does not."""
        pattern = re.compile(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(self.template)) + "$")
        there = [path for path in known if pattern.match(path)]
        return [*there[:1], re.sub(r"\{[^}]+\}", ANOTHER_ID, self.template)]


def operations_of(schema: Mapping[str, Any]) -> list[Operation]:
    found = []
    for template, methods in schema["paths"].items():
        for method, operation in methods.items():
            query = tuple(entry["name"] for entry in operation.get("parameters", ()) if entry["in"] == "query")
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            if "$ref" in body:
                body = schema["components"]["schemas"][body["$ref"].rpartition("/")[2]]
            found.append(Operation(method.upper(), template, query, tuple(body.get("properties", ()))))
    return found


def filled(route: str, text: str) -> str:
    """A pattern with `text` in place of each of its parameters."""
    path = re.sub(r"<[^>]+>", lambda _found: text, route)
    path = re.sub(r"\(\?P<[^>]+>(?:[^()]|\([^()]*\))*\)", lambda _found: text, path)
    return path.replace("^", "").replace("$", "").replace("\\", "")


#: What a parameter of each kind may be: present in no installation, and large where it is a number.
_SAMPLES = {"int": "9" * 18, "uuid": ANOTHER_ID, "str": "x", "path": "x/y", "slug": "x"}
_CODES = (
    ("JB", "JB2026-001"),
    ("Q[1-4]", "2026Q4"),
    (r"\d{1,4}", "2026-1"),
    ("[0-9a-f-]", ANOTHER_ID),
    ("[a-z", "step"),
)


def filled_as_asked(route: str) -> str:
    """An address that the pattern takes."""

    def code(found: re.Match[str]) -> str:
        return next((sample for mark, sample in _CODES if mark in found[0]), "2026Q4-001")

    path = re.sub(r"<(?:(\w+):)?[^>]+>(?!\w*[\[(\\])", lambda found: _SAMPLES.get(found[1] or "str", "x"), route)
    path = re.sub(r"\(\?P<[^>]+>(?:[^()]|\([^()]*\))*\)", code, path)
    return path.replace("^", "").replace("$", "").replace("\\", "")


def quoted(path: str) -> str:
    return "".join(
        letter if letter in _PLAIN else "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "replace"))
        for letter in path
    )
