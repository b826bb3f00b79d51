"""An export answers rows of its run before it is called done: by emoloom, by plain transformers.

An output may differ from the one that is expected only where the model was nearly undecided: where
the two part, its two largest logits lie within the margin that rounding can account for (ours).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from emoloom.decoding.audit import rows_to_audit
from emoloom.decoding.canonical import decode_canonical
from emoloom.errors import UserError
from emoloom.exports import usage
from emoloom.models.causal_lm import CausalLM, full_forward
from emoloom.models.certificate import Certificate
from emoloom.models.logits import greedy
from emoloom.prediction.inputs import Text
from emoloom.prediction.predictor import Predictor, PredictSettings, open_predictor
from emoloom.records import Row
from emoloom.screening.precision import in_precision
from emoloom.screening.precision_record import Dtype
from emoloom.sources.quiet import quiet_transformers


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often two ways to answer gave the same bytes."""

    rows: int
    """Rows that both answered."""
    equal: int
    """Rows with the same bytes."""
    near_ties: int
    """Rows that part where the model was nearly undecided; `rows` = `equal` + `near_ties`."""

    def says(self) -> str:
        """`8 of 8 equal`, or with the near-ties."""
        ties = f", {self.near_ties} part at a near-tie" if self.near_ties else ""
        return f"{self.equal} of {self.rows} equal{ties}"

    def to_dict(self) -> dict[str, int]:
        """The JSON object."""
        return {"rows": self.rows, "equal": self.equal, "near_ties": self.near_ties}


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check of an export found."""

    with_run: Agreement
    """The export in the run's precision, against the outputs that the run scored."""
    with_transformers: Agreement
    """Plain transformers, by the code in the card, against `emoloom predict`."""


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """What an export is checked on."""

    rows: tuple[Row, ...]
    """Rows of the run, chosen by the hash of their ids."""
    expected: tuple[str, ...]
    """What the run scored for them."""
    run_margin: float
    """Near-tie margin of the run's decoding."""
    run_dtype: Dtype
    """In which precision the run's candidate answered."""
    run_partial: bool
    """Whether the run's answers end as soon as labels and VAD are written."""
    base: Path | None
    """Folder of the base model, where the export is an adapter."""


def choose_rows(rows: Sequence[Row], count: int) -> tuple[Row, ...]:
    """The rows that an export is checked on."""
    chosen = set(rows_to_audit([row.id for row in rows], 0.0, count))
    return tuple(row for row in rows if row.id in chosen)


def check_export(folder: Path, plan: CheckPlan, say: Callable[[str], None]) -> Checked:
    """Load the export as its users will, twice, and compare.

    Args:
        folder: the export.
        plan: rows and what is expected.
        say: told before each slow step.

    Raises:
        UserError: an output differs, and not at a near-tie.
    """
    say(f"checking the export on {len(plan.rows)} rows of the run")
    predictor = open_predictor(str(folder), PredictSettings(allow_large=True))
    assert predictor.certificate is not None
    items = [Text(row.id, row.text) for row in plan.rows]
    as_run, margin = _as_the_run(predictor, predictor.certificate, plan)
    outputs = tuple(str(result.output) for result in predictor.answer(items))
    same = as_run is predictor
    of_run = outputs if same else tuple(str(result.output) for result in as_run.answer(items))
    with_run = _compare(as_run, plan.rows, of_run, plan.expected, margin)
    del as_run  # a second copy of the weights, where the run was in bfloat16
    say(f"with the run: {with_run.says()}; now plain transformers")
    plain = _plain_outputs(folder, plan)
    margin = predictor.certificate.tie_margin
    with_plain = _compare(predictor, plan.rows, outputs, plain, margin)
    say(f"with plain transformers: {with_plain.says()}")
    return Checked(with_run, with_plain)


def _as_the_run(
    predictor: Predictor, certificate: Certificate, plan: CheckPlan
) -> tuple[Predictor, float]:
    """The export as the run asked it: in its precision, as far; and the margin of near-ties."""
    margin = max(certificate.tie_margin, plan.run_margin)
    if plan.run_partial:
        predictor = replace(predictor, settings=replace(predictor.settings, partial=True))
    if plan.run_dtype == "float32":
        return predictor, margin
    lm = in_precision(predictor.lm, plan.run_dtype)
    return replace(predictor, lm=lm, certificate=replace(certificate, tie_margin=margin)), margin


def _plain_outputs(folder: Path, plan: CheckPlan) -> tuple[str, ...]:
    """By the very code that the card shows."""
    with quiet_transformers():
        model, tokenizer, prompt = usage.load(folder, plan.base)
        return tuple(usage.answer(model, tokenizer, prompt, row.text) for row in plan.rows)


def _compare(
    predictor: Predictor,
    rows: Sequence[Row],
    outputs: Sequence[str],
    others: Sequence[str],
    margin: float,
) -> Agreement:
    equal = ties = 0
    limit, partial = predictor.settings.max_new_tokens, predictor.settings.partial
    for row, one, other in zip(rows, outputs, others, strict=True):
        if one == other:
            equal += 1
        elif gap_where_parted(predictor.lm, row.text, other, limit, partial=partial) <= margin:
            ties += 1
        else:
            raise UserError(
                f"the export answers row {row.id} otherwise than it must",
                got=repr(one)[:200],
                allowed=repr(other)[:200],
                do="nothing was written; run the export on the machine and the packages of the run",
            )
    return Agreement(len(rows), equal, ties)


def gap_where_parted(
    lm: CausalLM, text: str, other: str, max_new_tokens: int, *, partial: bool = False
) -> float:
    """Gap between the two largest logits where the canonical answer leaves another output.

    Args:
        lm: the model.
        text: of the row.
        other: what somebody else wrote for it.
        max_new_tokens: longest answer.
        partial: whether answers end as soon as labels and VAD are written.
    """
    decode = lm.prompter.decode
    ids = decode_canonical(lm, "row", text, max_new_tokens, partial=partial).ids
    shared = 0
    while shared < len(ids) and other.startswith(decode(ids[: shared + 1])):
        shared += 1
    start = [*lm.prompter.head_ids, *lm.prompter.prompt(text).ids, *ids[:shared]]
    _, gaps = greedy(full_forward(lm, start, [len(start) - 1]))
    return gaps[0]
