"""What holds for every test."""

import structlog
from hypothesis import settings

# One plain line an event, so that a failing test shows what was logged, not pages of local variables.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.LogfmtRenderer(),
    ]
)

# How long an example takes says nothing about the code: the machine may be busy.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")
