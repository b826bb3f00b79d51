"""Verified decoding: the canonical answers, many tokens a forward, many rows a pack.

Draft the rest of each answer, run one full forward over prompt + accepted + draft (cache off),
accept while the draft equals the argmax, take the argmax at the first miss, draft again. Rows
share one packed forward; rows that finish leave the pack and waiting rows enter. Where the top
two logits lie within the certificate's margin the canonical forward decides. After Leviathan et
al. 2023 (arXiv 2211.17192) with greedy acceptance and no draft model; packing and drafts are ours.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from emoloom.decoding.canonical import (
    Decoded,
    Progress,
    decode_canonical,
    extend,
    next_token,
)
from emoloom.decoding.drafts import Drafter, Guess, RowDraft
from emoloom.models.causal_lm import CausalLM, checked_logits, greedy
from emoloom.models.packing import fill_packs, make_pack, packed_forward
from emoloom.models.preflight import Certificate
from emoloom.records import Prediction


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """How much is decoded at once. None of it can change an answer but `max_new_tokens`."""

    max_new_tokens: int = 96
    """Longest answer in tokens."""
    pack_rows: int = 16
    """Rows in one packed forward, at most."""
    pack_tokens: int = 1600
    """Tokens in one packed forward, at most (one row may exceed it alone)."""


@dataclass(slots=True)
class _Active:
    """A row in the pack. Mutable: it lives only inside one call of `decode_verified`."""

    id: str
    prompt_ids: tuple[int, ...]
    truncated: bool
    draft_state: RowDraft
    progress: Progress = field(default_factory=lambda: Progress((), finished=False))
    draft: tuple[int, ...] = ()
    forwards: int = 0
    near_ties: int = 0
    computed: float = 0.0

    @property
    def length(self) -> int:
        """Tokens of this row in the next pack."""
        return len(self.prompt_ids) + len(self.progress.ids) + len(self.draft)


@dataclass(frozen=True, slots=True)
class _Session:
    """What every step of one call shares."""

    lm: CausalLM
    drafter: Drafter
    tie_margin: float
    settings: DecodeSettings
    hints: Mapping[str, Prediction]


def decode_rows(
    lm: CausalLM,
    rows: Sequence[tuple[str, str]],
    certificate: Certificate,
    settings: DecodeSettings,
    hints: Mapping[str, Prediction] | None = None,
) -> Iterator[Decoded]:
    """Decode rows, each as soon as it is finished; canonically where packing is not exact.

    Args:
        lm: the model.
        rows: (id, text) pairs.
        certificate: of this model; says which rows may be packed.
        settings: sizes.
        hints: another predictor's answer by row id, used as first draft.

    Raises:
        ModelError: a logit is NaN.
    """
    head = lm.prompter.head_ids
    packed: list[tuple[str, str]] = []
    alone: list[tuple[str, str]] = []
    for row_id, text in rows:
        length = len(head) + len(lm.prompter.prompt(text).ids) + settings.max_new_tokens
        fits = certificate.verdict == "packed" and length <= certificate.packed_up_to
        (packed if fits else alone).append((row_id, text))
    drafter = Drafter(lm.prompter)
    drafter.learn(head)
    session = _Session(lm, drafter, certificate.tie_margin, settings, hints or {})
    yield from _decode_packed(session, packed)
    for row_id, text in alone:
        yield decode_canonical(lm, row_id, text, settings.max_new_tokens)


def _decode_packed(session: _Session, rows: Sequence[tuple[str, str]]) -> Iterator[Decoded]:
    waiting = deque(rows)
    active: list[_Active] = []
    while waiting or active:
        _fill(session, active, waiting)
        _step(session, _first_pack(session, active))
        for row in [row for row in active if row.progress.finished]:
            active.remove(row)
            session.drafter.finished(row.progress.ids)
            yield _decoded(session.lm, row)


def _fill(session: _Session, active: list[_Active], waiting: deque[tuple[str, str]]) -> None:
    """Let waiting rows in while the pack has room."""
    settings, prompter = session.settings, session.lm.prompter
    used = len(prompter.head_ids) + sum(row.length for row in active)
    while waiting and len(active) < settings.pack_rows:
        row_id, text = waiting[0]
        prompt = prompter.prompt(text)
        guess = Guess.of(session.hints[row_id]) if row_id in session.hints else None
        row = _Active(row_id, prompt.ids, prompt.truncated, RowDraft(guess))
        row.draft = session.drafter.propose(row.draft_state, ())[: settings.max_new_tokens - 1]
        used += row.length
        if active and used > settings.pack_tokens:
            return
        waiting.popleft()
        active.append(row)


def _first_pack(session: _Session, active: Sequence[_Active]) -> list[_Active]:
    """The rows that share the next forward: drafts grow, so not all that entered need fit."""
    lengths = [row.length for row in active]
    head = len(session.lm.prompter.head_ids)
    return [active[i] for i in next(fill_packs(lengths, head, session.settings.pack_tokens))]


@torch.no_grad()
def _step(session: _Session, active: Sequence[_Active]) -> None:
    """One packed forward, and what it decides for every row of the pack."""
    lm = session.lm
    head = lm.prompter.head_ids
    sequences = [(*row.prompt_ids, *row.progress.ids, *row.draft) for row in active]
    pack = make_pack(head, sequences, device=lm.device)
    positions: list[int] = []
    for row, start, sequence in zip(active, pack.starts, sequences, strict=True):
        last = start + len(sequence) - 1
        positions.extend(range(last - len(row.draft), last + 1))
    tokens, gaps = greedy(checked_logits(packed_forward(lm, pack, positions), lm.name))
    near = [gap <= session.tie_margin for gap in gaps]
    at = 0
    for row, sequence in zip(active, sequences, strict=True):
        stop = at + len(row.draft) + 1
        row.forwards += 1
        row.computed += len(sequence) + len(head) / len(active)
        _accept(session, row, tuple(tokens[at:stop]), near[at:stop])
        at = stop


def _accept(session: _Session, row: _Active, tokens: tuple[int, ...], near: Sequence[bool]) -> None:
    """Accept the draft as far as it equals the argmax, take the argmax at the first miss."""
    lm, limit = session.lm, session.settings.max_new_tokens
    for k, predicted in enumerate(tokens):
        token = predicted
        if near[k]:
            ids = [*lm.prompter.head_ids, *row.prompt_ids, *row.progress.ids]
            token = next_token(lm, ids)
            row.near_ties += 1
            row.forwards += 1
            row.computed += len(ids)
        row.progress = extend(lm.prompter, row.progress, token, limit)
        if row.progress.finished:
            return
        if k == len(row.draft) or token != row.draft[k]:
            follow = tokens[k + 1 :]
            row.draft_state = session.drafter.renew(row.draft_state, row.progress.ids, follow)
            break
    room = limit - len(row.progress.ids) - 1
    row.draft = session.drafter.propose(row.draft_state, row.progress.ids)[:room]


def _decoded(lm: CausalLM, row: _Active) -> Decoded:
    return Decoded(
        id=row.id,
        output=lm.prompter.decode(row.progress.ids),
        ids=row.progress.ids,
        forwards=row.forwards,
        prompt_tokens=len(lm.prompter.head_ids) + len(row.prompt_ids),
        tokens_computed=round(row.computed),
        near_ties=row.near_ties,
        truncated=row.truncated,
    )
