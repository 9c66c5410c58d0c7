"""node_exporter's textfile collector reads what ``once`` writes."""

import asyncio
import shutil
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from support.processes import eventually, exporter_command, free_port, program


def test_node_exporter_exposes_the_file_without_an_error(tmp_path: Path, config_with_a_wrong_token: Path) -> None:
    binary = shutil.which("prometheus-node-exporter")
    assert binary, "node_exporter is missing; install it: apt-get install prometheus-node-exporter"
    folder = tmp_path / "textfiles"
    folder.mkdir()
    file = folder / "mihu.prom"
    port = free_port()
    command = [
        binary,
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={folder}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    once = exporter_command("--config.file", str(config_with_a_wrong_token), "once", "--output", str(file))

    async def scenario() -> None:
        async with (
            program(command, tmp_path / "node_exporter.log") as running,
            httpx.AsyncClient(trust_env=False) as http,
        ):

            async def exposed() -> str:
                try:
                    return (await http.get(f"http://127.0.0.1:{port}/metrics")).text
                except httpx.TransportError:
                    assert running.process.returncode is None, running.said()
                    return ""

            await eventually(exposed, "node_exporter answers")
            async with program(once, tmp_path / "once.log") as polling:
                assert await polling.ended() == 1, polling.said()
            text = await exposed()
            assert "\nnode_textfile_scrape_error 0\n" in text
            assert samples(text) == samples(file.read_text(encoding="utf-8"))
            assert '\nmihu_up{workspace="acme"} 1\nmihu_up{workspace="globex"} 0\n' in text

    asyncio.run(scenario())


def samples(text: str) -> set[str]:
    """Return our series and their values; node_exporter puts labels into an order of its own."""
    return {
        f"{sample.name} {sorted(sample.labels.items())} {float(sample.value)}"
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("mihu_")
    }
