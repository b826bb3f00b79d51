"""The small filters of the command line: each runs one room alone, text in and text out."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from emoloom.contract.parse import parse_output
from emoloom.contract.schema import write_answer
from emoloom.corpora.labels import load_space
from emoloom.corpora.readers import read_rows
from emoloom.engines.progress import Progress
from emoloom.errors import UserError
from emoloom.metrics.scoring import score
from emoloom.models.certificate import Certificate
from emoloom.records import LabelSpace, ParseFailure
from emoloom.runs.directory import dumps, write_jsonl_atomic
from emoloom.settings_file import read_text
from emoloom.sources.origins import ModelSource
from emoloom.supervision.appraisal import Verifier
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.valence_flip import Dropped, flip_text
from emoloom.supervision.weak_vad import weak_vad

if TYPE_CHECKING:
    from emoloom.decoding.canonical import Decoded
    from emoloom.models.causal_lm import CausalLM


def parse_line(line: str, space: LabelSpace) -> str:
    """One model output -> `{"ok":true,"answer":{...}}` or `{"ok":false,"reason":"..."}`."""
    parsed = parse_output(line, space)
    if isinstance(parsed, ParseFailure):
        return dumps({"ok": False, "reason": parsed.reason})
    return dumps({"ok": True, "answer": json.loads(write_answer(parsed))})


def weak_vad_line(line: str, lexicon: Lexicon) -> str:
    """One text -> `{"v":..,"a":..,"d":..,"hits":n}`, on the weak scale."""
    weak = weak_vad(line, lexicon)
    return dumps({"v": weak.vad.v, "a": weak.vad.a, "d": weak.vad.d, "hits": weak.hits})


def appraise_line(line: str, verifier: Verifier) -> str:
    """One text -> the probability of each appraisal atom."""
    return dumps(asdict(verifier.appraise([line])[0]))


def flip_line(line: str, lexicon: Lexicon) -> str:
    """One text -> `{"text":..,"v":..,"a":..,"d":..}` of its flip, or `{"dropped":"reason"}`."""
    flipped = flip_text(line, lexicon)
    if isinstance(flipped, Dropped):
        return dumps({"dropped": flipped.reason})
    vad = flipped.vad
    return dumps({"text": flipped.text, "v": vad.v, "a": vad.a, "d": vad.d})


def score_files(answers: Path, gold: Path, labels: str) -> str:
    """Score a file of outputs against dataset rows; one JSON object.

    Raises:
        UserError: a file cannot be read, or the two do not hold the same ids.
    """
    space = load_space(labels)
    read = read_rows(gold, space)
    if read.rejected:
        first = read.rejected[0]
        raise UserError(
            f"{gold} has {len(read.rejected)} lines that are no gold rows",
            got=f"line {first.line}: {first.reason}",
            do="mend or remove them: scores over fewer rows would be another score",
        )
    if all(row.answer.labels is None and row.answer.vad is None for row in read.rows):
        raise UserError(
            f"{gold} holds nothing to score against",
            got="no row with labels or vad in its answer",
            do="give dataset rows (`emoloom schema --row`)",
        )
    outputs = {
        line["id"]: line["output"] for line in read_objects(answers, ("id", "output"), "answers")
    }
    ids = [row.id for row in read.rows]
    for what, missing in (
        (f"{answers} has no answer for rows of {gold}", [i for i in ids if i not in outputs]),
        (f"{answers} has answers to rows not in {gold}", sorted(outputs.keys() - set(ids))),
    ):
        if missing:
            raise UserError(
                what,
                got=f"{len(missing)} ids, first {missing[0]!r}",
                allowed="the same ids in both",
                do="an empty output counts as a failed parse",
            )
    parsed = [parse_output(outputs[row_id], space) for row_id in ids]
    return dumps(score(parsed, read.rows, space).to_dict())


def check_model(source: ModelSource, labels: str, say: Callable[[str], None]) -> Certificate:
    """Certify a model on the shipped sample's texts, as a screen would; bfloat16 is tried too.

    Raises:
        UserError: the label space or the model cannot be used.
    """
    from emoloom.corpora.registry import read_corpus
    from emoloom.models.causal_lm import load_causal_lm
    from emoloom.models.preflight import certify
    from emoloom.sources.model_files import get_model

    space = load_space(labels)
    files = get_model(source, say=say)
    lm = load_causal_lm(
        files.folder,
        space,
        name=files.display_name,
        trust_remote_code=files.trust_remote_code,
    )
    texts = [row.text for row in read_corpus("goemotions-sample", "dev").rows[:64]]
    return certify(lm, texts, [_example(space)], 96, bf16=True)


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """One call of `emoloom decode`."""

    model: ModelSource
    """Where the model comes from, and what the user allows."""
    decoder: Literal["canonical", "verified"]
    """Which decoder; the answers are the same."""
    source: Path
    """Rows, JSON Lines with `id` and `text`."""
    output: Path
    """Where the answers go."""
    labels: str
    """Label space."""
    max_new_tokens: int
    """Longest answer in tokens."""


def decode_file(request: DecodeRequest, progress: Progress) -> int:
    """Decode rows; writes `id`, `output`, `forwards`, `prompt_tokens` a line, in input order.

    Returns:
        The number of rows.

    Raises:
        UserError: the rows, the label space or the model cannot be used.
    """
    from emoloom.models.causal_lm import load_causal_lm
    from emoloom.models.logits import ModelError
    from emoloom.sources.model_files import get_model

    _check_output(request.output, request.source)
    space = load_space(request.labels)
    lines = list(read_objects(request.source, ("id", "text"), "rows"))
    rows = [(line["id"], line["text"]) for line in lines]
    files = get_model(request.model, say=progress.say)
    name, trusted = files.display_name, files.trust_remote_code
    lm = load_causal_lm(files.folder, space, name=name, trust_remote_code=trusted)
    decoded = {}
    try:
        task = progress.task(f"decode {name}", len(rows), "rows")
        for answer in _decoded(lm, rows, request, space):
            decoded[answer.id] = answer
            task.advance(1)
        task.close()
    except ModelError as error:
        raise UserError(str(error), do="choose another model") from error
    keys = ("id", "output", "forwards", "prompt_tokens")
    values = [{key: getattr(decoded[row_id], key) for key in keys} for row_id, _ in rows]
    write_jsonl_atomic(request.output.resolve(), values)
    return len(rows)


def _decoded(
    lm: "CausalLM", rows: Sequence[tuple[str, str]], request: DecodeRequest, space: LabelSpace
) -> "Iterator[Decoded]":
    from emoloom.decoding.canonical import decode_canonical
    from emoloom.decoding.verified import DecodeSettings, decode_rows
    from emoloom.models.logits import ModelError
    from emoloom.models.preflight import certify

    limit = request.max_new_tokens
    if request.decoder == "canonical":
        return (decode_canonical(lm, row_id, text, limit) for row_id, text in rows)
    certificate = certify(lm, [text for _, text in rows], [_example(space)], limit)
    if certificate.verdict == "refused":
        raise ModelError(f"{lm.name} is refused: {certificate.reason}")
    return decode_rows(lm, rows, certificate, DecodeSettings(limit).untrained())


def _check_output(path: Path, source: Path) -> None:
    """Refuse before the work what could not, or must not, be written after it."""
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if path.is_dir():
        got = "a folder"
    elif not above.is_dir():
        got = f"{above} is a file"
    elif path.exists() and not path.is_file():
        got = "a device or a pipe"  # a whole file would take its place
    elif path.exists() and source.exists() and path.samefile(source):
        got = "the file of rows itself"
    else:
        return
    raise UserError(
        f"cannot write {path}", got=got, allowed="a file in a folder", do="choose another --output"
    )


def _example(space: LabelSpace) -> str:
    label = json.dumps(space.labels[0], ensure_ascii=False)
    return f'{{"labels":[{label}],"vad":{{"v":0.50,"a":0.50,"d":0.50}},"rationale":"cues: none"}}'


def read_objects(path: Path, keys: tuple[str, ...], what: str) -> Iterator[dict[str, Any]]:
    """Objects of a JSON Lines file that have these text fields, ids distinct.

    Raises:
        UserError: the file cannot be read or is empty, or a line is not such an object.
    """
    allowed = "an object with " + " and ".join(f"text {key!r}" for key in keys)
    seen: set[str] = set()
    for number, line in enumerate(read_text(path, f"the file of {what}").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict) or not all(_is_text(value.get(k)) for k in keys):
            shown = line if len(line) <= 60 else line[:57] + "..."
            raise UserError(
                f"line {number} of {path} is no {what} line",
                got=repr(shown),
                allowed=allowed,
                do="mend the line",
            )
        if value["id"] in seen:
            raise UserError(
                f"line {number} of {path} repeats an id",
                got=repr(value["id"]),
                do="make ids unique",
            )
        seen.add(value["id"])
        yield value
    if not seen:
        raise UserError(f"{path} holds no {what}", allowed=f"lines, each {allowed}")


def _is_text(value: object) -> bool:
    """A string that can be written: JSON may escape half a character (a lone surrogate)."""
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)
