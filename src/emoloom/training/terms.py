"""The terms of the loss on one forward: the sum of each, apart and unweighted.

Shape legend: K asked positions, k some of them, R rows, L labels, M written values, J tokens of a
value, N tokens that may go on with it, W words, V vocabulary.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from emoloom.models.logits import Logits
from emoloom.training import losses
from emoloom.training.answer_fields import FIELDS, Field
from emoloom.training.charts import Charts
from emoloom.training.examples import Example
from emoloom.training.heads import Heads
from emoloom.training.label_tree import LabelTree
from emoloom.training.number_chart import NumberChart, NumberToken, target_index
from emoloom.training.prior_shift import prior_shift
from emoloom.training.readings import (
    Group,
    at,
    in_pieces,
    label_distributions,
    log_probabilities,
)

LM_PARTS: Mapping[str, Field] = MappingProxyType({f"lm_{field}": field for field in FIELDS})
"""Logged part -> the field whose cross-entropy it is."""


@dataclass(frozen=True, slots=True)
class FieldWeights:
    """Weight of each field's mean cross-entropy within `lm` (ours); they sum to 1."""

    labels: float
    """The label list up to its closing bracket."""
    digits: float
    """What writes v, a and d."""
    rationale: float
    """The cue words and the end of the answer."""
    skeleton: float
    """The JSON around them."""

    def of(self, field: Field) -> float:
        """Weight of a field."""
        return float(getattr(self, field))


@dataclass(frozen=True, slots=True)
class Weights:
    """Weight of each term in the loss; a term of weight 0 is not computed at all."""

    lm: float = 1.0
    """Cross-entropy of the answer tokens."""
    fields: FieldWeights | None = None
    """How `lm` is divided; None: a mean over all tokens alike."""
    labels: float = 0.0
    """BCE of the labels' head."""
    vad: float = 0.0
    """Euclidean distance of the VAD head."""
    vad_preserving: float = 0.0
    """Distance of the VAD that the text implies: by its digits, and by its labels and cue words."""
    appraisal: float = 0.0
    """BCE of the atoms that the labels imply."""

    @property
    def heads(self) -> bool:
        """Whether heads are trained."""
        return self.labels > 0 or self.vad > 0

    @property
    def charts(self) -> bool:
        """Whether a term needs to know what tokens stand for."""
        rest = (self.labels, self.vad, self.vad_preserving, self.appraisal)
        return any(value > 0 for value in rest)

    def of(self, part: str) -> float:
        """Weight of a logged part: `vad_preserving` is logged in two, `lm` by field if it is so."""
        if self.fields is not None and part in LM_PARTS:
            return self.lm * self.fields.of(LM_PARTS[part])
        if part in LM_PARTS or (part == "lm" and self.fields is not None):
            return 0.0
        name = "vad_preserving" if part in ("vad_digits", "vad_words") else part
        return float(getattr(self, name))


@dataclass(frozen=True, slots=True)
class Reader:
    """What reads the terms: fixed for one training."""

    weights: Weights
    """Of the terms."""
    charts: Charts | None
    """None where only `lm` is on."""
    heads: Heads | None
    """None where no head is trained."""
    tree: LabelTree | None = None
    """Where labels part; None where they are drawn as they occur."""
    margin: float = 0.0
    """Of labels against other tokens, in nats; see `prior_shift`."""


def term_counts(reader: Reader, examples: Sequence[Example]) -> dict[str, int]:
    """By what each term's sum is divided over a whole optimiser step; a term that is off is absent.

    Trained tokens, labelled rows, rows with VAD, written values, places with words, appraised rows.
    """
    known = [example.targets for example in examples if example.targets is not None]
    first = [one for one in known if one.first_label is not None]
    counts = {
        "lm": sum(sum(example.trained) for example in examples),
        **{part: sum(e.trained_in(field) for e in examples) for part, field in LM_PARTS.items()},
        "labels": sum(one.labels is not None for one in known),
        "vad": sum(one.vad is not None for one in known),
        "vad_digits": sum(len({token.dimension for _, token in one.numbers}) for one in known),
        "vad_words": sum(one.vad is not None for one in first) + sum(len(o.cues) for o in known),
        "appraisal": sum(one.atoms is not None for one in first),
    }
    return {part: count for part, count in counts.items() if reader.weights.of(part) and count}


def term_sums(reader: Reader, logits: Logits, group: Group) -> dict[str, torch.Tensor]:
    """The sum of every term that is on, with gradients.

    Args:
        reader: weights, charts and heads.
        logits: at the group's asked positions, in order, with hidden states where heads are on.
        group: of `make_group`.
    """
    parts: dict[str, Callable[[], torch.Tensor]] = {
        "lm": partial(_lm, logits, group, None),
        **{part: partial(_lm, logits, group, field) for part, field in LM_PARTS.items()},
        "vad_digits": partial(_digits, reader, logits, group),
        "vad_words": partial(_words, reader, logits, group),
        "appraisal": partial(_appraisal, reader, logits, group),
    }
    wanted = term_counts(reader, group.examples)
    sums = {part: parts[part]() for part in parts if part in wanted}
    if reader.tree is not None:
        for part in sums.keys() & {"lm", "lm_labels"}:  # one of them at most
            shift = prior_shift(reader.tree, logits, group, reader.margin)
            sums[part] = sums[part] + shift
    if reader.heads is not None:
        sums |= _of_heads(reader.heads, logits, group, wanted)
    return sums


def _lm(logits: Logits, group: Group, field: Field | None) -> torch.Tensor:
    """Cross-entropy of the trained tokens, of one field or of all."""
    device = logits.states.device
    softened = [example.soft_places for example in group.examples]
    hard, soft = [], []
    for asked, (row, place) in enumerate(group.places):
        if group.examples[row].trains(place, field):
            target = softened[row].get(place)
            hard.append(asked) if target is None else soft.append((asked, target))
    total = torch.zeros((), device=device)
    if hard:
        chosen = logits if len(hard) == len(logits) else at(logits, torch.tensor(hard))
        targets = torch.tensor(group.targets)[hard].to(device)
        total = total + in_pieces(chosen, targets, losses.answer_cross_entropy).sum()
    if soft:
        widest = max(len(target.token_ids_N) for _, target in soft)
        ids_kN = _padded([target.token_ids_N for _, target in soft], widest, 0)
        shares_kN = _padded([target.shares_N for _, target in soft], widest, 0.0)
        places = [asked for asked, _ in soft]
        logp_kN = log_probabilities(logits, places, torch.from_numpy(ids_kN).to(device))
        total = total + losses.soft_cross_entropy(logp_kN, torch.from_numpy(shares_kN).to(device))
    return total


def _digits(reader: Reader, logits: Logits, group: Group) -> torch.Tensor:
    assert reader.charts is not None
    return digit_distances(reader.charts.numbers, logits, group).sum()


def digit_distances(numbers: NumberChart, logits: Logits, group: Group) -> torch.Tensor:
    """E|v - t| [M] of each value that the group's targets know: v, a, d of each row in turn."""
    device = logits.states.device
    values = _written_values(group)
    most_tokens = max(len(tokens) for _, tokens, _ in values)
    places: list[int] = []
    follow = []
    slots = np.zeros((len(values), most_tokens), dtype=np.int64)
    for number, (row, tokens, target) in enumerate(values):
        for turn, (place, token) in enumerate(tokens):
            slots[number, turn] = len(places) + 1  # 0 stands behind the last token
            places.append(group.index(row, place))
            after = numbers.after(token.lead, token.written)
            others = after.token_ids_N != group.examples[row].ids[place]
            kept = (after.token_ids_N[others], after.distances_NT[others, target_index(target)])
            follow.append(kept)
    widest = max(1, *(len(ids) for ids, _ in follow))
    ids_kN = _padded([ids for ids, _ in follow], widest, 0)
    distances_kN = _padded([distances for _, distances in follow], widest, 0.0)
    real_kN = _padded([np.ones(len(ids), dtype=bool) for ids, _ in follow], widest, False)
    gold = [group.targets[k] for k in places]
    wanted_kN = np.concatenate([np.array(gold)[:, None], ids_kN], axis=1)
    logp_kN = log_probabilities(logits, places, torch.from_numpy(wanted_kN).to(device))
    real = torch.from_numpy(real_kN).to(device)
    others_kN = logp_kN[:, 1:].masked_fill(~real, -torch.inf)
    farthest_M = torch.tensor([max(t, 1 - t) for _, _, t in values], device=device)
    slots_MJ = torch.from_numpy(slots).to(device)
    row_kM = slots_MJ.clamp(min=1) - 1
    written_MJ = slots_MJ > 0
    gold_MJ = torch.where(written_MJ, logp_kN[:, 0][row_kM], 0.0)
    missed_MJ = losses.missed_distance(
        others_kN[row_kM],
        torch.from_numpy(distances_kN).to(device)[row_kM],
        gold_MJ,
        farthest_M,
    )
    return losses.expected_distance(gold_MJ, torch.where(written_MJ, missed_MJ, 0.0))


def _written_values(group: Group) -> list[tuple[int, list[tuple[int, NumberToken]], float]]:
    """(row, tokens with their places, target) of every value, v, a, d of each row in turn."""
    return [
        (row, [pair for pair in targets.numbers if pair[1].dimension == dimension], target)
        for row, example in enumerate(group.examples)
        if (targets := example.targets) is not None and targets.numbers and targets.vad
        for dimension, target in enumerate(targets.vad)
        if target is not None
    ]


def _words(reader: Reader, logits: Logits, group: Group) -> torch.Tensor:
    """Label positions and cue positions, each a place of its own."""
    charts, device = reader.charts, logits.states.device
    assert charts is not None
    known = [(r, e.targets) for r, e in enumerate(group.examples) if e.targets and e.targets.vad]
    at_labels = [(r, t.vad) for r, t in known if t.first_label is not None]
    at_cues = [(group.index(r, place), t.vad) for r, t in known for place in t.cues]
    total = torch.zeros((), device=device)
    if at_labels:
        labels_RL = label_distributions(charts, logits, group, [row for row, _ in at_labels])
        points_L3 = torch.from_numpy(charts.label_vad_L3).to(device)
        vad_R3, known_R3 = _masked([vad for _, vad in at_labels], device)
        total = total + losses.implied_distance(labels_RL, points_L3, vad_R3, known_R3).sum()
    if at_cues and len(charts.words.token_ids_W):
        ids_W = torch.from_numpy(charts.words.token_ids_W).to(device)
        points_W3 = torch.from_numpy(charts.words.vad_W3).to(device)
        targets_k6 = torch.cat(_masked([vad for _, vad in at_cues], device), dim=1)

        def of_piece(logits_kV: torch.Tensor, targets_k6: torch.Tensor) -> torch.Tensor:
            weights_kW = logits_kV[:, ids_W].softmax(dim=1)
            return losses.implied_distance(
                weights_kW, points_W3, *torch.split(targets_k6, 3, dim=1)
            )

        chosen = at(logits, torch.tensor([k for k, _ in at_cues]))
        total = total + in_pieces(chosen, targets_k6, of_piece).sum()
    return total


def _appraisal(reader: Reader, logits: Logits, group: Group) -> torch.Tensor:
    charts, device = reader.charts, logits.states.device
    assert charts is not None and charts.profile_LA.size
    pairs = [
        (row, example.targets.atoms)
        for row, example in enumerate(group.examples)
        if example.targets and example.targets.atoms and example.targets.first_label is not None
    ]
    labels_RL = label_distributions(charts, logits, group, [row for row, _ in pairs])
    profile_LA = torch.from_numpy(charts.profile_LA).to(device)
    atoms_RA = torch.tensor([atoms for _, atoms in pairs], device=device)
    return losses.appraisal_bce(labels_RL, profile_LA, atoms_RA)


def _of_heads(
    heads: Heads, logits: Logits, group: Group, wanted: Mapping[str, int]
) -> dict[str, torch.Tensor]:
    assert logits.hidden is not None
    device = logits.states.device
    at_R = [group.index(r, e.answer_start) for r, e in enumerate(group.examples)]
    labels_RL, vad_R3 = heads(logits.hidden[torch.tensor(at_R, device=device)])
    targets = [example.targets for example in group.examples]
    labelled = [(r, t.labels) for r, t in enumerate(targets) if t and t.labels is not None]
    rated = [(r, t.vad) for r, t in enumerate(targets) if t and t.vad is not None]
    sums = {}
    if "labels" in wanted:
        wanted_RL = torch.tensor([list(labels) for _, labels in labelled], device=device).float()
        sums["labels"] = losses.label_bce(labels_RL[[r for r, _ in labelled]], wanted_RL)
    if "vad" in wanted:
        wanted_R3, known_R3 = _masked([vad for _, vad in rated], device)
        sums["vad"] = losses.vad_distance(vad_R3[[r for r, _ in rated]], wanted_R3, known_R3)
    return sums


def _masked(
    targets: Sequence[Sequence[float | None] | None], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Targets [R, 3], 0 where they are not known, and [R, 3] with 1 where they are."""
    lines = [target or (None, None, None) for target in targets]
    values = [[0.0 if value is None else value for value in line] for line in lines]
    known = [[float(value is not None) for value in line] for line in lines]
    return torch.tensor(values, device=device), torch.tensor(known, device=device)


def _padded(arrays: Sequence[Any], width: int, filling: float | bool) -> Any:
    """Arrays of up to `width` elements as the rows of one, filled behind their ends."""
    made = np.full((len(arrays), width), filling, dtype=arrays[0].dtype)
    for line, array in enumerate(arrays):
        made[line, : len(array)] = array
    return made
