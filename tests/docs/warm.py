"""The ``dcarbon`` and ``dcarbon-sandbox`` commands without the second it takes to import them.

``python -m tests.docs.warm SOCKET`` imports both programs once and then runs each command in a
fork of itself, with the caller's arguments, folder, environment and streams. :func:`write_commands`
writes the two programs that ask for it.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MOST = 1 << 20
_COMMAND = """#!{python} -ISE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    asked = dict(program={program!r}, arguments=sys.argv, folder=os.getcwd())
    asked["environ"] = dict(os.environ)
    socket.send_fds(server, [json.dumps(asked).encode() + b"\\n"], [0, 1, 2])
    answer = server.recv(16)
sys.exit(int(answer or b"70"))
"""


def write_commands(folder: Path, address: Path) -> None:
    """Write the two commands into ``folder``; they speak to the server behind ``address``."""
    for program in ("dcarbon", "dcarbon-sandbox"):
        path = folder / program
        path.unlink(missing_ok=True)
        words = _COMMAND.format(python=sys.executable, address=str(address), program=program)
        path.write_text(words, "utf-8")
        path.chmod(0o755)


def serve(address: str) -> None:
    """Answer at ``address`` until killed."""
    programs = _programs()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen(16)
        while True:
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                _watch(connection, programs)
            connection.close()


def _programs() -> dict[str, Callable[[], Any]]:
    import dcarbon.cli  # noqa: PLC0415 — only the server has to wait for them
    import dcarbon_sandbox.cli  # noqa: PLC0415

    for module in pkgutil.iter_modules(dcarbon.cli.__path__, "dcarbon.cli."):
        importlib.import_module(module.name)
    return {"dcarbon": dcarbon.cli.main, "dcarbon-sandbox": dcarbon_sandbox.cli.main}


def _watch(connection: socket.socket, programs: dict[str, Callable[[], Any]]) -> None:
    """Run one command in a child of its own and answer with its status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, streams, _, _ = socket.recv_fds(connection, _MOST, 3)
    while not message.endswith(b"\n"):
        message += connection.recv(_MOST)
    asked = json.loads(message)
    child = os.fork()
    if child == 0:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        _run(programs[asked["program"]], asked)
    _, status = os.waitpid(child, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status) % 256).encode())
    os._exit(0)


def _run(program: Callable[[], Any], asked: dict[str, Any]) -> None:
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    sys.argv = asked["arguments"]
    sys.modules["__main__"].__package__ = ""  # by which click tells how a program was called
    status: Any = 0
    try:
        program()
    except SystemExit as ended:
        status = ended.code
    except BaseException:  # noqa: BLE001 — as the interpreter does: show it, end with 1
        sys.excepthook(*sys.exc_info())
        status = 1
    if isinstance(status, str):
        print(status, file=sys.stderr)  # noqa: T201 — as the interpreter does
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status or 0)


if __name__ == "__main__":
    serve(sys.argv[1])
