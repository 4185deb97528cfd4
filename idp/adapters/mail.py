"""Letters by SMTP (RFC 5321), to one configured relay."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate

from idp.adapters.http import Watched
from idp.config import Mail, MailSecurity, Tls
from idp.domain.errors import PortAnswerInvalid, PortUnavailable
from idp.domain.subjects import EmailAddress
from idp.metrics import Meter

NAME = "mail"


class MailAdapter:
    """Hands letters to the relay, one connection each."""

    def __init__(self, settings: Mail, tls: Tls, meter: Meter | None = None) -> None:
        self._settings, self._watched = settings, Watched(NAME, meter)
        self._context = ssl.create_default_context(cafile=tls.ca_bundle or None)

    def send(self, *, to: EmailAddress, subject: str, text: str, idempotency_key: str) -> None:
        """Hand one letter over.

        The relay knows a letter that comes twice by its Message-ID. Raises ``PortUnavailable``, or
        ``PortAnswerInvalid`` when the relay will never take this letter.
        """
        letter = EmailMessage()
        letter["Subject"] = subject
        letter["From"] = self._settings.sender
        letter["To"] = Address(addr_spec=to.value)
        letter["Date"] = formatdate(usegmt=True)
        domain = self._settings.sender.rpartition("@")[2].rstrip(">")
        letter["Message-ID"] = f"<{idempotency_key}@{domain}>"
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
        letter.set_content(text)
        with self._watched():
            self._hand_over(letter)

    def _hand_over(self, letter: EmailMessage) -> None:
        try:
            with self._relay() as relay:
                relay.send_message(letter)
        except smtplib.SMTPResponseException as error:
            if error.smtp_code >= _PERMANENT:
                raise PortAnswerInvalid(NAME, f"status {error.smtp_code}") from error
            raise PortUnavailable(NAME, f"status {error.smtp_code}") from error
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            if all(code >= _PERMANENT for code in codes):
                raise PortAnswerInvalid(NAME, "recipient refused") from error
            raise PortUnavailable(NAME, "recipient refused") from error
        except (OSError, smtplib.SMTPException) as error:
            raise PortUnavailable(NAME, type(error).__name__) from error

    @contextmanager
    def _relay(self) -> Iterator[smtplib.SMTP]:
        asked = self._settings
        if asked.security is MailSecurity.TLS:
            relay: smtplib.SMTP = smtplib.SMTP_SSL(
                asked.host, asked.port, timeout=asked.timeout, context=self._context
            )
        else:
            relay = smtplib.SMTP(asked.host, asked.port, timeout=asked.timeout)
        with relay:
            if asked.security is MailSecurity.STARTTLS:
                relay.starttls(context=self._context)
            if asked.username:
                relay.login(asked.username, asked.password)
            yield relay


_PERMANENT = 500
