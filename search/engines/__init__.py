"""Engines behind the contract, chosen by `settings.SEARCH_URL`."""

from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from search.contract import Engine
from search.engines.embedded import EmbeddedEngine


def engine_from_url(url: str) -> Engine:
    """`embedded:///absolute/folder`. Another scheme is refused with the setting's name."""
    parts = urlsplit(url)
    if parts.scheme == "embedded" and parts.path.startswith("/"):
        return EmbeddedEngine(Path(parts.path))
    raise ImproperlyConfigured(
        f"SEARCH_URL={url!r}：只支持 embedded:///绝对路径（Elasticsearch 见 issue 4）。请修改环境变量 SEARCH_URL。"
    )


@lru_cache(maxsize=8)
def _engine(url: str) -> Engine:
    return engine_from_url(url)


def get_engine(url: str | None = None) -> Engine:
    """The installation's engine (or the one of `url`), one object per process."""
    return _engine(url or settings.SEARCH_URL)
