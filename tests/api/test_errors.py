"""What to do about each reason."""

import pytest

from exporter.api.errors import REMEDIES, Reason


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_remedy_that_can_end_a_sentence(reason: Reason) -> None:
    remedy = REMEDIES[reason]
    assert remedy[0].islower()
    assert remedy[-1].isalpha()
