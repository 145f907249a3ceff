"""Errors of the product's rules: what is wrong, where, and what to do, in the user's language.

Each carries a stable code (part of the API's contract) and the HTTP status its interfaces answer with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Reason:
    """One thing that stands in the way. `field` names the form field to mend, or is empty."""

    code: str
    message: str
    field: str = ""


class DomainError(Exception):
    """A rule refused the request; nothing was changed."""

    code = "refused"
    status = 400

    def __init__(self, message: str, *, code: str | None = None, fields: dict[str, list[str]] | None = None) -> None:
        super().__init__(str(message))
        self.message = str(message)
        self.fields = fields or {}
        if code is not None:
            self.code = code

    @property
    def reasons(self) -> list[Reason]:
        """The error as a list, for the summary above a form."""
        if not self.fields:
            return [Reason(self.code, self.message)]
        return [Reason(self.code, text, name) for name, texts in self.fields.items() for text in texts]


class InvalidInput(DomainError):
    """What was entered cannot be accepted; `fields` maps each field to its messages."""

    code = "invalid_input"
    status = 400

    def __init__(self, fields: dict[str, list[str]], message: str | None = None) -> None:
        super().__init__(message or str(_("填写的内容有误，请按提示修改。")), fields=fields)


class NotPermitted(DomainError):
    code = "not_permitted"
    status = 403

    def __init__(self, message: str | None = None, **options) -> None:
        super().__init__(
            message or str(_("您当前的角色不能进行这项操作。如确需办理，请切换机构或联系本单位管理员。")), **options
        )


class ObjectNotFound(DomainError):
    """The object is missing, or the viewer may not know that it exists (security.md C.4)."""

    code = "not_found"
    status = 404

    def __init__(self, message: str | None = None, **options) -> None:
        super().__init__(message or str(_("没有找到相应的内容，可能已被撤回，或者您没有查看权限。")), **options)


class IllegalTransition(DomainError):
    code = "illegal_transition"
    status = 409


class EditConflict(DomainError):
    """Somebody else saved first. The typed text is not lost: the page shows both versions."""

    code = "edit_conflict"
    status = 409

    def __init__(self, message: str | None = None, **options) -> None:
        super().__init__(
            message or str(_("您打开页面之后，内容已被他人修改。您填写的内容仍保留在页面上，请核对后再保存。")),
            **options,
        )


class GuardFailed(DomainError):
    """The state allows the action, but conditions are not met: all of them are listed, not the first."""

    code = "conditions_not_met"
    status = 409

    def __init__(self, reasons: Sequence[Reason], message: str | None = None) -> None:
        fields: dict[str, list[str]] = {}
        for reason in reasons:
            fields.setdefault(reason.field, []).append(str(reason.message))
        super().__init__(
            message or "；".join(str(reason.message) for reason in reasons),
            fields=fields,
        )
        self._reasons = list(reasons)

    @property
    def reasons(self) -> list[Reason]:
        return self._reasons


class ServiceUnavailable(DomainError):
    """A part of the platform is down; the request may be repeated later."""

    code = "service_unavailable"
    status = 503
