"""What only the platform's own account may read; secrets that the embedded profile makes once per installation."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

#: What our processes write is their owner's: files 600, folders 700.
OWNER_ONLY = 0o077


def keep_to_owner() -> None:
    """From now on nothing that this process or its children write is readable for another account."""
    os.umask(OWNER_ONLY)


def take_from_others(folder: Path) -> int:
    """Take from other accounts what an earlier release or a tool left open below `folder`; how many there were."""
    found = 0
    for path in (folder, *folder.rglob("*")):
        mode = path.lstat().st_mode
        if mode & OWNER_ONLY and not path.is_symlink():
            path.chmod(mode & ~OWNER_ONLY & 0o7777)
            found += 1
    return found


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
