"""The model card: README.md in the layout of the Hugging Face hub.

Names, labels, licences and settings in it are data: Markdown and HTML in them are escaped.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from emoloom import __version__
from emoloom.contract.schema import write_answer
from emoloom.exports.check import Checked
from emoloom.exports.chosen import Chosen
from emoloom.exports.licences import Licences
from emoloom.exports.results import HUB_DATASETS, CorpusScores, model_index, rated_dimensions
from emoloom.prediction.export_record import ExportRecord
from emoloom.records import VAD, Prediction
from emoloom.report.inputs import Record, mapping
from emoloom.row_sets.names import SourceNames, corpus_name
from emoloom.sources.origins import HubRepo

_HERE = Path(__file__).parent
_MARKUP = re.compile(r"[\\`*_\[\]|#]")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")

_MERGED = (
    "The adapter was merged into the weights in fp32 before the run decoded with them, and these "
    "are those weights. An adapter left unmerged rounds otherwise, as would these weights in "
    "bfloat16."
)
_ADAPTER = (
    "The run merged the adapter into the base model's weights in fp32 before it decoded, and so "
    "does the code above. Left unmerged it rounds otherwise."
)
_HALVED = (
    "The run rounded the weights of its body, not its output layer, to bfloat16 to decode, and "
    "scored the answers of that model. In fp32, as these weights are loaded above and by `emoloom "
    "predict`, some answers are others: score them again before you quote a score of them."
)
_UNTRAINED = "These are the base model's own weights: this candidate was not trained."


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a card is written from."""

    chosen: Chosen
    """The candidate in its run."""
    export: ExportRecord
    """The export's record."""
    licences: Licences
    """What it must carry."""
    scores: tuple[CorpusScores, ...]
    """By corpus."""
    checked: Checked
    """What the check of the export found."""
    control_tokens: tuple[str, ...]
    """Tokens of the tokenizer that the card's code lets a text spell out."""


def write_card(facts: CardFacts) -> str:
    """The card's text."""
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=False,  # noqa: S701 - Markdown: `finalize` escapes every value
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    export = facts.export
    return environment.get_template(
        "card.md.jinja"
    ).render(
        **_of_the_run(facts.chosen),
        front_matter=Markup(_front_matter(facts)),  # noqa: S704 - YAML, which quotes
        usage=Markup(usage_code()),  # noqa: S704 - our own file
        example=Markup(_example(export)),  # noqa: S704 - JSON of a label, which holds no markup
        rounding=Markup(_rounding(facts)),  # noqa: S704 - our own words
        name=export.name,
        form=export.form,
        labels=export.label_space.labels,
        space=export.label_space.name,
        base=export.base,
        run=export.run,
        checked=facts.checked,
        control_tokens=facts.control_tokens[:3],
        corpora=facts.scores,
        licences=facts.licences,
        version=__version__,
    )


def _of_the_run(chosen: Chosen) -> dict[str, Any]:
    """Scores, verdict, recipe and versions, as the run has them."""
    packages = mapping(chosen.made_from.get("packages"))
    verdict = mapping(chosen.board.get("verdict"))
    return {
        "n": (chosen.test_entry or chosen.entry).get("n"),
        "fresh": bool(chosen.test_entry),
        "halved": chosen.dtype == "bfloat16",
        "among": chosen.among,
        "n_select": chosen.entry.get("n"),
        "score_select": _estimate(mapping(chosen.entry.get("score"))),
        "scores": _score_lines(chosen.test_entry or chosen.entry),
        "verdict": str(verdict.get("text")),
        "notes": [str(note) for note in verdict.get("notes") or ()],
        "rank_note": str(mapping(chosen.board.get("rank_by")).get("note")),
        "signature": str(chosen.board.get("signature")),
        "recipe": chosen.candidate.recipe,
        "seed": chosen.config.seed,
        "trained_on": _trained_on(chosen),
        "packages": [f"{name} {version}" for name, version in packages.items()],
    }


def _rounding(facts: CardFacts) -> str:
    chosen = facts.chosen
    merged = _MERGED if facts.export.form == "merged" else _ADAPTER
    about = merged if chosen.candidate.trained else _UNTRAINED
    return f"{about} {_HALVED}" if chosen.dtype == "bfloat16" else about


def usage_code() -> str:
    """The code of the card: the very file that the check of each export runs."""
    return (_HERE / "usage.py").read_text(encoding="utf-8").rstrip()


def _finalize(value: object) -> object:
    """Whatever is no text of ours, on one line and without markup."""
    if isinstance(value, Markup):
        return value
    line = _BLANK.sub(" ", str("" if value is None else value))
    line = "".join(_HTML.get(char, char) for char in line)
    return _MARKUP.sub(lambda match: "\\" + match[0], line)


def _front_matter(facts: CardFacts) -> str:
    chosen, export = facts.chosen, facts.export
    trained = [part for part in chosen.config.data.train if part.corpus is not None]
    corpora = {corpus_name(part).removesuffix("-sample") for part in trained}
    data: dict[str, Any] = {
        "language": "en",
        **facts.licences.front_matter(),
        "library_name": "transformers" if export.form == "merged" else "peft",
        "pipeline_tag": "text-generation",
        "tags": ["emotion", "emotion-classification", "valence-arousal-dominance", "emoloom"],
    }
    origin = chosen.candidate.model.origin
    if isinstance(origin, HubRepo):
        data["base_model"] = origin.repo
        data["base_model_relation"] = "adapter" if export.form == "adapter" else "finetune"
    datasets = [HUB_DATASETS[name] for name in sorted(corpora) if name in HUB_DATASETS]
    if datasets and chosen.candidate.trained:
        data["datasets"] = datasets
    data["model-index"] = model_index(export.name, facts.scores)
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=False, width=100)).rstrip()


def _example(export: ExportRecord) -> str:
    return write_answer(
        Prediction((export.label_space.labels[0],), VAD(0.83, 0.55, 0.61), "cues: love, puppy")
    )


def _score_lines(entry: Record) -> list[dict[str, str]]:
    strict = mapping(entry.get("strict"))
    vad = rated_dimensions([strict.get(f"n_vad_rows_{axis}", 1) for axis in "vad"])
    estimates = {
        "score, by the rule that ranks": entry.get("score"),
        "ParseOK": entry.get("parse_ok"),
        "macro-F1": strict.get("macro_f1"),
        "micro-F1": strict.get("micro_f1"),
        f"1-RMSE of {vad}": strict.get("one_minus_rmse"),
        f"skill of {vad}, over a constant": strict.get("skill"),
    }
    return [{"name": name, **_estimate(mapping(value))} for name, value in estimates.items()]


def _estimate(record: dict[str, Any]) -> dict[str, str]:
    value, interval = record.get("value"), record.get("interval")
    return {
        "value": f"{value:.3f}" if isinstance(value, float | int) else "–",
        "interval": " to ".join(f"{end:.3f}" for end in interval) if interval else "–",
    }


def _trained_on(chosen: Chosen) -> list[str]:
    if not chosen.candidate.trained:
        return ["nothing"]
    names = SourceNames(chosen.config.data)
    return [
        f"{names.of(part)} (train, {'all' if part.rows is None else part.rows} rows)"
        for part in chosen.config.data.train
    ]
