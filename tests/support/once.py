"""One poll of scripted APIs, without sockets and without time."""

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Any

from exporter.commands.once import choose, collect
from exporter.config.settings import Metrics, ValidatedConfig
from exporter.once.formats import Collected
from support.clock import ManualClock
from support.executor import InlineExecutor
from support.exposed import workspace
from support.transport import Handler, StreamingTransport


def collected(apis: Mapping[str, Handler], metrics: Metrics | None = None, **settings: Any) -> list[Collected]:  # noqa: ANN401 - of workspaces
    """Poll these workspaces, each with an API of its own, and choose all trunks."""
    config = ValidatedConfig(
        workspaces=tuple(workspace(name, base_url=f"https://{name}.mihu.ai", **settings) for name in apis),
        metrics=metrics or Metrics(),
    )

    clock = ManualClock()
    collecting = collect(
        config,
        watch=lambda _workspace, _page: None,
        clock=clock,
        random=Random(1),  # noqa: S311 - a repeatable one
        executor=InlineExecutor(),
        transport=StreamingTransport(lambda request: apis[request.url.host.removesuffix(".mihu.ai")](request)),
    )
    return choose(asyncio.run(clock.run(collecting)), out_of_service=False, statuses=(), search="")
