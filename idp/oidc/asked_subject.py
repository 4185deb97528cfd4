"""``sub`` asked for by value in the claims parameter (OpenID Connect Core, 3.1.2.2, 5.5.1).

An answer about anybody else is never given: who is signed in as another has to sign in, and who
then signed in as another gets the portal an error.
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
) -> Seen | None:
    """The session unless it is another person's than the one asked for.

    Raises ``AuthorizationError('access_denied')`` when that other person signed in for this very
    request: asking again would go round in circles.
    """
    subjects = request.wishes.subjects
    if subjects is None or seen is None or sub_of(seen.session.account_id) in subjects:
        return seen
    if max(proof.at for proof in seen.session.evidence) > since:
        detail = "somebody else signed in than was asked for"
        raise AuthorizationError("access_denied", detail, request.target)
    return None
