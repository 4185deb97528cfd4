"""The implicit flow (OpenID Connect Core, 3.2), where an operator turned it on."""
