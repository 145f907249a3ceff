"""Handing one mail to the mail server, and knowing afterwards what became of it.

SMTP has one moment of doubt: between the end of the text and the server's answer nobody can tell whether the server
took the mail (RFC 5321 §4.5.3.2.6). Everything before may be repeated; from there on a repetition may double the mail.
"""

import contextlib
import smtplib
from typing import Any

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend


class HandoverError(Exception):
    """The mail server did not confirm that it took the mail."""


class NotTaken(HandoverError):
    """Nothing was handed over, or the server asked to come again later (4xx): it may be tried again."""


class Refused(HandoverError):
    """The server refused this mail for good (5xx)."""


class Uncertain(HandoverError):
    """The connection was lost after the text was begun: the server may have taken the mail."""


class _Begins:
    """Notes when the text begins; mixed into smtplib's two clients."""

    content_begun = False

    def data(self, message: Any) -> Any:
        self.content_begun = True
        return super().data(message)  # type: ignore[misc]


class _Client(_Begins, smtplib.SMTP):
    pass


class _TlsClient(_Begins, smtplib.SMTP_SSL):
    pass


class SmtpBackend(EmailBackend):
    """Django's SMTP backend that can say whether the text of the last mail had begun."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _TlsClient if self.use_ssl else _Client

    @property
    def content_begun(self) -> bool:
        return bool(getattr(self.connection, "content_begun", False))


def _of_refusal(codes: list[int], error: Exception) -> HandoverError:
    """5xx is for good, 4xx for now (RFC 5321 §4.2.1)."""
    return Refused(str(error)) if codes and all(code >= 500 for code in codes) else NotTaken(str(error))


def hand_over(message: EmailMessage) -> None:
    """Give `message` to the mail server of the settings; returns when the server has confirmed that it took it.

    Raises NotTaken, Refused or Uncertain. Uncertain only with `SmtpBackend`: the other backends write to a place of
    our own. A message that cannot be written down raises what it raises, and nothing was handed over.
    """
    connection = get_connection()
    try:
        connection.open()
        connection.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        raise _of_refusal([code for code, _text in error.recipients.values()], error) from error
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        raise _of_refusal([error.smtp_code], error) from error
    except smtplib.SMTPNotSupportedError as error:
        raise Refused(str(error)) from error
    except Exception as error:
        # Whatever it is (a lost connection, a task's time limit): what matters is whether the text had begun.
        if getattr(connection, "content_begun", False):
            raise Uncertain(f"{type(error).__name__}: {error}") from error
        if isinstance(error, OSError | smtplib.SMTPException):
            raise NotTaken(f"{type(error).__name__}: {error}") from error
        raise
    finally:
        # The farewell changes nothing about what was taken.
        with contextlib.suppress(OSError, smtplib.SMTPException):
            connection.close()
