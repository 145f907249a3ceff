"""Engines behind the contract, chosen by `settings.SEARCH_URL`."""

import re
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from search.contract import Engine
from search.engines.embedded import EmbeddedEngine

_NODE = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")
_PREFIX = re.compile(r"[a-z0-9][a-z0-9_.-]{0,60}")
DEFAULT_PORT = "9200"


def engine_from_url(url: str) -> Engine:
    """`embedded:///absolute/folder` or `elasticsearch://host:port[,host2:port2][/index-prefix]`.

    Anything else is refused with the setting's name. Credentials have settings of their own: addresses are printed.
    """
    parts = urlsplit(url)
    if parts.scheme == "embedded" and parts.path.startswith("/"):
        return EmbeddedEngine(Path(parts.path))
    if parts.scheme == "elasticsearch" and "@" not in parts.netloc:
        return _cluster(url, parts)
    raise _refused(url if "@" not in url else f"{parts.scheme}://…")


def _cluster(url: str, parts: SplitResult) -> Engine:
    # Only an installation that uses a cluster carries its client.
    module = import_module("search.engines.elasticsearch")
    nodes = [_NODE.fullmatch(entry) for entry in parts.netloc.split(",")]
    prefix = parts.path.strip("/") or settings.SEARCH_INDEX_PREFIX
    if not all(nodes) or not _PREFIX.fullmatch(prefix):
        raise _refused(url)
    scheme = "https" if settings.SEARCH_TLS or settings.SEARCH_CA_CERTS else "http"
    connection = module.Connection(
        nodes=tuple(f"{scheme}://{node['host']}:{node['port'] or DEFAULT_PORT}" for node in nodes if node),
        prefix=prefix,
        shards=settings.SEARCH_SHARDS,
        replicas=settings.SEARCH_REPLICAS,
        api_key=settings.SEARCH_API_KEY,
        username=settings.SEARCH_USERNAME,
        password=settings.SEARCH_PASSWORD,
        ca_certs=settings.SEARCH_CA_CERTS,
    )
    return module.ElasticsearchEngine(connection)


def _refused(shown: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"SEARCH_URL={shown!r}：只支持 embedded:///绝对路径 或 elasticsearch://主机:端口[,主机:端口][/索引前缀]；"
        "账号用 SEARCH_API_KEY 或 SEARCH_USERNAME、SEARCH_PASSWORD 设置。请修改环境变量 SEARCH_URL。"
    )


@lru_cache(maxsize=8)
def _engine(url: str) -> Engine:
    return engine_from_url(url)


def get_engine(url: str | None = None) -> Engine:
    """The installation's engine (or the one of `url`), one object per process."""
    return _engine(url or settings.SEARCH_URL)
