"""Secrets that the embedded profile makes by itself, once per installation."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in this file, readable by its owner only; made by whoever asks first.

    Of several processes that ask at once one makes it, and no other ever reads half of it: the file appears whole.
    """
    if not path.exists():
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # 0600
        made = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(make())
            path.hardlink_to(made)
        except FileExistsError:  # another process was quicker: its secret is the installation's
            pass
        finally:
            made.unlink()
    return path.read_text(encoding="ascii").strip()
