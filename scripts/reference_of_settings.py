"""The pages on what can be configured, named and found: config, contract, recipes, run folder."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emoloom.config import Config
from emoloom.contract.parse import explain
from emoloom.contract.prompt import BASE_MODEL_CUE, render_instruction
from emoloom.contract.schema import (
    CONTRACT_VERSION,
    FAILURE_REASONS,
    answer_schema,
    row_schema,
    write_answer,
)
from emoloom.corpora.labels import known_spaces, load_space
from emoloom.corpora.registry import get_corpus, list_corpora
from emoloom.recipes import RECIPES, ZERO_SHOT
from emoloom.records import VAD, Prediction
from emoloom.sources.model_files import list_models
from markdown_text import as_json, code, fenced, join, table
from run_folder_files import RUN_FILES

SPACE = "goemotions28"

_PARTS = {
    "fields": "the cross-entropy by fields: labels, digits, cue words and JSON, each its own mean",
    "soft_digits": "digits near a rating are right in part",
    "cut": "some rows end behind their labels or digits",
    "verbalisers": "two rows for each label that say its name alone",
    "balance": "base rates of labels are levelled in answers",
    "distil": "digits follow a linear probe of the untrained model",
    "heads": "light heads for labels and VAD on the last prompt position",
    "vad_preserving": "distance of the VAD that the generated text implies",
    "appraisal": "appraisal atoms of the labels against a verifier's",
    "flip": "Valence Flip: training rows turned to the other polarity",
    "mixture": "A/B mixture with a temperature that follows the loss of held-out labels",
}

Schema = Mapping[str, Any]


def config_page() -> str:
    """Every setting with its type, default, bounds and meaning, from the models' JSON Schema."""
    schema = Config.model_json_schema()
    named: dict[str, list[str]] = {}
    for path, reference in _sections(schema, schema, ""):
        named.setdefault(reference, []).append(path)
    parts = [
        join(f"## {', '.join(paths)}", _settings(schema["$defs"][reference], schema))
        for reference, paths in named.items()
    ]
    return join(
        "# Config",
        "A config is one YAML file. An unknown key, a value of another type and a value out of "
        "bounds are faults, and `emoloom check CONFIG` lists all of them at once, each with its "
        "path. A model may be given as its source string alone. The config in force, every "
        "default included, stands in `run.json`.",
        "## top level",
        _settings(schema, schema),
        *parts,
    )


def _sections(owner: Schema, schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    """(path, name of the definition) of every nested section, each behind its owner."""
    for key, field in owner["properties"].items():
        if reference := _reference(field):
            nested = f"{path}{key}{'[]' if field.get('type') == 'array' else ''}"
            yield nested, reference
            yield from _sections(schema["$defs"][reference], schema, f"{nested}.")


def _reference(field: Schema) -> str:
    """Name of the section that a field holds, or holds a list of; empty where it holds none."""
    options = [field, field.get("items", {}), *field.get("anyOf", ()), *field.get("allOf", ())]
    found: list[str] = [option["$ref"] for option in options if "$ref" in option]
    return found[0].rpartition("/")[2] if found else ""


def _settings(section: Schema, schema: Schema) -> str:
    required = section.get("required", ())
    rows = [
        [code(key), _type(field), _default(key in required, field), _meaning(field, schema)]
        for key, field in section["properties"].items()
    ]
    about = str(section.get("description", ""))
    return join(about, table(["Key", "Value", "Default", "Meaning"], rows))


def _meaning(field: Schema, schema: Schema) -> str:
    """What the setting says of itself, else what its section does."""
    section = schema["$defs"].get(_reference(field), {})
    return str(field.get("description") or section.get("description", ""))


def _default(required: bool, field: Schema) -> str:
    if required:
        return "required"
    if _reference(field) and field.get("type") != "array":
        return ""
    default = field.get("default")
    if default is None or default == []:
        return ""
    return code(as_json(default) if not isinstance(default, str) else default)


def _type(field: Schema) -> str:
    """The kind of value and its bounds, in words."""
    if _reference(field):
        return "list of sections" if field.get("type") == "array" else "section"
    if "anyOf" in field:
        kinds = [_type(option) for option in field["anyOf"] if option.get("type") != "null"]
        return " or ".join(kinds)
    if "const" in field:
        return code(str(field["const"]))
    if "enum" in field:
        return ", ".join(code(str(value)) for value in field["enum"])
    if field.get("type") == "array":
        return _list(field)
    kind = {"path": "path"}.get(field.get("format", ""), str(field.get("type", "value")))
    return ", ".join([kind, *_bounds(field)])


def _list(field: Schema) -> str:
    if "prefixItems" in field:
        return f"list of {len(field['prefixItems'])}: {_type(field['prefixItems'][0])}"
    inner = field.get("items", {})
    return f"list of {_type(inner)}"


def _bounds(field: Schema) -> Iterator[str]:
    for key, words in (
        ("minimum", "at least"),
        ("exclusiveMinimum", "above"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "below"),
    ):
        if key in field:
            yield f"{words} {field[key]:g}" if abs(field[key]) < 1e5 else f"{words} {field[key]:,}"
    if "pattern" in field:
        yield f"pattern {code(field['pattern'])}"


def contract_page() -> str:
    """The answer, the instruction, the two schemas and the reasons of failure."""
    space = load_space(SPACE)
    example = write_answer(Prediction(("joy",), VAD(0.83, 0.55, 0.61), "cues: love, puppy"))
    reasons = [[code(reason), explain(reason)] for reason in FAILURE_REASONS]
    return join(
        "# Contract",
        f"Contract version {CONTRACT_VERSION}. One schema for data, training and inference: "
        "how outputs are parsed is [decision 0002](../decisions/0002-contract-parsing.md).",
        "## The answer",
        fenced(example, "json"),
        "`labels`: distinct names of the label space, at least one. `vad`: valence, arousal and "
        "dominance in 0 to 1 (0 unpleasant, calm, controlled; 1 pleasant, excited, in control). "
        "`rationale`: at most 12 words, no newline, no double quote.",
        "## The instruction",
        f"The user turn, the same for every model, here for `{SPACE}`. A base model without a chat "
        f"template gets `{BASE_MODEL_CUE.strip()}` on a line of its own behind it.",
        fenced(render_instruction("<the text>", space), "text"),
        "## Reasons of a failed parse",
        "The last complete JSON object of an output counts. Tested in this order; the first fault "
        "names the failure.",
        table(["Reason", "Meaning"], reasons),
        "## JSON Schema of an answer",
        fenced(as_json(answer_schema(space)), "json"),
        "## JSON Schema of a dataset row",
        "One line of a JSON Lines file. In rows alone, `labels`, `vad` or single dimensions of "
        "`vad` may be null: not annotated. Null parts are masked out of every loss and score.",
        fenced(as_json(row_schema(space)), "json"),
    )


def recipes_page() -> str:
    """What a config may name under `recipes`."""
    rows = [[code(name), _parts(parts)] for name, parts in RECIPES.items()]
    rows.append([code(ZERO_SHOT), "nothing is trained; shown, never ranked"])
    return join(
        "# Recipes",
        "A candidate is a model and a recipe. All that train use LoRA and the same rows; what "
        "each part is, and where it is not yet chosen by measurement, is "
        "[decision 0013](../decisions/0013-training-recipe.md).",
        table(["Recipe", "Beside the cross-entropy of the answer"], rows),
    )


def _parts(parts: frozenset[str]) -> str:
    if parts == RECIPES["full-recipe"]:
        return "all of these but those of `sft+probe`"
    return "; ".join(_PARTS[part] for part in sorted(parts)) or "plain fine-tuning"


def run_folder_page() -> str:
    """The files of a run."""
    rows = [[code(file.path), file.meaning, file.when or "always"] for file in RUN_FILES]
    return join(
        "# Run folder",
        "`emoloom screen CONFIG` writes `runs/<name>`, or the folder given by `--out`. Files "
        "appear whole or not at all.",
        table(["File", "What it holds", "There with"], rows),
        "Row files, scores and leaderboard are the same bytes for the same config, packages, CPU "
        "instruction set and `threads`. Times, rates and memory are in `costs.json` alone.",
    )


def names_page() -> str:
    """Label spaces, corpora and models that can be named as they are."""
    spaces = [load_space(name) for name in known_spaces()]
    corpora = [get_corpus(name) for name in list_corpora()]
    models = [model for model in list_models() if not model.source.startswith("random:")]
    return join(
        "# Names",
        "What a config may name. Paths and source strings may stand in their place.",
        "## Label spaces",
        table(
            ["Name", "Labels"],
            [
                [code(space.name), f"{len(space.labels)}: {', '.join(space.labels)}"]
                for space in spaces
            ],
        ),
        "## Corpora",
        table(
            ["Name", "Labels", "Human VAD", "Licence", "Where from"],
            [
                [
                    code(corpus.name),
                    code(corpus.label_space or "") or "none",
                    "yes" if corpus.has_vad else "no",
                    f"[{corpus.licence}]({corpus.licence_url})",
                    "ships"
                    if corpus.shipped
                    else f"`path`: {corpus.needs} ([source]({corpus.url}))",
                ]
                for corpus in corpora
            ],
        ),
        "## Models",
        table(
            ["Name", "Parameters", "Licence or terms", "Note"],
            [
                [
                    code(model.name),
                    f"{(model.parameters or 0) / 1e6:,.0f}M",
                    _linked(model.terms or model.licence or "unknown"),
                    model.note,
                ]
                for model in models
            ],
        ),
    )


def _linked(terms: str) -> str:
    """`Name (address)` as a link."""
    return re.sub(r"^(.+) \((https?://[^)\s]+)\)$", r"[\1](\2)", terms)


def decisions_page(folder: Path) -> str:
    """Every decision by its number and title."""
    found = sorted(folder.glob("[0-9]*.md"))
    rows = [[path.stem[:4], f"[{_title(path)}]({path.name})"] for path in found]
    return join(
        "# Decisions",
        "What was decided, why, what was measured, and what else was looked at.",
        table(["No.", "Decision"], rows),
    )


def _title(path: Path) -> str:
    head = path.read_text(encoding="utf-8").partition("\n")[0]
    return re.sub(r"^#\s*\d+\W*\s*", "", head)
