"""The form of both manifests of a bid: `bid_schema.json`, judged at the opening, and by the sealers before sealing.

The table is a JSON Schema (draft 2020-12) of few keywords, so that anybody may check a bid with a tool of their own.
The browser (`frontend/src/bid-schema.js`) and the command line read the same table and say the same words
(tests/challenges/bid_schema_cases.json). It speaks of shape and size only: whether a bid is complete and keeps the
call's rules is the formal check's (challenges/validators.py), which may ask for 补正; a bid of another shape cannot be
read.

Everything not named is refused, thus also the names under which the platform keeps its own findings beside a manifest
(`refused_files`, `problems`). No message quotes what a bidder wrote: at the opening it goes into the public record.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from challenges.sealing.errors import MalformedInput

TABLE: dict[str, Any] = json.loads(Path(__file__).with_name("bid_schema.json").read_text(encoding="utf-8"))
#: More faults than this are not listed: a person mends the first ones first.
MOST_FAULTS = 20
TYPE_WORDS = {"object": "应为一组字段。", "array": "应为列表。", "string": "应为文字。", "integer": "应为整数。"}


@dataclass(frozen=True)
class Fault:
    """One thing that does not fit. `field` is the manifest's own field it lies in, "" for the manifest as a whole."""

    code: str
    field: str
    message: str


class NotInForm(MalformedInput):
    """A manifest that does not have the form of `bid_schema.json`; the message names the places, never the contents."""

    code = "not_in_form"


def manifest_faults(kind: str, manifest: Any) -> list[Fault]:
    """What keeps `manifest` from being one of `kind` ("technical" or "price"); empty if it is."""
    found = []
    for fault in _faults(_rule({"$ref": f"#/$defs/{kind}"}), manifest, (), ""):
        found.append(fault)
        if len(found) == MOST_FAULTS:
            break
    return found


def checked_manifest(kind: str, manifest: Any) -> dict[str, Any]:
    """`manifest`, if it has its form; raises NotInForm."""
    found = manifest_faults(kind, manifest)
    if found:
        raise NotInForm(f"不符合规定格式：{found[0].message}" + (f"（共 {len(found)} 处）" if len(found) > 1 else ""))
    return dict(manifest)


def text_faults(text: str, longest: int) -> list[str]:
    """What keeps a text handed in after the opening (补正) from being one: the words of the same table."""
    rule = {**TABLE["$defs"]["text"], "maxLength": longest}
    return [fault.message for fault in _faults(rule, text, (), "")]


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _rule(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rule with what it refers to; its own words win."""
    if "$ref" not in rule:
        return rule
    return {**TABLE["$defs"][rule["$ref"].rsplit("/", 1)[-1]], **rule}


def _is(kind: str, value: Any) -> bool:
    wanted = {"object": dict, "array": list, "string": str, "integer": int}[kind]
    return isinstance(value, wanted) and not isinstance(value, bool)


def _fault(code: str, places: tuple[str, ...], field: str, words: str) -> Fault:
    return Fault(code, field, f"“{'”“'.join(places)}”{words}" if places else words)


def _faults(rule: Mapping[str, Any], value: Any, places: tuple[str, ...], field: str) -> Iterator[Fault]:
    kind = rule["type"]
    if not _is(kind, value):
        yield _fault("type", places, field, TYPE_WORDS[kind])
    elif kind == "object":
        yield from _object_faults(rule, value, places, field)
    elif kind == "array":
        if len(value) > rule["maxItems"]:
            yield _fault("too_many", places, field, f"最多 {rule['maxItems']} 项。")
            return
        item = _rule(rule["items"])
        for number, element in enumerate(value, start=1):
            yield from _faults(item, element, (*places, f"第 {number} 项"), field)
    elif kind == "string":
        yield from _text_faults(rule, value, places, field)
    elif not rule["minimum"] <= value <= rule["maximum"]:
        yield _fault("out_of_range", places, field, f"应在 {rule['minimum']} 到 {rule['maximum']} 之间。")


def _object_faults(rule: Mapping[str, Any], value: Any, places: tuple[str, ...], field: str) -> Iterator[Fault]:
    if len(value) > rule.get("maxProperties", len(value)):
        yield _fault("too_many", places, field, f"最多 {rule['maxProperties']} 项。")
        return
    named, patterns = rule.get("properties", {}), rule.get("patternProperties", {})
    for name in rule.get("required", ()):
        if name not in value:
            yield _fault("missing", (*places, named[name]["title"]), field or name, "没有填写。")
    unknown = False
    for name, element in value.items():
        if name in named:
            yield from _faults(_rule(named[name]), element, (*places, named[name]["title"]), field or name)
            continue
        fitting = next((one for text, one in patterns.items() if _pattern(text).fullmatch(name)), None)
        if fitting is None:
            unknown = True
        else:
            yield from _faults(_rule(fitting), element, (*places, f"第 {name} 项"), field)
    if unknown:
        yield _fault("unknown_field", places, field, "含有没有规定的字段。")


def _text_faults(rule: Mapping[str, Any], value: str, places: tuple[str, ...], field: str) -> Iterator[Fault]:
    if "enum" in rule and value not in rule["enum"]:
        yield _fault("not_an_option", places, field, "不是规定的选项。")
    if len(value) > rule.get("maxLength", len(value)):
        yield _fault("too_long", places, field, f"不得超过 {rule['maxLength']} 字。")
    elif "pattern" in rule and not _pattern(rule["pattern"]).fullmatch(value):
        yield _fault("control_characters", places, field, "含有控制字符或无法显示的字符。")
