"""node_exporter's textfile collector reads what ``once`` writes."""

import asyncio
import shutil
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from support.processes import answering, free_port, program, ran


async def test_node_exporter_exposes_the_file_without_an_error(tmp_path: Path, config_with_a_wrong_token: Path) -> None:
    binary = shutil.which("prometheus-node-exporter")
    assert binary, "node_exporter is missing; install it: apt-get install prometheus-node-exporter"
    folder = tmp_path / "textfiles"
    folder.mkdir()
    file = folder / "mihu.prom"
    address = f"127.0.0.1:{free_port()}"
    command = [
        binary,
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={folder}",
        f"--web.listen-address={address}",
    ]
    running = program(command, tmp_path / "node_exporter.log")
    async with answering(running, f"http://{address}", "/metrics") as (_, http):
        flags = ("--config.file", str(config_with_a_wrong_token), "once", "--output", str(file))
        ended = await asyncio.to_thread(ran, tmp_path, *flags)
        assert ended.returncode == 1, ended.stderr
        text = (await http.get("/metrics")).text
    assert "\nnode_textfile_scrape_error 0\n" in text
    assert samples(text) == samples(file.read_text(encoding="utf-8"))
    assert '\nmihu_up{workspace="acme"} 1\nmihu_up{workspace="globex"} 0\n' in text


def samples(text: str) -> set[str]:
    """Return our series and their values; node_exporter puts labels into an order of its own."""
    return {
        f"{sample.name} {sorted(sample.labels.items())} {float(sample.value)}"
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("mihu_")
    }
