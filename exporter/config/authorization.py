"""The section ``authorization``: where the token comes from. The token itself is read later."""

import re
from pathlib import Path

from exporter.config.credentials import (
    Credentials,
    CredentialsError,
    EnvironmentCredentials,
    FileCredentials,
    InlineCredentials,
)
from exporter.config.document import AuthorizationDocument
from exporter.config.permissions import warn_of_readers
from exporter.config.problems import Findings, Place
from exporter.config.wording import one_of

HOW = "credentials_file: /path/to/token or credentials_env: MIHU_API_TOKEN"

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_authorization(
    section: AuthorizationDocument, place: Place, directory: Path, findings: Findings
) -> Credentials | None:
    """Return where the token comes from; None, and a problem, unless there is exactly one such place."""
    written = [name for name in section.__struct_fields__ if getattr(section, name) is not None]
    if len(written) > 1:
        findings.problem(place, f"has {one_of(written, 'and')}; keep one of them")
        return None
    if section.credentials_file is not None:
        return FileCredentials(directory / section.credentials_file)
    if section.credentials_env is not None:
        return _read_variable(section.credentials_env, place.key("credentials_env"), findings)
    if section.credentials is not None:
        findings.warning(
            place.key("credentials"),
            "the token stands in the configuration, where everyone who reads that sees it; "
            "better use credentials_file or credentials_env",
        )
        return InlineCredentials(section.credentials)
    if not findings.wrong(place):
        findings.problem(place, f"names no token; write {HOW}")
    return None


def check_token(credentials: Credentials, place: Place, findings: Findings) -> None:
    """Warn of a token that cannot be read, or that others can read too."""
    try:
        if isinstance(credentials, FileCredentials):
            content = credentials.content(credentials.begin_reading())
            warn_of_readers(content.mode, place.key("credentials_file"), findings)
            credentials.token_in(content)
        else:
            credentials.read()
    except CredentialsError as error:
        findings.warning(place, str(error))


def _read_variable(name: str, place: Place, findings: Findings) -> Credentials | None:
    if _VARIABLE.fullmatch(name):
        return EnvironmentCredentials(name)
    # Not repeated: it may well be the token itself.
    findings.problem(
        place,
        "should be the name of an environment variable: letters, digits and _, no $; such as MIHU_API_TOKEN",
    )
    return None
