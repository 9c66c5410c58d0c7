"""Content negotiation (RFC 9110, section 12.5)."""

from exporter.metrics.text import OPENMETRICS, PROMETHEUS, Format

_Range = tuple[str, dict[str, str], float]  # of an ``Accept…`` header: its name, parameters and quality


def choose_format(accept: str) -> Format:
    """Choose a text format by ``Accept``.

    Without an acceptable format it is the Prometheus format: a browser shows metrics rather than an error.
    """
    ranges = _parse(accept)
    best = max((PROMETHEUS, OPENMETRICS), key=lambda format_: _preference(format_, ranges))
    return best if _preference(best, ranges)[0] > 0 else PROMETHEUS


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether ``Accept-Encoding`` allows gzip and does not prefer plain text to it."""
    qualities = {name: quality for name, _, quality in _parse(accept_encoding)}
    gzip = qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0)))
    return gzip > 0 and gzip >= qualities.get("identity", 0.0)


def _preference(format_: Format, ranges: list[_Range]) -> tuple[float, int, int]:
    """Return quality, exactness and position of the most exact range that matches a format; larger is better."""
    matches = [
        (_exactness(name, parameters, format_), -position, quality)
        for position, (name, parameters, quality) in enumerate(ranges)
    ]
    exactness, earliness, quality = max(matches, default=(0, 0, 0.0))
    return quality if exactness else 0.0, exactness, earliness


def _exactness(name: str, parameters: dict[str, str], format_: Format) -> int:
    """Return how exactly a range names a format; 0 if it does not match."""
    if parameters.get("version", format_.version) != format_.version:
        return 0
    main_type = format_.media_type.partition("/")[0]
    levels = {"*/*": 1, f"{main_type}/*": 2, format_.media_type: 3 + ("version" in parameters)}
    return levels.get(name, 0)


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
    return name.lower(), parameters, quality if 0 <= quality <= 1 else 0.0
