"""The sections of ``global`` or of a workspace, each checked where it stands.

A section is resolved once, against the directory of its own file, so that a workspace of another file can
inherit it as it is.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import msgspec

from exporter.config import addresses
from exporter.config.authorization import read_authorization
from exporter.config.certificates import read_tls
from exporter.config.credentials import Credentials, Secret
from exporter.config.document import FilterDocument, RememberDocument, StatusesDocument, WorkspaceSettings
from exporter.config.expectations import read_rules
from exporter.config.problems import Findings, Place
from exporter.config.settings import TLS, ExpectRule, Filter, Remember, Statuses


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """What one place says; None where it says nothing, or nothing usable."""

    authorization: Credentials | None = None
    tls_config: TLS | None = None
    proxy_url: Secret | None = None
    no_proxy: tuple[str, ...] | None = None
    filter: Filter | None = None
    statuses: Statuses | None = None
    remember: Remember | None = None
    expect: tuple[ExpectRule, ...] | None = None

    def over(self, inherited: Self) -> Self:
        """Return these sections, with the inherited ones where there is none."""
        merged = {}
        for field in fields(self):
            own = getattr(self, field.name)
            merged[field.name] = getattr(inherited, field.name) if own is None else own
        return type(self)(**merged)


def read_sections(settings: WorkspaceSettings, place: Place, directory: Path, findings: Findings) -> Sections:
    """Check every section; what cannot be used is told to the findings."""
    return Sections(
        authorization=None
        if settings.authorization is None
        else read_authorization(settings.authorization, place.key("authorization"), directory, findings),
        tls_config=None
        if settings.tls_config is None
        else read_tls(settings.tls_config, place.key("tls_config"), directory, findings),
        proxy_url=None
        if settings.proxy_url is None
        else _read_proxy(settings.proxy_url, place.key("proxy_url"), findings),
        no_proxy=None if settings.no_proxy is None else _read_hosts(settings.no_proxy, place.key("no_proxy"), findings),
        filter=None if settings.filter is None else _read_filter(settings.filter, place.key("filter"), findings),
        statuses=None if settings.statuses is None else Statuses(**_written(settings.statuses)),
        remember=None if settings.remember is None else Remember(**_written(settings.remember)),
        expect=None if settings.expect is None else read_rules(settings.expect, place.key("expect"), findings),
    )


def _written(section: StatusesDocument | RememberDocument) -> dict[str, Any]:
    """Return what a section says, so that the rest keeps its defaults."""
    return {name: value for name, value in msgspec.structs.asdict(section).items() if value is not None}


def _read_proxy(address: Secret, place: Place, findings: Findings) -> Secret | None:
    try:
        return Secret(addresses.proxy_url(address.reveal))
    except ValueError as error:
        findings.problem(place, str(error))
        return None


def _read_hosts(entries: tuple[str, ...], place: Place, findings: Findings) -> tuple[str, ...]:
    hosts = []
    for entry in entries:
        try:
            hosts.append(addresses.direct_host(entry))
        except ValueError as error:
            findings.problem(place, str(error))
    return tuple(hosts)


def _read_filter(section: FilterDocument, place: Place, findings: Findings) -> Filter:
    leaves = "a trunk that loses the binding leaves the list instead of showing as unbound, so the expected and"
    if section.agent_uuid is not None:
        findings.warning(place.key("agent_uuid"), f"{leaves} unbound metrics leave out every channel")
    elif section.channel is not None:
        findings.warning(place.key("channel"), f"{leaves} unbound metrics leave out {section.channel}")
    return Filter(channel=section.channel, agent_uuid=section.agent_uuid, search=section.search)
