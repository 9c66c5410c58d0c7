"""Content negotiation (RFC 9110, section 12.5)."""

from typing import NamedTuple

from exporter.metrics.text import OPENMETRICS, PROMETHEUS, Format


class _Range(NamedTuple):
    """One element of an ``Accept…`` header."""

    name: str
    parameters: dict[str, str]
    quality: float


def choose_format(accept: str) -> Format:
    """Choose a text format by ``Accept``.

    Without an acceptable format it is the Prometheus format: a browser shows metrics rather than an error.
    """
    ranges = _parse(accept)
    best = max((PROMETHEUS, OPENMETRICS), key=lambda format_: _preference(format_, ranges))
    return best if _preference(best, ranges)[0] > 0 else PROMETHEUS


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether ``Accept-Encoding`` allows gzip and does not prefer plain text to it."""
    qualities = {element.name: element.quality for element in _parse(accept_encoding)}
    gzip = qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0)))
    return gzip > 0 and gzip >= qualities.get("identity", 0.0)


def _preference(format_: Format, ranges: list[_Range]) -> tuple[float, int, int]:
    """Return quality, exactness and position of the most exact range that matches a format; larger is better."""
    matches = [(_exactness(element, format_), -position, element.quality) for position, element in enumerate(ranges)]
    exactness, earliness, quality = max(matches, default=(0, 0, 0.0))
    return quality if exactness else 0.0, exactness, earliness


def _exactness(element: _Range, format_: Format) -> int:
    """Return how exactly a range names a format; 0 if it does not match."""
    if element.parameters.get("version", format_.version) != format_.version:
        return 0
    main_type = format_.media_type.partition("/")[0]
    levels = {"*/*": 1, f"{main_type}/*": 2, format_.media_type: 3 + ("version" in element.parameters)}
    return levels.get(element.name, 0)


def _parse(header: str) -> list[_Range]:
    return [_range(element) for element in header.split(",") if element.strip()]


def _range(element: str) -> _Range:
    name, *rest = (part.strip() for part in element.split(";"))
    parameters = {}
    for part in rest:
        key, _, value = part.partition("=")
        parameters[key.strip().lower()] = value.strip().strip('"')
    try:
        quality = float(parameters.pop("q", "1"))
    except ValueError:
        quality = 0.0
    # An invalid q-value counts as 0.
    return _Range(name.lower(), parameters, quality if 0 <= quality <= 1 else 0.0)
