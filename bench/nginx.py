"""Starts nginx from a template: one process, nothing written outside its folder."""

from __future__ import annotations

from pathlib import Path
from string import Template

from bench.processes import program

_TEMPLATES = Path(__file__).with_name("configuration")
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def write_configuration(template: str, folder: Path, **values: object) -> Path:
    """Fill `configuration/<template>.conf` and write it to the folder, with what every nginx here shares."""
    name = f"{template}.conf"
    temporary = "\n".join(f"{kind}_temp_path {folder}/{template}-{kind};" for kind in _TEMPORARY)
    body = Template((_TEMPLATES / name).read_text()).substitute({key: str(value) for key, value in values.items()})
    shared = Template((_TEMPLATES / "shared.conf").read_text())
    path = folder / name
    path.write_text(shared.substitute(folder=folder, name=template, temporary=temporary, body=body))
    return path


def nginx(configuration: Path) -> list[str]:
    """The command that runs nginx with a configuration."""
    folder = str(configuration.parent)
    log = str(configuration.with_suffix(".log"))
    return [nginx_program(), "-p", folder, "-c", str(configuration), "-e", log]


def nginx_program() -> str:
    """The path of nginx."""
    return program("nginx", "sudo apt-get install nginx-light")
