"""From the documents to the settings in force."""

from collections.abc import Collection

from exporter.config import addresses
from exporter.config.authorization import HOW
from exporter.config.credentials import Credentials
from exporter.config.document import MetricsDocument, WorkspaceDocument
from exporter.config.layers import Layers
from exporter.config.problems import Findings, Place
from exporter.config.proxies import resolve_proxy
from exporter.config.settings import TLS, Filter, Metrics, NumberStyle, Remember, Statuses, Workspace
from exporter.config.timings import resolve_timings
from exporter.config.wording import did_you_mean, quoted

_DOCUMENTED_PER_PAGE = 100


def resolve_workspace(
    name: str | None, document: WorkspaceDocument, layers: Layers, findings: Findings
) -> Workspace | None:
    """Return the settings of a workspace; None, and problems, where they cannot be used."""
    address = _resolve_address(document, layers, findings)
    credentials = _resolve_credentials(layers, findings)
    timings = resolve_timings(layers, findings)
    _warn_of_page_size(layers, findings)
    proxy = None if address is None else resolve_proxy(layers, address, findings)
    if name is None or address is None or proxy is None or credentials is None or timings is None:
        return None
    settings, sections = layers.settings, layers.sections
    counts = {
        "per_page": settings.per_page,
        "concurrency": settings.concurrency,
        "max_trunks": settings.max_trunks,
    }
    return Workspace(
        name=name,
        base_url=address,
        credentials=credentials,
        poll_interval=timings.poll_interval,
        poll_timeout=timings.poll_timeout,
        request_timeout=timings.request_timeout,
        max_staleness=timings.max_staleness,
        verify_total=settings.verify_total is not False,
        tls=sections.tls_config or TLS(),
        proxy=proxy,
        filter=sections.filter or Filter(),
        statuses=sections.statuses or Statuses(),
        remember=sections.remember or Remember(),
        expect=sections.expect or (),
        **{key: count for key, count in counts.items() if count is not None},
    )


def resolve_metrics(
    document: MetricsDocument | None, place: Place, deniable: Collection[str], findings: Findings
) -> Metrics:
    """Return what the exposition shows of a trunk; warns of patterns that match none of the ``deniable`` families."""
    if document is None:
        return Metrics()
    for index, pattern in enumerate(document.deny or ()):
        if deniable and not any(map(pattern.matches, deniable)):
            findings.warning(
                place.key("deny").item(index),
                f"{quoted(pattern.text)} matches no family of single trunks, and others are never left out"
                f"{did_you_mean(pattern.text, deniable)}",
            )
    return Metrics(
        number=document.number or NumberStyle.FULL,
        agent_names=document.agent_names is not False,
        trunk_details=document.trunk_details is not False,
        deny=document.deny or (),
    )


def _resolve_address(document: WorkspaceDocument, layers: Layers, findings: Findings) -> str | None:
    place = layers.own.place
    if document.subdomain is not None and document.base_url is not None:
        findings.problem(place, "has subdomain and base_url; keep one of them")
        return None
    key = "subdomain" if document.base_url is None else "base_url"
    try:
        if document.subdomain is not None:
            return addresses.subdomain_url(document.subdomain)
        if document.base_url is not None:
            return _resolve_base_url(document.base_url, layers, findings)
    except ValueError as error:
        findings.problem(place.key(key), str(error))
        return None
    if not findings.wrong(place.key("subdomain"), place.key("base_url")):
        findings.problem(place, "has neither subdomain nor base_url; write subdomain: acme for https://acme.mihu.ai")
    return None


def _resolve_base_url(written: str, layers: Layers, findings: Findings) -> str:
    address = addresses.base_url(written, allow_http=layers.settings.allow_http or False)
    if addresses.sends_unencrypted(address):
        findings.warning(layers.own.place.key("base_url"), "the token is sent unencrypted, as allow_http allows")
    return address


def _resolve_credentials(layers: Layers, findings: Findings) -> Credentials | None:
    credentials = layers.sections.authorization
    if credentials is None and not layers.wrong(findings, "authorization"):
        findings.problem(layers.own.place, f"has no authorization, here or in global; write one with {HOW}")
    return credentials


def _warn_of_page_size(layers: Layers, findings: Findings) -> None:
    per_page = layers.settings.per_page
    if per_page is not None and per_page > _DOCUMENTED_PER_PAGE:
        findings.warning(
            layers.place("per_page"),
            f"{per_page} is more than the {_DOCUMENTED_PER_PAGE} that the API documents; "
            "it may send fewer trunks a page, or refuse",
        )
