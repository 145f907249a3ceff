"""Named places in pages of a lower app that higher apps fill (architecture.md §10.1).

The filler checks permission itself and returns safe HTML, or "" for a viewer who may not see it.
"""

from collections.abc import Callable
from typing import Any

from django.utils.safestring import SafeString, mark_safe

Filler = Callable[[Any, Any], str]
_fillers: dict[str, list[Filler]] = {}


def fill(place: str, filler: Filler) -> None:
    """Register `filler(request, obj) -> safe HTML` for `place`; called from an app's `AppConfig.ready`."""
    fillers = _fillers.setdefault(place, [])
    if filler not in fillers:
        fillers.append(filler)


def render(place: str, request: Any, obj: Any) -> SafeString:
    """Everything registered for `place`, in order of registration. Fillers return already escaped templates."""
    return mark_safe("".join(str(filler(request, obj)) for filler in _fillers.get(place, ())))  # noqa: S308
