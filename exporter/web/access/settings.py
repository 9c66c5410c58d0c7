"""The web configuration in force: resolved, validated, immutable.

Only :mod:`exporter.web.access.loading` makes a WebConfig from a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from exporter.web.tls import ServerTLS


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """A web configuration that has passed every check; as it is made, nobody is kept out.

    Attributes:
        tls: None for plain HTTP.
        users: the bcrypt hash of each user's password; empty lets everyone in.
        headers: sent with every answer, in the place of the exporter's own.
        warnings: what is allowed but deserves a line in the log.
    """

    tls: ServerTLS | None = None
    users: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    warnings: tuple[str, ...] = ()
