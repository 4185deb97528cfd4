"""Settings: ``config.toml`` as frozen dataclasses; every mistake is told at once, with its line.

Order: the defaults here, the file, the environment (``IDP_<SECTION>__<NAME>``). Unknown keys are
refused. The production profile refuses what is only good enough for a demonstration (security.md,
rule 10). Durations are in seconds. Paths are relative to the file's folder.
"""

from idp.config.reading import load
from idp.config.sections import (
    Account,
    CaptchaSettings,
    Config,
    DatabaseSettings,
    Federation,
    Keys,
    Limits,
    Log,
    Mail,
    MailSecurity,
    MethodSettings,
    Mtls,
    Oidc,
    Operators,
    Otp,
    Password,
    Profile,
    RegistrationMode,
    Server,
    Signals,
    SignatureFormat,
    SigningTool,
    Sim,
    Sms,
    System,
    Tls,
)
from idp.config.writing import to_toml, with_folder

__all__ = [
    "Account",
    "CaptchaSettings",
    "Config",
    "DatabaseSettings",
    "Federation",
    "Keys",
    "Limits",
    "Log",
    "Mail",
    "MailSecurity",
    "MethodSettings",
    "Mtls",
    "Oidc",
    "Operators",
    "Otp",
    "Password",
    "Profile",
    "RegistrationMode",
    "Server",
    "Signals",
    "SignatureFormat",
    "SigningTool",
    "Sim",
    "Sms",
    "System",
    "Tls",
    "load",
    "to_toml",
    "with_folder",
]
