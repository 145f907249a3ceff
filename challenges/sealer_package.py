"""The command-line sealer as one file: what a bidder downloads who does not want to trust a page that a server sent.

Made of the package's own files, the same bytes on every installation of a release: entries in order, one date, stored
and not compressed (compressors differ). So its digest can be compared with one published elsewhere.
"""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import challenges.sealing

FILE_NAME = "challenges-sealing.zip"
REQUIREMENT = "cryptography==50.0.2"
SUFFIXES = (".py", ".json")
#: The earliest date a zip can carry: files have none that means anything here.
_DATE = (1980, 1, 1, 0, 0, 0)
_READ_ME = f"""命令行封标和查证工具 (challenges.sealing)

需要 Python 3.11 或更新的版本。在解压后的文件夹里运行：

    pip install {REQUIREMENT}
    python -m challenges.sealing --help

封标：
    python -m challenges.sealing seal --call call.json --bid bid.json --price price.json --attachment 方案.pdf --out out
核对回执（开启前）：
    python -m challenges.sealing verify-receipt --call call.json --receipt receipt.json
查证记录（开启后）：
    python -m challenges.sealing verify record.json --receipt receipt.json

call.json 在榜单页面“密封与查证”处下载，record.json 在开启后的同一处下载。price.json 中的金额以“分”为单位的整数填写，
1 万元写作 1000000。
"""


@dataclass(frozen=True)
class Package:
    """The zip's bytes with their hex SHA-256."""

    content: bytes
    sha256: str


def package_files() -> list[tuple[str, bytes]]:
    """(name in the zip, bytes), in order: the sealer's own folder below an empty package, and how to begin."""
    folder = Path(challenges.sealing.__file__).parent
    own = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    files = [(f"challenges/sealing/{path.name}", path.read_bytes()) for path in own]
    return [
        ("README.txt", _READ_ME.encode()),
        ("challenges/__init__.py", b""),
        *files,
        ("requirements.txt", f"{REQUIREMENT}\n".encode()),
    ]


@lru_cache(maxsize=1)
def sealer_package() -> Package:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as package:
        for name, content in package_files():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.external_attr, entry.create_system = 0o644 << 16, 3
            package.writestr(entry, content)
    content = sink.getvalue()
    return Package(content, hashlib.sha256(content).hexdigest())
