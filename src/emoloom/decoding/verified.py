"""Verified decoding: the canonical answers, many tokens a forward, many rows a pack.

Draft the rest of each answer, run one full forward over prompt + accepted + draft (cache off),
accept while the draft equals the argmax, take the argmax at the first miss, draft again. Rows
share one packed forward; rows that finish leave the pack and waiting rows enter. Where the top
two logits lie within the certificate's margin the canonical forward decides. After Leviathan et
al. 2023 (arXiv 2211.17192) with greedy acceptance and no draft model; packing and drafts are ours.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch

from emoloom.contract.prompt import EncodedPrompt
from emoloom.decoding.canonical import (
    Decoded,
    Progress,
    decode_canonical,
    extend,
    next_token,
    output_of,
)
from emoloom.decoding.drafts import Drafter, RowDraft, contract_drafter
from emoloom.models.causal_lm import CausalLM, pack_rows, packed_forward
from emoloom.models.certificate import Certificate
from emoloom.models.logits import NonFiniteError, greedy
from emoloom.models.memory import at_least, out_of_memory, release
from emoloom.models.packing import fill_packs
from emoloom.sizes import PACK_ROWS, PACK_TOKENS

FIRST_ROWS = 4
"""Rows in the first pack. Each finished row makes room for one more: drafts learn from answers, and
rows that start together learn nothing of one another (ours)."""


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """How much is decoded. None of it changes an answer but `max_new_tokens` and `partial`."""

    max_new_tokens: int = 96
    """Longest answer in tokens."""
    pack_rows: int = PACK_ROWS
    """Rows in one packed forward, at most."""
    pack_tokens: int = PACK_TOKENS
    """Tokens in one packed forward, at most (one row may exceed it alone)."""
    first_rows: int = FIRST_ROWS
    """Rows in the first pack; as many as in any other where answers are not to be learnt from."""
    partial: bool = False
    """Whether answers end as soon as labels and VAD are written."""

    def untrained(self) -> "DecodeSettings":
        """For a model that follows no habit: its first pack need not be small."""
        return replace(self, first_rows=self.pack_rows)


@dataclass(slots=True)
class _Active:
    """A row in the pack. Mutable: it lives only inside one call of `decode_rows`."""

    id: str
    prompt: EncodedPrompt
    known: RowDraft
    progress: Progress = field(default_factory=lambda: Progress((), finished=False))
    draft: tuple[int, ...] = ()
    forwards: int = 0
    near_ties: int = 0
    computed: float = 0.0

    @property
    def ids(self) -> tuple[int, ...]:
        """What this row puts into the next pack."""
        return (*self.prompt.ids, *self.progress.ids, *self.draft)


@dataclass(slots=True)
class _Session:
    """What every step of one call shares. `pack_tokens` shrinks where memory runs out."""

    lm: CausalLM
    drafter: Drafter
    tie_margin: float
    settings: DecodeSettings
    pack_tokens: int
    on_shrink: Callable[[int], None]


def decode_rows(
    lm: CausalLM,
    rows: Iterable[tuple[str, str]],
    certificate: Certificate,
    settings: DecodeSettings,
    drafter: Drafter | None = None,
    on_shrink: Callable[[int], None] = lambda _: None,
) -> Iterator[Decoded]:
    """Decode rows, each as soon as it is finished; canonically where packing is not exact.

    Args:
        lm: the model.
        rows: (id, text) pairs; read as they are needed.
        certificate: of this model; says which rows may be packed, and the near-tie margin.
        settings: sizes.
        drafter: for the drafts; `contract_drafter` without hints if left out.
        on_shrink: told the new limit in tokens when memory runs out and packs shrink.

    Raises:
        ModelError: a logit is NaN, or memory does not suffice for one row; the row is named.
    """
    session = _Session(
        lm=lm,
        drafter=drafter or contract_drafter(lm.prompter),
        tie_margin=certificate.tie_margin,
        settings=settings,
        pack_tokens=settings.pack_tokens,
        on_shrink=on_shrink,
    )
    queue = _Queue(session, iter(rows), certificate)
    active: list[_Active] = []
    done = 0
    while active := queue.fill(active, rows=min(settings.pack_rows, settings.first_rows + done)):
        for answer in _finished(session, active):
            done += 1
            yield answer
    limit, partial = settings.max_new_tokens, settings.partial
    for row_id, text in queue.alone:
        yield decode_canonical(lm, row_id, text, limit, partial=partial)


def may_be_packed(lm: CausalLM, text: str, certificate: Certificate, max_new_tokens: int) -> bool:
    """Whether a row is decoded in packs: never longer than the certificate saw them exact."""
    longest = certificate.packed_up_to if certificate.verdict == "packed" else 0
    tokens = len(lm.prompter.head_ids) + len(lm.prompter.prompt(text).ids)
    return tokens + max_new_tokens <= longest


@dataclass(slots=True)
class _Queue:
    """Rows that wait to be packed; those that may not be are put aside."""

    session: _Session
    waiting: Iterator[tuple[str, str]]
    certificate: Certificate
    alone: deque[tuple[str, str]] = field(default_factory=deque)
    entering: _Active | None = None

    def fill(self, active: list[_Active], rows: int) -> list[_Active]:
        """`active` with the next rows, in order, as far as count and tokens allow."""
        used = len(self.session.lm.prompter.head_ids) + sum(len(row.ids) for row in active)
        while len(active) < rows:
            self.entering = self.entering or self._next()
            if self.entering is None:
                break
            used += len(self.entering.ids)
            if active and used > self.session.pack_tokens:
                break
            active.append(self.entering)
            self.entering = None
        return active

    def _next(self) -> _Active | None:
        session, limit = self.session, self.session.settings.max_new_tokens
        for row_id, text in self.waiting:
            if not may_be_packed(session.lm, text, self.certificate, limit):
                self.alone.append((row_id, text))
                continue
            prompt = session.lm.prompter.prompt(text)
            row = _Active(row_id, prompt, session.drafter.start(row_id, text))
            row.draft = _proposed(session, row)
            return row
        return None


def _finished(session: _Session, active: list[_Active]) -> Iterator[Decoded]:
    """One packed forward; the rows that it finished leave."""
    pack = _first_pack(session, active)
    decided = None
    try:
        decided = _packed_argmax(session, pack)
    except (RuntimeError, MemoryError) as fault:
        if not out_of_memory(fault):
            raise
        with at_least(session.lm.name, f"row {pack[0].id} alone"):
            if len(pack) == 1:
                raise
    if decided is None:  # behind the handler, which holds the failed forward's tensors
        _shrink(session, pack)
        return
    tokens, gaps = decided
    _accept_all(session, pack, tokens, gaps)
    for row in [row for row in active if row.progress.finished]:
        active.remove(row)
        session.drafter.finished(row.known, row.progress.ids)
        yield _decoded(session, row)


def _first_pack(session: _Session, active: Sequence[_Active]) -> list[_Active]:
    """The rows that share the next forward: drafts grow, so not all that entered need fit."""
    lengths = [len(row.ids) for row in active]
    head = len(session.lm.prompter.head_ids)
    return [active[i] for i in next(fill_packs(lengths, head, session.pack_tokens))]


def _shrink(session: _Session, pack: Sequence[_Active]) -> None:
    """Go on with packs of half the size; answers do not depend on it."""
    release()
    used = len(session.lm.prompter.head_ids) + sum(len(row.ids) for row in pack)
    session.pack_tokens = min(used, session.pack_tokens) // 2
    session.on_shrink(session.pack_tokens)


@torch.no_grad()
def _packed_argmax(session: _Session, pack: Sequence[_Active]) -> tuple[list[int], list[float]]:
    """Argmaxes and gaps behind each row's last decided token and behind each drafted one.

    A NaN may stand behind a wrong draft, where decoding would never have come. So the canonical
    forward decides each row's next token then, and names the row that cannot go on.
    """
    lm = session.lm
    packed = pack_rows(lm, [row.ids for row in pack])
    positions: list[int] = []
    for row, start in zip(pack, packed.starts, strict=True):
        stop = start + len(row.ids)
        positions.extend(range(stop - len(row.draft) - 1, stop))
    try:
        return greedy(packed_forward(lm, packed, positions))
    except NonFiniteError:
        tokens = [_decide(session, row) for row in pack]
        for row in pack:
            row.computed += len(row.draft)
            row.draft = ()
        return tokens, [math.inf] * len(pack)


def _accept_all(
    session: _Session, pack: Sequence[_Active], tokens: Sequence[int], gaps: Sequence[float]
) -> None:
    """Hand each row what the forward decided for it, and count what that took."""
    head = len(session.lm.prompter.head_ids)
    at = 0
    for row in pack:
        stop = at + len(row.draft) + 1
        row.forwards += 1
        row.computed += len(row.ids) + head / len(pack)
        _accept(session, row, tuple(tokens[at:stop]), gaps[at:stop])
        at = stop


def _accept(
    session: _Session, row: _Active, tokens: tuple[int, ...], gaps: Sequence[float]
) -> None:
    """Accept the draft as far as it equals the argmax, take the argmax at the first miss."""
    limit, partial = session.settings.max_new_tokens, session.settings.partial
    prompter = session.lm.prompter
    for k, predicted in enumerate(tokens):
        token = predicted
        if gaps[k] <= session.tie_margin:
            token = _decide(session, row)
            row.near_ties += 1
        row.progress = extend(prompter, row.progress, token, limit, partial=partial)
        if row.progress.finished:
            return
        if k == len(row.draft) or token != row.draft[k]:
            break
    row.known = session.drafter.decided(
        row.known, row.progress.ids, tokens[k + 1 :], row.draft, hits=k
    )
    row.draft = _proposed(session, row)


def _proposed(session: _Session, row: _Active) -> tuple[int, ...]:
    """A draft for what may still be decided; of partial answers no further than they go."""
    accepted, settings = row.progress.ids, session.settings
    draft = session.drafter.propose(row.known, accepted)
    draft = draft[: settings.max_new_tokens - len(accepted) - 1]
    if settings.partial:
        decode = session.lm.prompter.decode
        closing = (k for k, token in enumerate(draft) if "}" in decode((token,)))
        return draft[: next(closing, len(draft))]
    return draft


def _decide(session: _Session, row: _Active) -> int:
    """The row's next token by the canonical forward."""
    ids = [*session.lm.prompter.head_ids, *row.prompt.ids, *row.progress.ids]
    row.forwards += 1
    row.computed += len(ids)
    return next_token(session.lm, ids, row.id)


def _decoded(session: _Session, row: _Active) -> Decoded:
    lm, partial = session.lm, session.settings.partial
    return Decoded(
        id=row.id,
        output=output_of(lm.prompter, row.progress.ids, partial=partial),
        ids=row.progress.ids,
        forwards=row.forwards,
        prompt_tokens=len(lm.prompter.head_ids) + len(row.prompt.ids),
        tokens_computed=round(row.computed),
        near_ties=row.near_ties,
        truncated=row.prompt.truncated,
    )
