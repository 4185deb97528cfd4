"""Whom an answer may be about: ``sub`` by value in the claims parameter, or ``id_token_hint``.

OpenID Connect Core, 3.1.2.1, 3.1.2.2 and 5.5.1. An answer about anybody else is never given: who is
signed in as another has to sign in, and who then signed in as another gets the portal an error.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from idp.oidc.authorization import AuthorizationError, AuthorizationRequest
from idp.storage.sessions import Seen


def asked_for(
    request: AuthorizationRequest,
    seen: Seen | None,
    sub_of: Callable[[UUID], str],
    *,
    since: datetime,
    hinted: str | None = None,
) -> Seen | None:
    """The session unless it is another person's than the one asked for.

    ``hinted`` is the subject of ``id_token_hint``. Raises ``AuthorizationError`` when that other
    person signed in for this very request: asking again would go round in circles.
    """
    if seen is None:
        return None
    subjects = request.wishes.subjects
    if subjects is None and hinted is None:
        return seen
    sub = sub_of(seen.session.account_id)
    is_named, is_hinted = subjects is None or sub in subjects, hinted in {None, sub}
    if is_named and is_hinted:
        return seen
    if max(proof.at for proof in seen.session.evidence) > since:
        error = "login_required" if is_named else "access_denied"
        raise AuthorizationError(
            error, "somebody else signed in than was asked for", request.target
        )
    return None
