"""Loads libraries without what they would load for people at a terminal; to be imported before anything else.

structlog's development console and httpx's command line import rich and pygments wherever these are installed. Nothing
here uses either, and they would take a quarter of the time and of the memory with which the exporter starts.
"""

import sys
from importlib import import_module

_UNUSED = [name for name in ("rich", "pygments") if name not in sys.modules]

# None is what the import system takes for "not installed".
sys.modules |= dict.fromkeys(_UNUSED)  # type: ignore[arg-type]
try:
    for _library in ("structlog", "httpx"):
        import_module(_library)
finally:
    for _name in _UNUSED:
        del sys.modules[_name]
