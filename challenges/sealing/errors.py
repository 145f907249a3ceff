"""What this room refuses, in the user's language, without Django (the command-line sealer has none).

`code` is stable and meant for programs; callers inside the platform turn a `SealingError` into a domain error.
"""


class SealingError(Exception):
    """A cryptographic rule was broken; nothing was produced that may be used."""

    code = "sealing_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UnknownSuite(SealingError):
    """The suite is not in the table: refused, never guessed (security.md §0, fail closed)."""

    code = "unknown_suite"


class MalformedInput(SealingError):
    """A file or a value does not have the form that docs/sealing.md gives it."""

    code = "malformed"


class LimitExceeded(SealingError):
    """More or larger parts than the declared limits allow."""

    code = "limit_exceeded"


class ContextMismatch(SealingError):
    """The envelope or key is meant for another challenge, organisation, bid, version or kind."""

    code = "context_mismatch"


class CannotDecrypt(SealingError):
    """Wrong key, wrong context or changed bytes: authenticated decryption does not tell which."""

    code = "cannot_decrypt"


class InvalidSubset(SealingError):
    """The officers chosen may not open together (too few, twice the same, or all of one organisation)."""

    code = "invalid_subset"


class InvalidSignature(SealingError):
    """The signature does not belong to these contents and this key."""

    code = "invalid_signature"
