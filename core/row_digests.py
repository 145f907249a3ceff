"""Digests of rows that decide something: taken with every write, chained in blocks, compared with the rows (ADR 0010).

A digest is HMAC-SHA-256 under the installation's integrity key over table, key and every deciding column. The key lies
outside the database: whoever can only write to the database cannot make a digest. Nor bring back an older one:
digests are chained (`seal_rows`), and the head of the chain leaves the database (core.heads).
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models, transaction

from core.clock import now
from core.secret_files import kept_secret

GENESIS = "0" * 64
#: Rows compared, and digests chained, in one go.
PORTION = 1000
NAME_LENGTH = 16


# --- the installation's keys --------------------------------------------------------------------------------------


def integrity_keys() -> dict[str, bytes]:
    """Name of a key → key; the first makes digests, all of them verify.

    INTEGRITY_KEYS, newest first, or a file that the embedded profile makes by itself; ImproperlyConfigured without.
    """
    given: Sequence[str] = settings.INTEGRITY_KEYS
    if given:
        return _named(tuple(given))
    if not settings.INTEGRITY_KEY_FILE:
        raise ImproperlyConfigured("INTEGRITY_KEYS 未设置，无法为关键数据留存校验值。生成方法见 docs/operations.md。")
    return _named((kept_secret(Path(settings.INTEGRITY_KEY_FILE), lambda: secrets.token_urlsafe(48)),))


@lru_cache(maxsize=4)
def _named(keys: tuple[str, ...]) -> dict[str, bytes]:
    return {hashlib.sha256(key.encode()).hexdigest()[:NAME_LENGTH]: key.encode() for key in keys}


# --- which rows, which columns ------------------------------------------------------------------------------------


def deciding_models() -> list[Any]:
    """Every model whose rows are vouched for, by table."""
    found = [model for model in apps.get_models() if hasattr(model, "not_deciding")]
    return sorted(found, key=lambda model: model._meta.label_lower)


@lru_cache(maxsize=256)
def deciding_columns(model: Any) -> tuple[str, ...]:
    """Attribute names of the columns that are vouched for; relations by keys come last."""
    columns = [
        field.attname
        for field in model._meta.concrete_fields
        if not field.primary_key and field.name not in model.not_deciding
    ]
    return (*columns, *model.deciding_relations)


@lru_cache(maxsize=256)
def form_of(table: str, columns: tuple[str, ...]) -> str:
    """The name of a set of columns: a digest tells by which it was made, so that a new column changes no old one."""
    return hashlib.sha256(json.dumps([table, *columns]).encode()).hexdigest()[:NAME_LENGTH]


def keep_forms() -> None:
    """Write down which columns today's digests cover, for the time when a release adds one. After every migration."""
    kept = set(_model("RowForm").objects.values_list("name", flat=True))
    rows = []
    for model in deciding_models():
        columns = deciding_columns(model)
        name = form_of(model._meta.label_lower, columns)
        if name not in kept:
            rows.append(_model("RowForm")(name=name, table=model._meta.label_lower, columns=list(columns)))
    _model("RowForm").objects.bulk_create(rows, ignore_conflicts=True)


def _model(name: str) -> Any:
    # core.models itself has rows that decide something (attachments, calendars), so it imports this file.
    return apps.get_model("core", name)


@dataclass(frozen=True)
class Row:
    """A row as it lies in the database: its key, what it is part of ("label:key" or ""), column → value."""

    key: int
    part_of: str
    values: dict[str, Any]


def read_rows(model: Any, columns: tuple[str, ...], **conditions: Any) -> Iterator[Row]:
    """Rows of `model` that fit, by key. Values as the database gives them, never as an instance remembers them."""
    plain = [name for name in columns if name not in model.deciding_relations]
    owner = model.part_of
    paths = ["pk", *plain, *([owner[1]] if owner else [])]
    found = list(models.QuerySet(model).filter(**conditions).order_by("pk").values_list(*paths))
    related = {name: _related(model, name, [row[0] for row in found]) for name in columns if name not in plain}
    for row in found:
        values = dict(zip(plain, row[1 : len(plain) + 1], strict=True))
        values |= {name: keys.get(row[0], []) for name, keys in related.items()}
        yield Row(row[0], _part_of(model, values, row[-1] if owner else None), values)


def _related(model: Any, name: str, keys: Sequence[int]) -> dict[int, list[int]]:
    field = model._meta.get_field(name)
    source, target = field.m2m_field_name() + "_id", field.m2m_reverse_field_name() + "_id"
    pairs = field.remote_field.through.objects.filter(**{f"{source}__in": keys}).values_list(source, target)
    found: dict[int, list[int]] = {}
    for one, other in sorted(pairs):
        found.setdefault(one, []).append(other)
    return found


def _part_of(model: Any, values: dict[str, Any], key: Any) -> str:
    if model.part_columns:
        label, key = (values[name] for name in model.part_columns)
    else:
        label = model.part_of[0] if model.part_of else ""
    return f"{label}:{key}" if label and key is not None else ""


def digest_of(table: str, key: int, values: dict[str, Any], secret: bytes) -> str:
    """HMAC-SHA-256 in hex over the row's canonical text."""
    text = json.dumps([table, key, values], sort_keys=True, separators=(",", ":"), default=str)
    return hmac.digest(secret, text.encode(), "sha256").hex()


# --- what Django tells of (connected in core/apps.py) --------------------------------------------------------------


def decides(model: type[models.Model], names: Any) -> bool:
    """Whether any of the columns `names` (None: all of them) is vouched for."""
    without = getattr(model, "not_deciding", {})
    return names is None or any(name not in without for name in names)


def remember_saved(sender: Any, instance: Any, created: bool, update_fields: Any, **_: Any) -> None:
    """Receiver of `post_save` of every deciding model."""
    if decides(sender, update_fields):
        # A partial save leaves other columns as they lie in the database, whatever the instance says.
        known = known_rows(sender, [instance]) if update_fields is None else {}
        record_rows(sender, [instance.pk], new=created, known=known)


def remember_removed(sender: Any, instance: Any, **_: Any) -> None:
    """Receiver of `post_delete`; cascades send it, too."""
    record_removed(sender, [instance.pk])


def remember_related(sender: Any, instance: Any, action: str, reverse: bool, **_: Any) -> None:
    """Receiver of `m2m_changed` of `deciding_relations`; they are only ever changed from their own side."""
    if action.startswith("post_") and not reverse:
        record_rows(type(instance), [instance.pk])


def known_rows(model: Any, instances: Iterable[Any]) -> dict[int, Row]:
    """Rows as instances just written whole know them; those that left a value to the database are left out."""
    found = {}
    for instance in instances:
        row = _known_row(model, instance)
        if row is not None:
            found[row.key] = row
    return found


def _known_row(model: Any, instance: Any) -> Row | None:
    if model.deciding_relations or instance.get_deferred_fields():
        return None
    values = {}
    for field in model._meta.concrete_fields:
        if field.attname not in deciding_columns(model):
            continue
        value = getattr(instance, field.attname)
        if hasattr(value, "resolve_expression"):
            return None
        values[field.attname] = _as_read(field, value)
    owner = None
    if model.part_of:
        owner = instance
        for name in model.part_of[1].split("__"):
            owner = getattr(owner, name, None)
    return Row(instance.pk, _part_of(model, values, owner), values)


def _as_read(field: Any, value: Any) -> Any:
    """The value as the database gives it back."""
    if value is None:
        return None
    if isinstance(field, models.JSONField):
        return json.loads(json.dumps(value, cls=field.encoder))
    if isinstance(field, models.FileField):
        return value.name or ""
    if isinstance(field, models.ForeignKey):
        return field.target_field.to_python(value)
    value = field.to_python(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(field, models.DecimalField):
        return value.quantize(Decimal(1).scaleb(-field.decimal_places))
    return str(value) if isinstance(value, str) else value


# --- taking digests -----------------------------------------------------------------------------------------------

Touched = dict[tuple[type[models.Model], int], Row | None]
_gathered: ContextVar[Touched | None] = ContextVar("row_digests_gathered", default=None)


@contextmanager
def taken_together() -> Iterator[None]:
    """Take the digests of everything written inside at its end, in one go. Where hundreds wait for a row, that counts.

    Inside the transaction of the change. Whatever is raised inside takes none: the caller's transaction goes, too.
    """
    touched: Touched = {}
    token = _gathered.set(touched)
    try:
        yield
    finally:
        _gathered.reset(token)
    digests: list[Any] = []
    for model in {model for model, _key in touched}:
        mine = {key: row for (one, key), row in touched.items() if one is model}
        digests += _digests(model, list(mine), {key: row for key, row in mine.items() if row is not None})
    _model("RowDigest").objects.bulk_create(digests, batch_size=500)


def record_rows(model: Any, keys: Sequence[int], *, new: bool = False, known: dict[int, Row] | None = None) -> None:
    """Take the digests of rows as they lie in the database now; `known` are those that need not be read for it.

    Belongs into the transaction of the change. A row that nobody relies on yet (`undecided_states`) gets none until
    it has left these states once.
    """
    known, gathered = known or {}, _gathered.get()
    if gathered is not None and not model.undecided_states:
        gathered.update({(model, key): known.get(key) for key in keys})
        return
    _model("RowDigest").objects.bulk_create(_digests(model, keys, known, new=new), batch_size=500)


def _digests(model: Any, keys: Sequence[int], known: dict[int, Row], *, new: bool = False) -> list[Any]:
    table, columns = model._meta.label_lower, deciding_columns(model)
    name, secret = next(iter(integrity_keys().items()))
    form, moment, row_digest = form_of(table, columns), now(), _model("RowDigest")
    unread = [key for key in keys if key not in known]
    rows = [*known.values(), *(read_rows(model, columns, pk__in=unread) if unread else ())]
    if model.undecided_states:
        seen = set() if new else set(row_digest.objects.filter(table=table, row__in=keys).values_list("row", flat=True))
        rows = [row for row in rows if row.key in seen or row.values["state"] not in model.undecided_states]
    return [
        row_digest(
            table=table,
            row=row.key,
            part_of=row.part_of,
            form=form,
            key=name,
            digest=digest_of(table, row.key, row.values, secret),
            moment=moment,
        )
        for row in rows
    ]


def record_removed(model: Any, keys: Sequence[int]) -> None:
    """Say that the platform removed rows; what never had a digest needs no word."""
    table, row_digest = model._meta.label_lower, _model("RowDigest")
    gathered = _gathered.get()
    if gathered is not None:
        for key in keys:
            gathered.pop((model, key), None)
    last = dict(row_digest.objects.filter(table=table, row__in=keys).order_by("pk").values_list("row", "part_of"))
    name, moment = next(iter(integrity_keys())), now()
    row_digest.objects.bulk_create(
        [row_digest(table=table, row=key, part_of=part, key=name, moment=moment) for key, part in last.items()]
    )


# --- chaining -----------------------------------------------------------------------------------------------------


def seal_rows(limit: int = PORTION) -> int:
    """Chain up to `limit` digests as one block; returns how many. Call it under the lock of the audit head."""
    row_digest, block = _model("RowDigest"), _model("DigestBlock")
    waiting = list(row_digest.objects.filter(block__isnull=True).order_by("pk")[:limit])
    if not waiting:
        return 0
    last = block.objects.order_by("-sequence").first()
    previous = last.hash if last else GENESIS
    made = block.objects.create(
        sequence=last.sequence + 1 if last else 1,
        size=len(waiting),
        previous_hash=previous,
        hash=_block_hash(previous, waiting),
    )
    row_digest.objects.filter(pk__in=[one.pk for one in waiting]).update(block=made)
    return len(waiting)


def _block_hash(previous: str, digests: Iterable[Any]) -> str:
    whole = hashlib.sha256(previous.encode())
    for one in digests:
        line = (one.pk, one.table, one.row, one.part_of, one.form, one.key, one.digest, one.moment.isoformat())
        whole.update(json.dumps(line).encode())
    return whole.hexdigest()


def block_fault() -> str:
    """The first fault of the chain of blocks, or ""."""
    previous, expected = GENESIS, 1
    for block in _model("DigestBlock").objects.order_by("sequence").iterator(chunk_size=200):
        digests = list(_model("RowDigest").objects.filter(block_id=block.pk).order_by("pk"))
        if block.sequence != expected:
            return f"缺少第 {expected} 组数据校验值"
        if (block.previous_hash, block.size) != (previous, len(digests)) or block.hash != _block_hash(
            previous, digests
        ):
            return f"第 {expected} 组数据校验值被改动、增加或删除"
        previous, expected = block.hash, expected + 1
    return ""


# --- comparing ----------------------------------------------------------------------------------------------------

CHANGED, ADDED, MISSING, UNKNOWN_KEY = "changed", "added", "missing", "unknown_key"
LABELS = {
    CHANGED: "内容与留存的校验值不符，可能绕过平台被改动",
    ADDED: "没有校验值，可能绕过平台被加入",
    MISSING: "已不存在，可能绕过平台被删除",
    UNKNOWN_KEY: "校验值所用的密钥不在 INTEGRITY_KEYS 中，无法核对",
}


@dataclass(frozen=True)
class Finding:
    """A row that is not as the platform left it."""

    table: str
    row: int
    part_of: str
    kind: str

    @property
    def detail(self) -> str:
        return LABELS[self.kind]


def compare_all(model: Any) -> Iterator[Finding]:
    """Compare the whole table, portion by portion of keys."""
    for of_rows, of_digests in _portions(model):
        yield from _compared(model, of_rows, of_digests)


def _portions(model: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Conditions of rows, and of their digests, that together cover both tables."""
    keys = [
        models.QuerySet(model).aggregate(least=models.Min("pk"), most=models.Max("pk")),
        _model("RowDigest")
        .objects.filter(table=model._meta.label_lower)
        .aggregate(least=models.Min("row"), most=models.Max("row")),
    ]
    bounds = [bound for found in keys for bound in found.values() if bound is not None]
    if not bounds:
        return
    for start in range(min(bounds), max(bounds) + 1, PORTION):
        end = start + PORTION
        yield {"pk__gte": start, "pk__lt": end}, {"row__gte": start, "row__lt": end}


def compare_part(label: str, keys: Sequence[Any]) -> Iterator[Finding]:
    """Compare every row that is, or was when last written, part of the rows `keys` of the model `label`."""
    parts = [f"{label}:{key}" for key in keys]
    for model in deciding_models():
        if model.part_columns:
            kind, key = model.part_columns
            of_rows = {kind: label, f"{key}__in": [str(one) for one in keys]}
        elif model.part_of and model.part_of[0] == label:
            of_rows = {f"{model.part_of[1]}__in": keys}
        else:
            continue
        yield from _compared(model, of_rows, {"part_of__in": parts})


def _compared(model: Any, of_rows: dict[str, Any], of_digests: dict[str, Any]) -> Iterator[Finding]:
    table = model._meta.label_lower
    last = _last_digests(table, **of_digests)
    rows = {row.key: row for row in read_rows(model, deciding_columns(model), **of_rows)}
    # What was moved out of, or into, this part by a change of the column that says so.
    rows |= {row.key: row for row in read_rows(model, deciding_columns(model), pk__in=last.keys() - rows.keys())}
    strangers = rows.keys() - last.keys()
    last |= _last_digests(table, row__in=strangers) if strangers else {}
    secrets_by_name = integrity_keys()
    for key in sorted(rows.keys() | last.keys()):
        kind = _judged(model, rows.get(key), last.get(key), secrets_by_name)
        if kind:
            part = rows[key].part_of if key in rows else last[key].part_of
            yield Finding(table, key, part, kind)


class LastDigest(NamedTuple):
    """What the platform said last of a row; digest "": that it was removed."""

    row: int
    digest: str
    form: str
    key: str
    part_of: str


def _last_digests(table: str, **conditions: Any) -> dict[int, LastDigest]:
    found = _model("RowDigest").objects.filter(table=table, **conditions).order_by("pk")
    return {one[0]: LastDigest(*one) for one in found.values_list(*LastDigest._fields).iterator(chunk_size=2000)}


def _judged(model: Any, row: Row | None, last: LastDigest | None, secrets_by_name: dict[str, bytes]) -> str:
    if last is None:
        undecided = row is not None and row.values.get("state") in model.undecided_states
        return "" if undecided else ADDED
    if last.digest == "":
        return "" if row is None else ADDED
    if row is None:
        return MISSING
    secret = secrets_by_name.get(last.key)
    if secret is None:
        return UNKNOWN_KEY
    table, columns = model._meta.label_lower, deciding_columns(model)
    if last.form != form_of(table, columns):
        row, columns = _in_former_form(model, row, last)
        if row is None or form_of(table, columns) != last.form:
            return CHANGED
    expected = digest_of(table, row.key, row.values, secret)
    return "" if hmac.compare_digest(expected, last.digest) else CHANGED


def _in_former_form(model: Any, row: Row, last: LastDigest) -> tuple[Row | None, tuple[str, ...]]:
    """The row in the columns by which its digest was made; columns that no longer exist make it incomparable."""
    form = _model("RowForm").objects.filter(name=last.form).first()
    columns = tuple(form.columns) if form else ()
    present = {field.attname for field in model._meta.concrete_fields} | set(model.deciding_relations)
    if not columns or not present.issuperset(columns):
        return None, ()
    return next(read_rows(model, columns, pk=row.key), None), columns


# --- installations that had rows before ---------------------------------------------------------------------------


def adopt_rows(model: Any) -> tuple[int, list[Finding]]:
    """Take digests of rows that have none of today's form: (how many, rows refused because an older digest objects).

    For an upgrade: what was there before the first digest is taken over as it is, and the trail says so.
    """
    adopted, refused = 0, []
    form = form_of(model._meta.label_lower, deciding_columns(model))
    for of_rows, of_digests in _portions(model):
        with transaction.atomic():
            last = _last_digests(model._meta.label_lower, **of_digests)
            objections = [finding for finding in _compared(model, of_rows, of_digests) if finding.row in last]
            objected = {finding.row for finding in objections}
            keys = [
                row.key
                for row in read_rows(model, deciding_columns(model), **of_rows)
                if row.key not in objected and (row.key not in last or last[row.key].form != form)
            ]
            # Rows that nobody relies on get theirs when they need one.
            record_rows(model, keys)
            adopted += len(keys)
            refused += objections
    return adopted, refused
