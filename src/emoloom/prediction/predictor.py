"""A model made ready to answer: an export as it was chosen, or a plain model source, zero-shot."""

import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from emoloom.contract.schema import write_answer
from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.decoding.canonical import Decoded, decode_canonical
from emoloom.decoding.drafts import contract_drafter
from emoloom.decoding.verified import DecodeSettings, decode_rows
from emoloom.errors import UserError
from emoloom.models.causal_lm import CausalLM, load_causal_lm
from emoloom.models.certificate import Certificate
from emoloom.models.logits import ModelError
from emoloom.models.preflight import certify
from emoloom.prediction.adapter_folder import ADAPTER, check_adapter
from emoloom.prediction.export_record import EXPORT_FILE, ExportRecord, read_export
from emoloom.prediction.inputs import Item
from emoloom.prediction.results import Result
from emoloom.prediction.streaming import Decode, answer_stream
from emoloom.records import VAD, LabelSpace, Prediction
from emoloom.runs.directory import sha256_file
from emoloom.runs.provenance import package_versions
from emoloom.sources.model_files import ModelFiles, get_model, parse_source
from emoloom.training.adapters import load_adapter

Say = Callable[[str], None]

LABELS = "goemotions28"
"""Label space of a plain model source."""

MAX_NEW_TOKENS = 96
"""Longest answer of a plain model source, in tokens."""

PROBES = 64
"""Texts of the shipped sample that a model is certified with."""


@dataclass(frozen=True, slots=True)
class PredictSettings:
    """What the caller says of a model; None leaves it to the export, or to the defaults."""

    labels: str | None = None
    """Label space of a plain model source: a name or a file."""
    max_new_tokens: int | None = None
    """Longest answer of a plain model source, in tokens."""
    decoder: Literal["canonical", "verified"] = "verified"
    """Same answers; `canonical` is the slow definition."""
    allow_large: bool = False
    """The user allows more than two billion parameters."""
    trust_remote_code: bool = False
    """The user allows the model's own Python code to be run."""


@dataclass(frozen=True, slots=True)
class Predictor:
    """A loaded model that answers texts."""

    lm: CausalLM
    """The model, with the prompt it is asked."""
    certificate: Certificate | None
    """What packing may be relied on; None for the canonical decoder."""
    settings: DecodeSettings
    """Sizes, and the longest answer."""
    says: str
    """What it is, for people."""

    @property
    def space(self) -> LabelSpace:
        """Labels in force."""
        return self.lm.prompter.space

    def answer(self, items: Iterable[Item]) -> Iterator[Result]:
        """One result for each item, in their order; see `streaming.answer_stream`.

        Raises:
            UserError: the model failed on a text.
        """
        try:
            yield from answer_stream(items, self.space, self.new_decoder)
        except ModelError as error:
            raise UserError(str(error), do="leave it out, or choose another model") from error

    def new_decoder(self) -> Decode:
        """A decoder whose drafts have learned nothing."""
        lm, certificate, settings = self.lm, self.certificate, self.settings
        if certificate is None:
            return lambda rows: _canonical(lm, rows, settings.max_new_tokens)
        drafter = contract_drafter(lm.prompter)
        return lambda rows: decode_rows(lm, rows, certificate, settings, drafter)

    def _repr_html_(self) -> str:
        from emoloom.notebook import table

        settings = self.settings
        return table(
            ("model", "labels", "longest answer"),
            [(self.says, self.space.name, f"{settings.max_new_tokens} tokens")],
        )


def _canonical(lm: CausalLM, rows: Iterable[tuple[str, str]], limit: int) -> Iterator[Decoded]:
    for key, text in rows:
        yield decode_canonical(lm, key, text, limit)


def open_predictor(source: str, wanted: PredictSettings, say: Say = lambda _: None) -> Predictor:
    """Load an export, or any model source.

    Args:
        source: an export's folder, or a model source string.
        wanted: what the caller says.
        say: told in one line what the model is, and before each slow step.

    Raises:
        UserError: it cannot be fetched or loaded, was altered, or is refused by its certificate.
    """
    if wanted.labels is not None:
        load_space(wanted.labels)  # its faults are said before anything is fetched
    folder = Path(source).expanduser()
    if _is_file(folder / EXPORT_FILE):
        record = read_export(folder)
        _refuse_options(wanted)
        if record.form == "adapter":
            return _of_export(_adapted(folder, record, wanted, say), record, wanted, say)
    files = get_model(
        parse_source(
            source, allow_large=wanted.allow_large, trust_remote_code=wanted.trust_remote_code
        ),
        say=say,
    )
    if not _is_file(files.folder / EXPORT_FILE):
        return _plain(files, wanted, say)
    record = read_export(files.folder)
    _refuse_options(wanted)
    _check_same(record.weights_sha256, files.weights_sha256, f"the weights of {source}")
    return _of_export(_load(files, record.space, record), record, wanted, say)


def measured_with(lm: CausalLM) -> dict[str, str]:
    """What a certificate's numbers depend on beside the model."""
    packages = package_versions()
    return {
        "device": lm.device.type,
        "architecture": platform.machine(),
        "torch": packages["torch"],
        "transformers": packages["transformers"],
    }


def certify_for_use(lm: CausalLM, max_new_tokens: int) -> Certificate:
    """Certify a model on the shipped sample's texts.

    Raises:
        UserError: the certificate refuses the model.
    """
    texts = [row.text for row in read_corpus("goemotions-sample", "dev").rows[:PROBES]]
    plain = Prediction((lm.prompter.space.labels[0],), VAD(0.5, 0.5, 0.5), "cues: none")
    found = certify(lm, texts, [write_answer(plain)], max_new_tokens)
    if found.verdict == "refused":
        raise UserError(f"{lm.name} is refused: {found.reason}", do="choose another model")
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or a NUL: no path
        return False


def _load(files: ModelFiles, space: LabelSpace, record: ExportRecord | None = None) -> CausalLM:
    lm = load_causal_lm(
        files.folder,
        space,
        name=files.display_name if record is None else record.name,
        trust_remote_code=files.trust_remote_code,
    )
    return lm if record is None else _asked_as(lm, record)


def _asked_as(lm: CausalLM, record: ExportRecord) -> CausalLM:
    """The model with the export's prompt, whose ids it must know."""
    ids = (*record.prompt.head_ids, *record.prompt.tail_ids)
    known = lm.model.get_input_embeddings().weight.shape[0]
    if max(ids, default=0) >= known:
        raise UserError(
            f"the prompt of {record.name} does not fit its weights",
            got=f"token id {max(ids)}",
            allowed=f"ids below {known}",
            do="export it again with `emoloom export`",
        )
    return replace(lm, prompter=record.prompter(lm.prompter))


def _adapted(folder: Path, record: ExportRecord, wanted: PredictSettings, say: Say) -> CausalLM:
    """The base model with the export's adapter merged into it."""
    check_adapter(folder)
    _check_same(record.weights_sha256, sha256_file(folder / ADAPTER), f"the adapter of {folder}")
    files = get_model(parse_source(record.base.source, allow_large=wanted.allow_large), say=say)
    _check_same(
        record.base.weights_sha256, files.weights_sha256, f"the base model {record.base.source}"
    )
    return load_adapter(_load(files, record.space, record), folder)


def _check_same(recorded: str, found: str, what: str) -> None:
    if recorded != found:
        raise UserError(
            f"{what} are not those that were exported"
            if what.startswith("the weights")
            else f"{what} is not the one that was exported",
            got=f"sha256 {found[:12]}",
            allowed=f"sha256 {recorded[:12]}",
            do="export it again with `emoloom export`",
        )


def _refuse_options(wanted: PredictSettings) -> None:
    """An export answers as it was scored, or not at all."""
    if wanted.labels is not None or wanted.max_new_tokens is not None:
        raise UserError(
            "an export brings its own labels and longest answer",
            got=f"labels {wanted.labels}, max_new_tokens {wanted.max_new_tokens}",
            do="leave them out",
        )


def _of_export(lm: CausalLM, record: ExportRecord, wanted: PredictSettings, say: Say) -> Predictor:
    says = f"{record.name}, exported from run {record.run.name}: {record.space.name}"
    say(says)
    certificate = None
    if wanted.decoder == "verified":
        same = record.certified_with == measured_with(lm)
        certificate = record.certified() if same else None
        if certificate is None:
            say("its certificate is from another machine or other packages; measuring again")
            certificate = certify_for_use(lm, record.prompt.max_new_tokens)
    return Predictor(lm, certificate, DecodeSettings(record.prompt.max_new_tokens), says)


def _plain(files: ModelFiles, wanted: PredictSettings, say: Say) -> Predictor:
    space = load_space(wanted.labels or LABELS)
    limit = wanted.max_new_tokens or MAX_NEW_TOKENS
    says = f"{files.display_name}, no export of emoloom: asked zero-shot, {space.name}"
    say(says)
    lm = _load(files, space)
    certificate = certify_for_use(lm, limit) if wanted.decoder == "verified" else None
    return Predictor(lm, certificate, DecodeSettings(limit).untrained(), says)
