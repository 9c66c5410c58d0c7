"""The section ``basic_auth_users``. No message repeats a hash: it may be the password itself."""

import re
from collections.abc import Mapping

from exporter.config.problems import Findings, Place, kind

_HASH = re.compile(r"\$2[aby]\$(?P<cost>0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
_HOW = "htpasswd -nBC 10 NAME prints it after the colon"
_HIGHEST_COST = 14  # some 2 seconds for a check, for which stopping may have to wait


def read_users(section: object, place: Place, findings: Findings) -> Mapping[str, bytes]:
    """Return the users with their hashes; those that cannot be used are told to the findings."""
    if not isinstance(section, dict):
        findings.problem(place, f"should be a mapping of names to hashes, but is {kind(section)}")
        return {}
    users = {}
    for number, (name, written) in enumerate(section.items(), start=1):
        if written is None:
            # {password} without a name is, to YAML, a name without a hash.
            findings.problem(place, f"entry {number} has no hash; write NAME: HASH, {_HOW}")
        elif not isinstance(name, str):
            findings.problem(place, f"the name of entry {number} is {kind(name)}; put it in quotes")
        elif not name or ":" in name or not name.isprintable():
            findings.problem(place, f'the name of entry {number} is empty, or holds ":" or an invisible character')
        elif (hash_ := _read_hash(written, place.key(name), findings)) is not None:
            users[name] = hash_
    return users


def _read_hash(written: object, place: Place, findings: Findings) -> bytes | None:
    match = _HASH.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        findings.problem(place, f"should be a bcrypt hash, such as $2y$10$...; {_HOW}")
        return None
    if int(match["cost"]) > _HIGHEST_COST:
        findings.problem(
            place, f"has cost {match['cost']}, so that checking a password takes too long; hash it again with cost 10"
        )
        return None
    return match[0].encode()
