"""How each command of the documentation is tried, or why it is not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_BLOCK = r"(?:^ {4}.*\n|^\n(?= {4}))+"
_BEGINNING = (
    r"\w+=\S+ mihu|(?:docker|git|helm|kill|kubectl|make|mihu-trunk-exporter|pipx|systemctl|uv) |deploy/[^\s`]+\.sh\b"
)
_COMMAND = re.compile(rf"(?P<block>{_BLOCK})|`((?:{_BEGINNING})[^`]*)`", re.MULTILINE)

_ROOT = Path(__file__).parents[2]
_WHEEL = "./mihu_trunk_exporter-*.whl"
_CLUSTER = "needs a cluster; tests/deploy renders and validates what it would apply"
_ENGINE = "needs docker or podman with a registry of images"


@dataclass(frozen=True)
class Step:
    """What is done with commands that begin so.

    Attributes:
        packages: those of Debian that a reader has installed by then.
        before: what else a reader has done, as other pages tell.
        instead: what is run where the text is a part of a command, or has a gap to fill; ``{}`` is the command.
        serves: the path that answers on port 10155 while the command runs, until it is interrupted.
        left_out: why it is not run.
    """

    begins: str
    packages: str = ""
    before: str = ""
    instead: str = "{}"
    serves: str = ""
    left_out: str = ""


_READY, _LIVES = "/-/ready", "/-/healthy"
_STEPS = [
    Step(
        "uvx --from",
        packages="pipx python3-venv",
        before="pipx install uv && "
        f"python3 -m venv /tmp/build && /tmp/build/bin/pip wheel -q --no-deps --wheel-dir . . && ls {_WHEEL}",
        serves=_READY,
    ),
    Step("pipx run --spec", serves=_READY),
    Step("docker ", left_out=_ENGINE),
    Step("deploy/docker/build.sh", left_out=_ENGINE),
    Step("make demo", packages="make", serves=_READY),
    Step("make test", left_out="takes long; CI does it, on the same Debian"),
    Step("make walkthrough", left_out="is this"),
    Step("make bench", left_out="takes long; tests/benchmarks/README.md has what it printed"),
    Step("MIHU_API_TOKEN=…", instead="PATH=.venv/bin:$PATH {}", serves=_LIVES),  # its token is no workspace's
    Step("make run", serves=_LIVES),
    Step("make goldens", left_out="changes nothing in a checkout that is as it was cloned"),
    Step("uv tool install", instead=f"{{}} -q {_WHEEL} && mihu-trunk-exporter --version && uv tool uninstall -q --all"),
    Step("pipx install", instead=f"{{}} {_WHEEL}"),
    Step("mihu-trunk-exporter --config.check"),
    Step(
        "kill -HUP PID",
        instead="mihu-trunk-exporter --demo & PID=$!; sleep 5; kill -HUP $PID; sleep 1; kill $PID; wait",
    ),
    Step("mihu-trunk-exporter assets DIR"),
    Step("mihu-trunk-exporter --help"),
    Step('eval "$(_MIHU_TRUNK_EXPORTER_COMPLETE=bash', instead="{} && complete -p mihu-trunk-exporter"),
    Step(
        'eval "$(_MIHU_TRUNK_EXPORTER_COMPLETE=zsh',
        packages="zsh",
        instead="zsh -fc 'autoload -Uz compinit && compinit -u; {} && echo completed by $_comps[mihu-trunk-exporter]'",
    ),
    Step("_MIHU_TRUNK_EXPORTER_COMPLETE=fish", packages="fish", instead="fish -c '{} && complete mihu-trunk-exporter'"),
    # From here on the workspace acme of config.yaml is one of the simulated API.
    Step(
        "mihu-trunk-exporter --storage.path",
        before="mihu-trunk-exporter simulate --workspaces 1 --listen-address 127.0.0.1:0 >config.yaml & "
        "until grep credentials: config.yaml; do sleep 1; done",
        serves=_READY,
    ),
    Step("mihu-trunk-exporter --demo once"),
    Step("mihu-trunk-exporter once", packages="jq"),
    Step(
        "*/5 * * * * root ",
        packages="prometheus-node-exporter",
        before="install -D config.yaml /etc/mihu-trunk-exporter/config.yaml",
        instead="""bash -c "$(cut -d' ' -f7- <<<'{}')" && cat /var/lib/prometheus/node-exporter/mihu.prom""",
    ),
    Step("mihu-trunk-exporter doctor"),
    Step("mihu-trunk-exporter simulate"),
    Step("sleep"),
    Step("mihu-trunk-exporter --config.file simulated.yaml", serves=_READY),
    Step("mihu-trunk-exporter --demo doctor"),
    # The units.
    Step("python3 -m venv /opt", packages="systemd"),
    Step("/opt/mihu-trunk-exporter/bin/pip"),
    Step("install -m 0600 /dev/stdin", instead="echo demo-token-acme | {}"),
    Step("install "),
    Step("sed -i"),
    Step("systemctl daemon-reload"),
    Step("systemctl enable", instead="command='{}'; ${command/ --now/}"),  # nothing can be started in a chroot
    Step("systemctl ", left_out="needs systemd, which does not run in a chroot"),
    # deploy/README.md.
    Step("helm install", left_out=_CLUSTER),
    Step("kubectl ", left_out=_CLUSTER),
    Step("helm package", before="make tools", instead="PATH=.venv/bin:$PATH {} deploy/helm/mihu-trunk-exporter"),
    Step("git config", left_out="is for Windows"),
    Step("make sync"),
    Step("deploy/kubernetes/components/prometheus-operator/make-rule.sh"),
    Step("deploy/debian/build.sh"),
    Step(
        "apt-get install ./dist",
        before="rm -r /opt/mihu-trunk-exporter /etc/mihu-trunk-exporter /etc/systemd/system/mihu-trunk-exporter*",
        instead="{} && /usr/bin/mihu-trunk-exporter --version",
    ),
    Step("deploy/debian/try.sh", left_out="makes use of a chroot itself"),
    Step("mihu-trunk-exporter assets mihu"),
    Step("mkdir", packages="prometheus prometheus-alertmanager"),
    Step("cp deploy/prometheus/rules"),
    Step(
        "promtool check config",
        before="sed -i -e '/^rule_files:/a \\  - rules/*.rules.yaml' "
        "-e '/^scrape_configs:/a \\  - job_name: mihu-trunk-exporter\\n"
        "    static_configs: [{targets: [localhost:10155]}]' "
        "/etc/prometheus/prometheus.yml",
    ),
    Step("amtool"),
    Step("cp deploy/grafana", before="mkdir -p /var/lib/grafana/dashboards"),
]


def steps() -> list[tuple[str, Step]]:
    """Return each command of the documentation, in its order, and what is done with it.

    Raises:
        LookupError: nothing says how to try a command, or a step is for no command.
    """
    units = (f"deploy/systemd/mihu-trunk-exporter{kind}.service" for kind in ("", "-once"))
    pages = ("README.md", *units, "deploy/README.md")
    readme, *notes, deploying = ((_ROOT / page).read_text(encoding="utf-8") for page in pages)
    notes = [re.sub(r"^# ?", "", note.partition("[Unit]")[0], flags=re.MULTILINE) for note in notes]
    found = [(command, _step(command)) for page in (readme, *notes, deploying) for command in _commands(page)]
    if unused := [step.begins for step in _STEPS if all(step is not used for _, used in found)]:
        raise LookupError(f"no page has a command that begins with {unused}")
    return found


def _commands(page: str) -> Iterator[str]:
    """Yield lines of indented code, and code within a line that begins with a program; of a session, what was typed."""
    for found in _COMMAND.finditer(_FENCED.sub("", page)):
        if found["block"]:
            lines = [line.strip() for line in found["block"].splitlines() if line]
            typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
            yield from typed or (re.split(r"\s{2,}# ", line)[0] for line in lines)
        else:
            yield found[2]


def _step(command: str) -> Step:
    fitting = [step for step in _STEPS if f"{command} ".startswith(step.begins)]
    if not fitting:
        raise LookupError(f"nothing says how to try this command: {command}")
    return max(fitting, key=lambda step: len(step.begins))
