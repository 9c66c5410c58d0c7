"""What holds for every test."""

import structlog

# One plain line an event, so that a failing test shows what was logged, not pages of local variables.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.LogfmtRenderer(),
    ]
)
