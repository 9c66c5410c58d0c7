import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from doctor.bench import record_all

from exporter.doctor.recorder import Recording


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doctor")


@pytest.fixture(scope="package")
def recordings(folder: Path) -> Mapping[str, Recording]:
    """Return the recorded poll of every workspace, by its name."""
    return asyncio.run(record_all(folder))
