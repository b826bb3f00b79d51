"""An export, from top to bottom: the chosen candidate becomes a folder that people can use.

run folder -> candidate -> weights, tokenizer, prompt -> check on rows of the run -> card, licences,
results -> manifest -> the folder appears
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from emoloom import __version__
from emoloom.contract.prompt import instruction_sha256, render_instruction
from emoloom.contract.schema import CONTRACT_VERSION, answer_schema
from emoloom.errors import UserError
from emoloom.exports.card import CardFacts, write_card
from emoloom.exports.check import Checked, CheckPlan, check_export, choose_rows
from emoloom.exports.chosen import Chosen, read_chosen
from emoloom.exports.licences import LICENCES_FILE, licences_text, read_licences
from emoloom.exports.results import eval_results, score_by_corpus
from emoloom.exports.weights import check_space, write_adapter, write_merged
from emoloom.exports.whole_folder import refuse_target, whole_folder, write_export_manifest
from emoloom.models.causal_lm import CausalLM
from emoloom.prediction.adapter_folder import ADAPTER
from emoloom.prediction.export_record import (
    EXPORT_FILE,
    FORMAT,
    BaseRecord,
    ExportRecord,
    RunRecord,
    SpaceRecord,
    prompt_record,
    read_export,
)
from emoloom.prediction.predictor import certify_for_use, measured_with
from emoloom.report.inputs import mapping
from emoloom.runs.directory import sha256_file, write_json_atomic, write_text_atomic
from emoloom.runs.provenance import code_sha256, package_versions
from emoloom.screening.candidates import load, with_adapter
from emoloom.sources.folder import fingerprint
from emoloom.sources.model_files import ModelFiles, get_model
from emoloom.sources.origins import GgufFile, LocalFolder

Form = Literal["merged", "adapter"]

CHECK_ROWS = 4
"""Rows of the run that an export answers before it is done, if nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """One call of `emoloom export`."""

    run: Path
    """Run folder."""
    candidate: str | None
    """Name of the candidate; None for the leader."""
    out: Path
    """The folder to write; it must not exist."""
    form: Form = "merged"
    """Whole weights, or the adapter alone."""
    check_rows: int = CHECK_ROWS
    """Rows to check on, at least 1."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export left behind."""

    folder: Path
    """The export."""
    candidate: str
    """Whom it is of."""
    checked: Checked
    """What its check found."""


def export(request: ExportRequest, say: Callable[[str], None]) -> Exported:
    """Export a candidate of a run that has ended: whole, or not at all.

    Args:
        request: what to export, and where to.
        say: told before each slow step.

    Raises:
        UserError: the run, the candidate or the target cannot be used, something was altered since
            the run, or the export does not answer as the run did.
    """
    refuse_target(request.out)
    chosen = read_chosen(request.run, request.candidate)
    files = get_model(chosen.candidate.model, say=say)
    _check_request(request, chosen, files)
    with whole_folder(request.out) as folder:
        tokens = _write_model(chosen, files, request.form, folder, say)
        rows = choose_rows(chosen.rows, request.check_rows)
        plan = CheckPlan(
            rows=rows,
            expected=tuple(chosen.outputs[row.id] for row in rows),
            run_margin=_run_margin(chosen),
            run_dtype=chosen.dtype,
            run_partial=chosen.config.decoding.partial,
            base=files.folder if request.form == "adapter" else None,
        )
        checked = check_export(folder, plan, say)
        _write_papers(chosen, tokens, checked, folder)
        write_export_manifest(folder, _predicate(chosen, request.form, checked))
    return Exported(request.out, chosen.candidate.name, checked)


def _check_request(request: ExportRequest, chosen: Chosen, files: ModelFiles) -> None:
    name = chosen.candidate.name
    if request.form == "adapter" and not chosen.candidate.trained:
        raise UserError(
            f"{name} was not trained, so it has no adapter",
            got="--form adapter",
            allowed="--form merged",
            do="leave --form out",
        )
    if files.trust_remote_code:
        raise UserError(
            f"{name} needs Python code of its own, which plain transformers would have to trust",
            allowed="models that transformers itself has",
            do="export another candidate",
        )
    ran = mapping(mapping(chosen.made_from.get("models")).get(chosen.candidate.model.name))
    if ran.get("weights_sha256") != files.weights_sha256:
        raise UserError(
            f"{files.source} no longer gives the weights that the run had",
            got=f"sha256 {files.weights_sha256[:12]}",
            allowed=f"sha256 {str(ran.get('weights_sha256'))[:12]}",
            do="put back the model that the run used",
        )


def _run_margin(chosen: Chosen) -> float:
    """Near-tie margin of the run's own decoding, as costs.json has it."""
    decoded = mapping(mapping(chosen.costs.get("decode")).get(chosen.candidate.name))
    margin = decoded.get("tie_margin")
    return float(margin) if isinstance(margin, int | float) and 0 <= margin < 10 else 0.0


def _write_model(
    chosen: Chosen, files: ModelFiles, form: Form, folder: Path, say: Callable[[str], None]
) -> tuple[str, ...]:
    """Weights or adapter, tokenizer and `emoloom.json`.

    Returns:
        Tokens that are not marked as special, and yet are more than letters.
    """
    say(f"loading {files.display_name}")
    lm = load(files, chosen.config, chosen.space)
    if chosen.candidate.trained:
        lm = with_adapter(lm, chosen.folder)
    lm = replace(lm, name=_name(chosen, files))
    check_space(folder, lm)
    say("certifying the model as it is exported")
    certificate = certify_for_use(lm, chosen.config.decoding.max_new_tokens)
    if form == "merged":
        write_merged(lm, folder)
        weights = fingerprint(folder).weights
    else:
        write_adapter(chosen.folder / "checkpoint", chosen.candidate.model, lm, folder)
        weights = sha256_file(folder / ADAPTER)
    record = _record(chosen, files, form, lm)
    record |= {
        "weights_sha256": weights,
        "certificate": certificate.to_dict(),
        "certified_with": measured_with(lm),
    }
    write_json_atomic(folder / EXPORT_FILE, ExportRecord(**record).model_dump(mode="json"))
    added = lm.prompter.tokenizer.added_tokens_decoder.values()
    return tuple(t.content for t in added if not t.special and len(t.content) > 1)


def _name(chosen: Chosen, files: ModelFiles) -> str:
    return f"{files.display_name}, {chosen.candidate.recipe}"


def _record(chosen: Chosen, files: ModelFiles, form: Form, lm: CausalLM) -> dict[str, Any]:
    """`emoloom.json`, without what is measured."""
    own = isinstance(chosen.candidate.model.origin, LocalFolder | GgufFile)
    # A path of the user's is nobody else's business, but an adapter is no use without it.
    source = files.display_name if own and form == "merged" else files.source
    return {
        "format": FORMAT,
        "name": lm.name,
        "form": form,
        "contract_version": CONTRACT_VERSION,
        "label_space": SpaceRecord(name=chosen.space.name, labels=chosen.space.labels),
        "instruction": render_instruction("{text}", chosen.space),
        "instruction_sha256": instruction_sha256(chosen.space),
        "prompt": prompt_record(lm.prompter, chosen.config.decoding.max_new_tokens),
        "base": BaseRecord(
            source=source,
            name=files.display_name,
            licence=files.licence,
            weights_sha256=files.weights_sha256,
        ),
        "run": RunRecord(
            name=chosen.config.name,
            candidate=chosen.candidate.name,
            identity=str(chosen.record.get("identity")),
            manifest_sha256=chosen.manifest_sha256,
        ),
    }


def _write_papers(chosen: Chosen, tokens: Iterable[str], checked: Checked, folder: Path) -> None:
    """All that is for people, and for other programs than transformers."""
    space, record = chosen.space, read_export(folder)
    models = mapping(chosen.made_from.get("models"))
    others = [
        str(mapping(model).get("is"))
        for name, model in models.items()
        if name != chosen.candidate.model.name
    ]
    licences = read_licences(chosen.record, others)
    fresh = chosen.test_rows, chosen.test_outputs
    quoted, among = (
        (fresh, 0) if chosen.test_entry else ((chosen.rows, chosen.outputs), chosen.among)
    )
    scores = score_by_corpus(*quoted, space, among=among)
    facts = CardFacts(chosen, record, licences, scores, checked, tuple(tokens))
    write_text_atomic(folder / "README.md", write_card(facts))
    write_text_atomic(folder / LICENCES_FILE, licences_text(licences))
    write_json_atomic(folder / "answer.schema.json", answer_schema(space))
    label_space = {"name": space.name, "labels": list(space.labels)}
    write_json_atomic(folder / "label_space.json", label_space)
    if results := eval_results(scores):
        text = yaml.safe_dump(results, sort_keys=False, width=100)
        write_text_atomic(folder / ".eval_results" / "emoloom.yaml", text)


def _predicate(chosen: Chosen, form: Form, checked: Checked) -> dict[str, Any]:
    """What the export was made from."""
    return {
        "run": {
            "name": chosen.config.name,
            "identity": chosen.record.get("identity"),
            "manifest_sha256": chosen.manifest_sha256,
        },
        "candidate": chosen.candidate.name,
        "form": form,
        "emoloom": {"version": __version__, "code_sha256": code_sha256()},
        "packages": package_versions(),
        "checked": {
            "with_run": checked.with_run.to_dict(),
            "with_transformers": checked.with_transformers.to_dict(),
        },
    }
