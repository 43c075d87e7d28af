"""What documents name exists: commands, options, settings, addresses, targets, files."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from flask import Flask

from dcarbon.cli import dcarbon
from dcarbon.settings import PREFIX, ProviderSettings, Settings
from dcarbon_api import openapi
from dcarbon_api.app import AREAS
from dcarbon_sandbox.cli import main as sandbox
from tests.docs import named
from tests.docs.blocks import PROJECT, Document, documents

PROGRAMS: dict[str, click.Command] = {"dcarbon": dcarbon, "dcarbon-sandbox": sandbox}
NO_SETTINGS = {"DCARBON_SETTINGS_FILE", "DCARBON_TEST_DATABASE_URL"}
"""Names read where settings are not: what leads to the file, and what only tests read."""
TAGS = {"dcarbon/correlation", "dcarbon/sync"}
"""Tags of Dagster's runs, which look like files."""
OURS = ("/", "/dcarbon/", "/dcarbon_api/", "/dcarbon_sandbox/")
ROOMS = re.compile(
    r"(?:dcarbon(?:_api|_pipelines|_sandbox)?|assets|schedules|sensors|services|providers|db|domain"
    r"|cli|security|metrics|tests|benchmarks|scripts|docs|deploy|requirements)/[\w./{},*-]+"
)


def test_every_command_and_option_exists() -> None:
    wrong = [
        f"{document.name}:{number} {problem}"
        for document in documents()
        for number, line in named.lines(document)
        for program, arguments in named.commands(line)
        if (problem := _problem(PROGRAMS[program], program, arguments))
    ]

    assert not wrong


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("dcarbon export --facility X --format csv", ""),
        ("dcarbon nonsense", "dcarbon nonsense"),
        ("X=1 dcarbon keys nonsense | cat", "dcarbon keys nonsense"),
        ("dcarbon token a@example.test --nonsense", "dcarbon token --nonsense"),
        ("echo dcarbon nonsense", ""),
    ],
)
def test_a_command_that_is_not_there_is_noticed(line: str, problem: str) -> None:
    found = [_problem(PROGRAMS[program], program, rest) for program, rest in named.commands(line)]

    assert "".join(found) == problem


def test_every_setting_named_is_one() -> None:
    known = _settings() | NO_SETTINGS

    wrong = [
        f"{document.name}:{number} {name}"
        for document in documents()
        for number, name in named.settings(document)
        if name not in known and "__OVERRIDES__" not in name
    ]

    assert not wrong


def test_every_setting_is_in_the_guide_to_settings() -> None:
    guide = next(one for one in documents() if one.name.endswith("settings.md"))
    fields = set(Settings.model_fields) - {"providers"}

    assert {f"{PREFIX}{name.upper()}" for name in fields} <= {n for _, n in named.settings(guide)}


def test_every_address_named_is_one_of_ours() -> None:
    app = Flask("documents")
    for area in AREAS:
        app.register_blueprint(area)
    described = set(openapi.document(app, server="http://127.0.0.1:8000")["paths"])
    known = {_shape(path) for path in described | {rule.rule for rule in app.url_map.iter_rules()}}

    wrong = [
        f"{document.name}:{number} {address}"
        for document in documents()
        if "sandbox" not in document.name
        for number, address in named.addresses(document)
        if not any(f"{path}/".endswith(f"{_shape(address)}/") for path in known)
        and not address.startswith(("/etc/", "/var/", "/srv/", "/proc/", "/tmp/"))
    ]

    assert not wrong


def test_every_target_of_make_exists() -> None:
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    known = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE)) | {""}

    wrong = [
        f"{document.name}:{number} make {target}"
        for document in documents()
        for number, target in named.targets(document)
        if target not in known
    ]

    assert not wrong


def test_every_file_and_module_named_exists() -> None:
    wrong = [
        f"{document.name}:{number} {span}"
        for document in documents()
        for number, span in document.spans
        if ROOMS.fullmatch(span) and span not in TAGS and not any(_files(span, document))
    ]

    assert not wrong


def _problem(command: click.Command, name: str, arguments: list[str]) -> str:
    """Return the first word that is no command or option; "" when all are."""
    # A command keeps the help option that it makes first: it has to be made as the product does.
    context = click.Context(command, **command.context_settings)
    while isinstance(command, click.Group) and arguments:
        word, *arguments = arguments
        if word.startswith("-"):
            break
        found = command.get_command(context, word)
        if found is None:
            return f"{name} {word}"
        command, name, context = found, f"{name} {word}", click.Context(found, parent=context)
    if command.ignore_unknown_options:
        return ""
    known = {o for parameter in command.get_params(context) for o in parameter.opts}
    known |= {o for parameter in command.get_params(context) for o in parameter.secondary_opts}
    for argument in arguments:
        option = argument.partition("=")[0]
        if option.startswith("--") and len(option) > 2 and option not in known:
            return f"{name} {option}"
    return ""


def _settings() -> set[str]:
    names = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for key in ("PGE", "SCE", "SDGE", "UTILITYAPI"):
        names |= {f"{PREFIX}PROVIDERS__{key}__{f.upper()}" for f in ProviderSettings.model_fields}
    return names


def _shape(address: str) -> str:
    """Return the address with a star in the place of everything that varies."""
    return re.sub(r"<[^>]+>|\{[^}]+\}|…", "*", address).rstrip("/")


def _files(span: str, document: Document) -> Iterator[bool]:
    """Yield whether the project, or a file the document itself writes, has this path."""
    path = span.rstrip("/").rstrip(".")
    yield any(f"{block.options.get('file')}/".startswith(f"{path}/") for block in document.blocks)
    for room in OURS:
        whole = f"{room}{path}".lstrip("/")
        yield from (bool(list(PROJECT.glob(one))) for one in (whole, f"{whole}.py"))
