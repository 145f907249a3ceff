"""Kept documents: what a row was last prepared to, so that a rebuild prepares only what changed (ADR 0008).

A kept document is taken when three things are equal to what it was made from: the *form* (schema with its version and
encoder, and the packages that cut texts), the collection statistics its norms were made with, and the digest of its
sources. It is never more than a saving: without any, an index is made from the rows.
"""

import hashlib
import random
import unicodedata
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from django.db.models import Exists, Max, Min, OuterRef

from search.documents.base import Index
from search.documents.sources import Source
from search.models import KeptDocument
from search.rows import rows_of
from search.statistics import TermStatistics

#: Documents in one statement.
BATCH = 500
#: Kept documents that `check` prepares again: so many places, so many after each.
SAMPLED_PLACES = 10
SAMPLED_AT_EACH = 10
#: Other releases of these may cut a text or spell a title otherwise.
_PROGRAMS = " ".join([*(f"{name} {version(name)}" for name in ("rjieba", "pypinyin")), unicodedata.unidata_version])


def form_of(index: Index) -> str:
    """Changes whenever this program may prepare a document otherwise than another one did."""
    return f"{index.schema.fingerprint}-{hashlib.sha256(_PROGRAMS.encode()).hexdigest()[:8]}"


def take(index: Index, sources: Sequence[Source], statistics: TermStatistics) -> dict[int, bytes]:
    """Those of these rows' documents that can be taken as they are, by key. `sources` are in the order of keys."""
    if not sources or not may_be_kept(index, statistics):
        return {}
    wanted = {source.key: source.digest for source in sources}
    rows = KeptDocument.objects.filter(
        index=index.name,
        key__range=(sources[0].key, sources[-1].key),
        form=form_of(index),
        statistics_number=statistics.number,
    )
    return {
        key: bytes(document)
        for key, digest, document in rows_of(rows.order_by().values_list("key", "sources", "document"))
        if wanted.get(key) == bytes(digest)
    }


def keep(index: Index, prepared: Iterable[tuple[int, bytes, bytes]], statistics: TermStatistics) -> None:
    """Keep these documents, given as (key, digest of the sources, packed document)."""
    if not may_be_kept(index, statistics):
        return
    form = form_of(index)
    KeptDocument.objects.bulk_create(
        [
            KeptDocument(
                index=index.name,
                key=key,
                form=form,
                statistics_number=statistics.number,
                sources=digest,
                document=document,
            )
            for key, digest, document in sorted(prepared)
        ],
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["index", "key"],
        update_fields=["form", "statistics_number", "sources", "document"],
    )


def may_be_kept(index: Index, statistics: TermStatistics) -> bool:
    """Statistics that are not stored cannot be told apart."""
    return index.text_of is None or statistics.number > 0


def forget(index: Index) -> None:
    """Every document of this index is prepared anew when it is needed next."""
    KeptDocument.objects.filter(index=index.name).delete()


def forget_unused(indexes: Iterable[Index]) -> int:
    """Drop documents of rows that are gone or no longer belong in their index; returns how many."""
    forgotten = KeptDocument.objects.exclude(index__in=[index.name for index in indexes]).delete()[0]
    for index in indexes:
        rows = index.get_queryset().order_by().prefetch_related(None).filter(pk=OuterRef("key"))
        # Looked for first: the table is long, and a deletion that looks for its rows would hold SQLite's one writer.
        unused = list(KeptDocument.objects.filter(~Exists(rows), index=index.name).values_list("pk", flat=True))
        for start in range(0, len(unused), BATCH):
            forgotten += KeptDocument.objects.filter(pk__in=unused[start : start + BATCH]).delete()[0]
    return forgotten


def sample(index: Index) -> list[int]:
    """Keys of some kept documents, from everywhere in the table; all of them where they are few."""
    kept = KeptDocument.objects.filter(index=index.name).order_by("key")
    ends = kept.aggregate(first=Min("key"), last=Max("key"))
    if ends["first"] is None:
        return []
    if ends["last"] - ends["first"] < SAMPLED_PLACES * SAMPLED_AT_EACH:
        places, at_each = [ends["first"]], SAMPLED_PLACES * SAMPLED_AT_EACH
    else:
        places = [random.randint(ends["first"], ends["last"]) for _place in range(SAMPLED_PLACES)]
        at_each = SAMPLED_AT_EACH
    found: set[int] = set()
    for place in places:
        found.update(kept.filter(key__gte=place).values_list("key", flat=True)[:at_each])
    return sorted(found)
