"""``verified_claims``: who verified what, when and how.

OpenID Connect for Identity Assurance 1.0 and its schema definition.
"""
