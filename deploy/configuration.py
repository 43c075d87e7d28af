"""The files parts are configured by, made from those of this folder for one installation."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from dcarbon_sandbox.authority import ensure_authority

DEPLOY = Path(__file__).resolve().parent
_MOST_RUNS = re.compile(r"(\bmax_concurrent_runs: )\d+")


class ProgramMissing(Exception):
    """A program of the distribution is not here; the text says which and what to do."""


def program(name: str) -> str:
    """Return where a program is. Folders for administrators are not on everybody's path."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise ProgramMissing(f"{name} is not here. As root: sh scripts/engine.sh")
    return found


def broker(home: Path, *, port: int) -> Path:
    """Write the broker's configuration and return where it is."""
    place = home / "broker"
    place.mkdir(exist_ok=True)
    values = {"PORT": port, "PASSWORD": broker_password(home), "DIRECTORY": place}
    return _filled(DEPLOY / "redis" / "redis.conf", place / "redis.conf", values)


def broker_password(home: Path) -> str:
    """Return the broker's password, made at the first start."""
    path = home / "broker.password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32), encoding="ascii")
    return path.read_text(encoding="ascii")


def proxy(
    home: Path, *, ports: Mapping[str, int], public_url: str, certificate: str, key: str
) -> Path:
    """Write the proxy's configuration and return where it is.

    Without a certificate it gets one for this machine alone, from an authority nobody else knows.
    """
    place = home / "proxy"
    place.mkdir(exist_ok=True)
    if not certificate:
        authority = ensure_authority(home / "tls")
        certificate, key = str(authority.server), str(authority.server_key)
    values = {
        "DIRECTORY": place,
        "MIME_TYPES": "/etc/nginx/mime.types",
        "WEB": f"127.0.0.1:{ports['web']}",
        "HTTP": f"127.0.0.1:{ports['http']}",
        "HTTPS": f"127.0.0.1:{ports['https']}",
        "PUBLIC_URL": public_url,
        "CERTIFICATE": Path(certificate).absolute(),
        "KEY": Path(key).absolute(),
    }
    return _filled(DEPLOY / "nginx" / "dcarbon.conf", place / "nginx.conf", values)


def dagster(home: Path, *, chosen: Path, code_port: int, runs: int | None) -> Path:
    """Put ``dagster.yaml`` where Dagster looks, and say where the code location answers.

    ``runs`` is how many the workers take at once: one more would wait in the broker until its start
    has timed out. ``None`` leaves what the file says.
    """
    place = home / "dagster"
    place.mkdir(exist_ok=True)
    text = chosen.read_text(encoding="utf-8")
    if runs is not None:
        text = _MOST_RUNS.sub(rf"\g<1>{runs}", text)
    (place / "dagster.yaml").write_text(text, encoding="utf-8")
    server = {"host": "127.0.0.1", "port": code_port, "location_name": "dcarbon"}
    text = json.dumps({"load_from": [{"grpc_server": server}]})  # JSON is YAML
    (home / "workspace.yaml").write_text(text, encoding="utf-8")
    return place


def _filled(template: Path, path: Path, values: Mapping[str, object]) -> Path:
    """Write a template with its words in braces filled in; nobody else may read it."""
    text = template.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", str(value))
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path
