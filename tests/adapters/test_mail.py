"""Letters over real SMTP: adapter and the sandbox's relay, and a relay that fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from idp.adapters.mail import MailAdapter
from idp.config import Mail, MailSecurity, Tls
from idp.domain.errors import PortUnavailable
from idp.domain.subjects import EmailAddress
from idp.sandbox.faults import Faults
from idp.sandbox.mail import Mailbox, relay
from tests.support.ports import free_port

TO = EmailAddress("hoa@example.vn")


class World:
    """A relay on a port of its own."""

    def __init__(self) -> None:
        self.mailbox, self.faults = Mailbox(), Faults()
        self.settings = Mail(host="127.0.0.1", port=free_port())
        self.relay = relay(self.mailbox, self.faults, port=self.settings.port)

    def send(self, text: str = "Mã là 123456.", key: str = "k1", subject: str = "Xin chào") -> None:
        adapter = MailAdapter(self.settings, Tls())
        adapter.send(to=TO, subject=subject, text=text, idempotency_key=key)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.relay.start()
    yield made
    made.relay.stop()


def test_a_letter_arrives_with_its_diacritics(world: World) -> None:
    world.send()

    [letter] = world.mailbox.newest_first(to="hoa@example.vn")
    assert letter.subject == "Xin chào"
    assert letter.text.strip() == "Mã là 123456."
    assert letter.code == "123456"


def test_a_letter_that_is_sent_twice_arrives_once(world: World) -> None:
    for key in ("k1", "k1", "k2"):
        world.send(key=key)

    assert len(world.mailbox.newest_first()) == 2


def test_a_relay_that_says_later_is_unavailable(world: World) -> None:
    world.faults.set(system="mail", mode="error", seconds=60)

    with pytest.raises(PortUnavailable):
        world.send()
    assert world.mailbox.newest_first() == []


def test_a_relay_that_is_down_is_unavailable() -> None:
    with pytest.raises(PortUnavailable):
        World().send()


def test_a_relay_without_the_wanted_protection_gets_nothing(world: World) -> None:
    world.settings = replace(world.settings, security=MailSecurity.STARTTLS)

    with pytest.raises(PortUnavailable):
        world.send()
    assert world.mailbox.newest_first() == []


@pytest.mark.parametrize("subject", ["a\r\nBcc: x@example.vn", "a\nb"])
def test_no_header_can_be_smuggled_in(world: World, subject: str) -> None:
    with pytest.raises(ValueError, match=r"linefeed|newline|control"):
        world.send(subject=subject)
    assert world.mailbox.newest_first() == []


def test_a_long_letter_keeps_its_lines(world: World) -> None:
    text = "\n".join(f"Dòng {number}: {'chữ ' * 40}" for number in range(50))

    world.send(text=text)

    assert world.mailbox.newest_first()[0].text.strip() == text.strip()
