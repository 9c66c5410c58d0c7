import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from doctor.bench import try_all

from exporter.doctor.trial import Trial


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doctor")


@pytest.fixture(scope="package")
def trials(folder: Path) -> Mapping[str, Trial]:
    """What came of trying every patient."""
    return asyncio.run(try_all(folder))
