"""What a package (zip: docx, xlsx, the container of a bid) does to its reader when it is not sound."""

import lzma
import struct
import zipfile
import zlib

#: What `zipfile` raises for a package or part it cannot take: damaged, of a later version, with a password, misnamed.
UNREADABLE_PACKAGE: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)
