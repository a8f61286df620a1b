"""The gateways as programs: how each is started, and ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import CannotMeasure, environment, free_port, running
from bench.upstream import AUTHORIZATION, PATH, QUERY, TOKEN


@dataclass(frozen=True, slots=True)
class Gateway:
    """A program in front of the upstream: its command, the port it serves on, and Fairlead's second one, for MCP."""

    name: str
    command: Sequence[str]
    port: int
    mcp_port: int = 0

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def mcp_url(self) -> str:
        """Where it answers MCP."""
        return f"http://127.0.0.1:{self.mcp_port or self.port}/mcp"


def fairlead_command() -> str:
    """Fairlead's command of the environment this runs in."""
    script = Path(sys.executable).with_name("fairlead")
    if not script.exists():
        raise CannotMeasure("Fairlead is not installed beside this Python. Run it as: make bench")
    return str(script)


def fairlead_gateway(name: str, upstream: str, *arguments: str) -> Gateway:
    """`fairlead serve` in front of the upstream."""
    rest_port, mcp_port = free_port(), free_port()
    ports = ["--rest-port", str(rest_port), "--mcp-port", str(mcp_port)]
    command = [fairlead_command(), "serve", "--upstream", upstream, *ports, *arguments]
    return Gateway(name, command, rest_port, mcp_port)


def python_gateway(name: str, module: str, upstream: str, *arguments: str) -> Gateway:
    """A gateway of this folder, started as a module."""
    port = free_port()
    return Gateway(name, [sys.executable, "-m", module, upstream, str(port), *arguments], port)


@contextmanager
def started(
    gateways: Sequence[Gateway], *, upstream: str, core: int | None, folder: Path
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """All of them, answering; ended on exit."""
    env = environment(QOVERY_API_KEY=TOKEN, BENCH_URL=f"{upstream}{PATH}?{QUERY}", BENCH_AUTHORIZATION=AUTHORIZATION)
    with ExitStack() as stack:
        yield {
            gateway.name: stack.enter_context(
                running(gateway.command, core=core, env=env, output=folder / f"{gateway.port}.out", url=gateway.address)
            )
            for gateway in gateways
        }
