"""Trunks as lists show them: what a poll decodes is kept, which the exporter that runs for ever does not do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from exporter.config.settings import Metrics, Workspace
from exporter.metrics.rendering import Rendered, Renderer
from exporter.polling.page import Page
from exporter.trunks.attention import Reason, reasons, unbound_channels
from exporter.trunks.trunk import Binding, Trunk


@dataclass(frozen=True, slots=True)
class ListedTrunk:
    """A trunk of a workspace.

    Attributes:
        trunk: with number and agents' names as the configuration says that they may be seen.
        expected: the channels expected on it.
        reasons: why it needs attention, the most urgent first; none where it does not.
    """

    workspace: str
    trunk: Trunk
    expected: tuple[str, ...]
    reasons: tuple[Reason, ...]

    @property
    def unbound(self) -> list[str]:
        """The channels that are expected and not bound."""
        return unbound_channels(self.trunk.bound, self.expected)


class Kept(Rendered, frozen=True, gc=False):
    """A rendered batch of trunks, with the trunks."""

    trunks: tuple[Trunk, ...]


class KeepingRenderer(Renderer):
    """Renders trunks, and keeps them beside what they were rendered to; for one poll, in which nothing is renewed."""

    def __init__(self, workspace: Workspace, settings: Metrics) -> None:
        super().__init__(workspace, settings)
        self._workspace = workspace.name
        self._names_agents = settings.agent_names

    def render(self, trunks: Sequence[Trunk], earlier: Mapping[int, Rendered]) -> Kept:
        """Render trunks, and keep them."""
        rendered = super().render(trunks, earlier)
        return Kept(**msgspec.structs.asdict(rendered), trunks=tuple(trunks))

    def trunks_of(self, pages: Iterable[Page]) -> tuple[ListedTrunk, ...]:
        """Return the trunks of pages that were rendered here, in the order of their numbers."""
        kept = (page.rendered for page in pages if isinstance(page.rendered, Kept))
        listed = (self._listed(trunk) for rendered in kept for trunk in rendered.trunks)
        return tuple(sorted(listed, key=lambda one: (one.trunk.number, one.trunk.uuid)))

    def _listed(self, trunk: Trunk) -> ListedTrunk:
        expected = self._expectation.of(trunk)
        call, sms, whatsapp = map(self._shown, trunk.bindings)
        shown = msgspec.structs.replace(trunk, number=self._styled(trunk.number), bindings=(call, sms, whatsapp))
        return ListedTrunk(self._workspace, shown, expected, reasons(trunk, expected))

    def _shown(self, binding: Binding) -> Binding:
        return binding if self._names_agents else msgspec.structs.replace(binding, agent_name=None)
