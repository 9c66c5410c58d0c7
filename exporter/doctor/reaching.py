"""The steps from this machine to the API.

Each looks at a trial, and finds nothing where the poll did not get so far.
"""

import httpx

from exporter.api.client import PATH
from exporter.api.errors import Reason
from exporter.config.addresses import sends_unencrypted
from exporter.doctor.finding import Finding, doubtful, failed, well
from exporter.doctor.sight import ON_CONNECTION, WITHIN_TUNNEL, Handshake, Host
from exporter.doctor.trial import Trial

_ANSWERS_OF_THE_API = frozenset({401, 403, 422})  # beside a page that can be read
_DEFAULT_PORTS = {"http": 80, "https": 443}
_DAY = 86400.0
_EXPIRES_SOON = 21  # days


def name_resolution(trial: Trial) -> Finding | None:
    """Look whether the host's name has an address."""
    host = trial.sight.host
    if host is None:
        return None
    if not trial.addresses:
        return failed(trial.fault.seen, trial.fault.remedy) if trial.fault else None
    found = f"{host.name} is {'an address' if host.name in trial.addresses else ' or '.join(trial.addresses)}"
    if _is_proxied(trial):
        return well(f"of the proxy: {found}; it resolves {_api(trial).name} itself")
    return well(found)


def connection(trial: Trial) -> Finding | None:
    """Look whether a connection could be made."""
    host, peer = trial.sight.host, trial.sight.peer
    if host is None or peer is None:
        return None
    return well(f"to {'the proxy at ' if _is_proxied(trial) else ''}{Host(peer, host.port)}")


def proxy(trial: Trial) -> Finding | None:
    """Look whether the proxy, if there is one, passes on."""
    settings = trial.workspace.proxy
    if trial.sight.host is not None and not _is_proxied(trial):
        bypassed = settings.url is not None or settings.from_environment
        return well(f"not used for {_api(trial).name}" if bypassed else "none")
    if not (WITHIN_TUNNEL in trial.sight.handshakes or trial.sight.answers):
        return None
    over_tls = ", over TLS," if ON_CONNECTION in trial.sight.handshakes else ""
    return well(f"{trial.sight.host}{over_tls} passes on to {_api(trial)}")


def tls(trial: Trial) -> Finding | None:
    """Look at the certificate."""
    if not _is_encrypted(trial):
        if sends_unencrypted(trial.workspace.base_url):
            return doubtful("none: whoever is on the way can read the token", "write https:// in base_url")
        return well("none: the API is on this machine")
    proxied = _is_proxied(trial)
    handshake = trial.sight.handshakes.get(WITHIN_TUNNEL if proxied else ON_CONNECTION)
    refused_afterwards = trial.fault is not None and trial.fault.reason is Reason.TLS and not trial.sight.answers
    if handshake is None or handshake.version is None or refused_afterwards:
        return None
    through = "through the proxy, with the API: " if proxied else ""
    return _certificate(trial, handshake, f"{through}{handshake.version}")


def _certificate(trial: Trial, handshake: Handshake, spoken: str) -> Finding:
    if handshake.expires_at is None:
        return doubtful(
            f"{spoken}; the certificate is not checked (insecure_skip_verify)",
            "trust its authority with ca_file instead",
        )
    days = int((handshake.expires_at - trial.ended_at) // _DAY)
    seen = f"{spoken}; the certificate for {handshake.name} expires in {days} day{'' if days == 1 else 's'}"
    if days < _EXPIRES_SOON:
        return doubtful(seen, "have it renewed: once it has expired, every poll fails")
    return well(seen)


def api(trial: Trial) -> Finding | None:
    """Look whether it is the API that answers."""
    statuses = {answer.status for answer in trial.sight.answers}
    if trial.sight.first_page is None and not statuses & _ANSWERS_OF_THE_API:
        return None
    return well(f"answers at {trial.workspace.base_url}{PATH}")


def _api(trial: Trial) -> Host:
    url = httpx.URL(trial.workspace.base_url)
    return Host(url.raw_host.decode().strip("[]"), url.port or _DEFAULT_PORTS[url.scheme])


def _is_proxied(trial: Trial) -> bool:
    """Tell whether connections go elsewhere than to the API itself."""
    return trial.sight.host is not None and trial.sight.host != _api(trial)


def _is_encrypted(trial: Trial) -> bool:
    return trial.workspace.base_url.startswith("https:")
