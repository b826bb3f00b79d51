"""The pages on the command line and on the Python API, read from the commands themselves."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer.main

import emoloom
from emoloom.cli import app
from emoloom.errors import ExitCode
from markdown_text import code, fenced, join, table

_EXIT_CODES = {
    "DONE": "Done. For `screen`: at least one candidate did not fail.",
    "BUG": "A bug: a traceback is shown. Please report it.",
    "USER_ERROR": "Something you can mend: one line on stderr says what was got, what is allowed "
    "and what to do. Also: every candidate failed, or a model was refused.",
    "BUDGET": "The budget stopped the screen. The report is valid; the same command goes on.",
    "NOT_VERIFIED": "A run folder does not hold: a file was altered, or a score does not follow "
    "from the raw outputs.",
    "INTERRUPTED": "Interrupted (Ctrl-C). What is finished is kept; the same command goes on.",
    "TERMINATED": "Interrupted by SIGTERM, as Slurm, Docker and systemd send it; as 130.",
}
"""What each exit code tells, by its name in `ExitCode`."""


def cli_page() -> str:
    """Every command with its arguments and options, walked through click's own API."""
    commands = dict(_commands(typer.main.get_command(app), "emoloom"))
    codes = [[str(int(member)), _EXIT_CODES[member.name]] for member in ExitCode]
    return join(
        "# Command line",
        "Every command prints its own help with `--help`. Results go to stdout; what a command "
        "has to say beside them goes to stderr.",
        *(_command(name, command) for name, command in commands.items()),
        "## Exit codes",
        table(["Code", "Meaning"], codes),
    )


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """(full name, command) of every command that can be run, groups walked through."""
    for child, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, f"{name} {child}")
    if not hasattr(command, "commands"):
        yield name, command


def _command(name: str, command: Any) -> str:
    context = command.context_class(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    records = [p.get_help_record(context) for p in command.params if "--help" not in p.opts]
    rows = [[code(record[0].partition(" <")[0]), record[1]] for record in records if record]
    return join(
        f"## {name}",
        inspect.cleandoc(command.help or ""),
        fenced(usage, "text"),
        table(["Argument or option", "Meaning"], rows) if rows else "",
    )


def python_page() -> str:
    """What `from emoloom import ...` offers; empty where it offers nothing but a version."""
    names = [name for name in getattr(emoloom, "__all__", ()) if not name.startswith("_")]
    found = {name: getattr(emoloom, name) for name in sorted(names)}
    if not found:
        return ""
    return join(
        "# Python",
        fenced(f"from emoloom import {', '.join(found)}", "python"),
        *(_documented(name, value) for name, value in found.items()),
    )


def _documented(name: str, value: Any) -> str:
    signature = fenced(f"{name}{_signature(value)}", "text")
    return join(f"## {name}", signature, _docstring(inspect.getdoc(value) or ""))


def _signature(value: Any) -> str:
    """The signature, one parameter a line, forward references without their quotes."""
    signature = inspect.signature(value)
    parts = [str(parameter) for parameter in signature.parameters.values()]
    keyword = [
        at
        for at, parameter in enumerate(signature.parameters.values())
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    if keyword:
        parts.insert(keyword[0], "*")
    returned = "" if signature.return_annotation is inspect.Signature.empty else " -> "
    returned += str(signature.return_annotation) if returned else ""
    inner = "".join(f"    {part},\n" for part in parts)
    text = f"(\n{inner}){returned}" if parts else f"(){returned}"
    return re.sub(r"<class '([\w.]+)'>", r"\1", text).replace("'", "")


def _docstring(text: str) -> str:
    """A Google-style docstring as Markdown: each section a list."""
    made = []
    for block in re.split(r"\n\n", text):
        head, _, rest = block.partition("\n")
        if re.fullmatch(r"[A-Z]\w+:", head):
            items = re.split(r"\n(?=    \S)", rest) if rest else []
            lines = "\n".join(f"- {_item(' '.join(item.split()))}" for item in items)
            made.append(f"**{head.removesuffix(':')}**\n\n{lines}")
        else:
            made.append(block)
    return join(*made)


def _item(text: str) -> str:
    return re.sub(r"^(\w+): ", r"`\1`: ", text)
