"""A secret of the installation is made once, whole, and for its owner's eyes."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from core.secret_files import kept_secret


def test_it_is_made_once_and_readable_by_its_owner_only(tmp_path):
    path, made = tmp_path / "key", count(1)
    assert kept_secret(path, lambda: f"secret {next(made)}") == "secret 1"
    assert kept_secret(path, lambda: f"secret {next(made)}") == "secret 1"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["key"]


def test_whoever_comes_second_gets_the_secret_of_the_first(tmp_path):
    path = tmp_path / "key"

    def overtaken() -> str:
        path.write_text("of the first", encoding="ascii")
        return "of the second"

    assert kept_secret(path, overtaken) == "of the first"
    assert os.listdir(tmp_path) == ["key"]


def test_many_at_once_all_get_the_same_whole_secret(tmp_path):
    made = count(1)
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _n: kept_secret(tmp_path / "key", lambda: f"{next(made):064d}"), range(64)))
    assert len(found) == 1
    assert len(found.pop()) == 64
