"""A question on another device (RFC 8628; CIBA): begun, answered, and carried to a phone.

decoupled_asking.py      a device or a client begins a request
decoupled_answering.py   yes or no, once, whoever says it; for a page
decoupled_phones.py      the worker rings the person's phone and takes its answer
"""

from __future__ import annotations

from dataclasses import dataclass

from idp.flows.decoupled_answering import Answering
from idp.flows.decoupled_asking import Asking
from idp.flows.decoupled_phones import Phones


@dataclass(frozen=True, slots=True)
class DecoupledFlow:
    """The three parts."""

    asking: Asking
    answering: Answering
    phones: Phones
