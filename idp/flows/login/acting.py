"""A person in an enterprise signs in as themselves, or for the enterprise (formats B.9, rule 5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from idp.authenticators.contract import Presented
from idp.domain import identities
from idp.domain.accounts import Account, AccountStatus, Attribute
from idp.domain.assurance import IAL, Amr, Evidence
from idp.flows.answers import Answer, Journey, Visitor
from idp.flows.login.entering import Entering
from idp.flows.login.state import Choice, LoginState, SignedIn
from idp.flows.login.steps import Steps, proven_by
from idp.flows.opening import Acting
from idp.storage.models import milliseconds, moment
from idp.storage.representatives import RepresentativeStore


@dataclass(frozen=True, slots=True)
class ActingSteps:
    """For whom a certificate's holder signs in."""

    steps: Steps
    entering: Entering
    representatives: RepresentativeStore

    def present(
        self,
        journey: Journey[LoginState],
        presented: Presented,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[LoginState] | SignedIn:
        """One's own account, or the enterprise that lets one act for it (formats B.9, rule 5)."""
        credential, evidence = presented.credential, presented.evidence
        is_for_account = bool(journey.state.binding or journey.state.reverifying)
        if presented.employer is not None and not is_for_account:
            choice = self._choice(presented)
            if isinstance(choice, Choice):
                return self.steps.answer(self.steps.put(journey, screen=None, choice=choice))
            if choice and not presented.opens_owner:
                return self.steps.refuse(journey, choice, {})
        if not presented.opens_owner:
            return self.steps.refuse(journey, "refusal.certificate_staff", {})
        if journey.state.reverifying:
            return self.entering.reverify(journey, presented, visitor, now=now)
        return self.entering.enter(journey, credential, evidence, visitor, now=now)

    def act(
        self, journey: Journey[LoginState], account: str, visitor: Visitor, *, now: datetime
    ) -> Answer[LoginState] | SignedIn:
        """Sign in for the account that was chosen, as long as the signature is fresh."""
        choice = journey.state.choice
        if choice is None or account not in {choice.owns, choice.organisation} - {""}:
            return self.steps.answer(journey)
        method, ial, amr, at = choice.evidence
        evidence = Evidence(method, IAL(ial), tuple(map(Amr, amr)), moment(at))
        credential = identities.credential_from_text(choice.credential)
        journey = self.steps.put(journey, choice=None)
        if now - evidence.at > _CHOICE_LIVES:
            return self.steps.refuse(journey, "refusal.signature_late", {})
        if account == choice.owns:
            return self.entering.enter(journey, credential, evidence, visitor, now=now)
        firm, actor = UUID(hex=choice.organisation), UUID(hex=choice.actor)
        if not self.representatives.may_act(firm, credential.numbers):
            return self.steps.refuse(journey, "refusal.representative_over", {})
        acting = Acting(actor, choice.actor_name, choice.organisation_name)
        proven = replace(proven_by(journey, firm, evidence), acting=acting)
        return self.steps.finish(journey, proven, visitor, now=now)

    def _choice(self, presented: Presented) -> Choice | str:
        """For whom its holder may act, or why not, or nothing: the employer never said so."""
        numbers = presented.credential.numbers
        employer = presented.employer
        firm = self.steps.accounts.find_by_id_number(employer) if employer else None
        if firm is None or not self.representatives.may_act(firm.id, numbers):
            return ""
        people = (self.steps.accounts.find_by_id_number(number) for number in numbers)
        person = next((found for found in people if found), None)
        if person is None:
            return "refusal.representative_account"
        if AccountStatus.FROZEN in {person.status, firm.status}:
            return "refusal.frozen"
        evidence = presented.evidence
        return Choice(
            person.id.hex,
            self._name(person.id),
            firm.id.hex,
            self._name(firm.id),
            person.id.hex if self._owns(presented, person) else "",
            identities.credential_to_text(presented.credential),
            (
                evidence.method,
                int(evidence.ial),
                tuple(map(str, evidence.amr)),
                milliseconds(evidence.at),
            ),
        )

    def _owns(self, presented: Presented, person: Account) -> bool:
        if not presented.opens_owner:
            return False
        owner = self.steps.credentials.owner(presented.credential)
        owner = owner or self.steps.credentials.owner_of_predecessor(presented.credential)
        return owner == person.id

    def _name(self, account_id: UUID) -> str:
        found = self.steps.accounts.identity(account_id).find(Attribute.FULL_NAME)
        return found.value if found else ""


_CHOICE_LIVES = timedelta(minutes=5)
