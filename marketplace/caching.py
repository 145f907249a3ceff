"""The cache may be lost at any moment: pages are slower then, never broken (reliability.md D.2.8)."""

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger("marketplace.cache")

#: After a failure the server is left alone for so long, so that requests do not queue up behind its timeouts.
PAUSE_SECONDS = 5.0
#: What each operation answers when there is no server: as if nothing were stored.
_ANSWERS: dict[str, Callable[..., Any]] = {
    "get": lambda _key, default=None, *_rest, **_options: default,
    "get_many": lambda *_arguments, **_options: {},
    "has_key": lambda *_arguments, **_options: False,
    "add": lambda *_arguments, **_options: True,
    "set": lambda *_arguments, **_options: None,
    "set_many": lambda keys, *_arguments, **_options: list(keys),
    "touch": lambda *_arguments, **_options: False,
    "delete": lambda *_arguments, **_options: False,
    "delete_many": lambda *_arguments, **_options: None,
    "incr": lambda _key, delta=1, *_arguments, **_options: delta,
    "clear": lambda *_arguments, **_options: False,
}


class PatientRedisCache(RedisCache):
    """Redis, or an empty cache while it does not answer. Rate limits are then not applied; nginx's still are."""

    _down_until = 0.0

    def _guarded(self, name: str, *arguments: Any, **options: Any) -> Any:
        if time.monotonic() < type(self)._down_until:
            return _ANSWERS[name](*arguments, **options)
        try:
            return getattr(super(), name)(*arguments, **options)
        except (RedisError, OSError) as error:
            type(self)._down_until = time.monotonic() + PAUSE_SECONDS
            logger.warning("cache is not available: %s", error)
            return _ANSWERS[name](*arguments, **options)


def _operation(name: str) -> Callable[..., Any]:
    @functools.wraps(getattr(RedisCache, name))
    def guarded(self: PatientRedisCache, *arguments: Any, **options: Any) -> Any:
        return self._guarded(name, *arguments, **options)

    return guarded


for _name in _ANSWERS:
    setattr(PatientRedisCache, _name, _operation(_name))
