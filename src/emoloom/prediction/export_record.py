"""`emoloom.json`: what an exported model was asked in the run, and must be asked again.

The file may come from anyone: it is read as data, and every field is checked.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from emoloom.contract.prompt import Prompter
from emoloom.contract.schema import CONTRACT_VERSION
from emoloom.errors import UserError
from emoloom.models.certificate import Certificate
from emoloom.records import LabelSpace
from emoloom.settings_file import read_text

EXPORT_FILE = "emoloom.json"
"""Its presence makes a folder an export."""

FORMAT = 1
"""Version of the file's layout."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
TokenId = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PromptRecord(_Part):
    """The prompt as token ids: `head_ids`, a text's own ids, `tail_ids`."""

    head: str
    """Rendered text before the row's text."""
    tail: str
    """Rendered text after it."""
    system_turn: str
    """What the template writes before the user's turn of its own accord."""
    head_ids: tuple[TokenId, ...]
    """Ids of `head`."""
    tail_ids: tuple[TokenId, ...]
    """Ids of `tail`."""
    joint: Literal["", " "]
    """Stands before each text when it is encoded."""
    end_id: TokenId
    """The token that closes an answer in training."""
    stop_ids: Annotated[tuple[TokenId, ...], Field(min_length=1)]
    """Tokens at which decoding stops, rising."""
    max_text_tokens: Annotated[int, Field(ge=1, le=8192)]
    """Longer texts are cut at the end."""
    max_new_tokens: Annotated[int, Field(ge=1, le=1024)]
    """Longest answer."""


class SpaceRecord(_Part):
    """The label space in force."""

    name: str
    """Its name."""
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    """Labels in the order in which answers write them."""


class BaseRecord(_Part):
    """The model that was trained."""

    source: str
    """Source string; of a folder of the user's own, its name alone in a merged export."""
    name: str
    """What it is."""
    licence: str
    """Its licence."""
    weights_sha256: Sha256
    """Of its weights, as the run had them."""


class RunRecord(_Part):
    """The run that the model was chosen in."""

    name: str
    """Its name."""
    candidate: str
    """The candidate's name."""
    identity: str
    """Fingerprint of the run's settings."""
    manifest_sha256: Sha256
    """Of the run's manifest.json, which holds the hash of each of its result files."""


class ExportRecord(_Part):
    """The whole file."""

    format: int
    """`FORMAT`."""
    name: str
    """What the exported model is."""
    form: Literal["merged", "adapter"]
    """Whole weights, or an adapter that needs its base model."""
    contract_version: str
    """Of the answers."""
    label_space: SpaceRecord
    """Labels in force."""
    instruction: str
    """The user's turn, `{text}` where the text stands."""
    instruction_sha256: Sha256
    """Identity of the instruction, as in the run."""
    prompt: PromptRecord
    """The instruction in the model's own template, as token ids."""
    weights_sha256: Sha256
    """Of the export's weight files, or of the adapter's one."""
    base: BaseRecord
    """The model that was trained."""
    run: RunRecord
    """Where it was chosen."""
    certificate: dict[str, Any]
    """Preflight certificate of the exported weights."""
    certified_with: dict[str, str]
    """What it was measured with, as `predictor.measured_with`."""

    @property
    def space(self) -> LabelSpace:
        """Labels in force."""
        return LabelSpace(self.label_space.name, self.label_space.labels)

    def prompter(self, own: Prompter) -> Prompter:
        """The export's prompt with a prompter's tokenizer, whatever this version would ask."""
        kept = self.prompt
        return replace(
            own,
            space=self.space,
            head=kept.head,
            tail=kept.tail,
            head_ids=kept.head_ids,
            tail_ids=kept.tail_ids,
            joint=kept.joint,
            end_id=kept.end_id,
            stop_ids=frozenset(kept.stop_ids),
            max_text_tokens=kept.max_text_tokens,
            system_turn=kept.system_turn,
        )

    def certified(self) -> Certificate | None:
        """The certificate; None where its fields are not those of this version."""
        try:
            return TypeAdapter(Certificate).validate_python(self.certificate)
        except ValidationError:
            return None


def prompt_record(prompter: Prompter, max_new_tokens: int) -> PromptRecord:
    """What must be kept of a prompter."""
    return PromptRecord(
        head=prompter.head,
        tail=prompter.tail,
        system_turn=prompter.system_turn,
        head_ids=prompter.head_ids,
        tail_ids=prompter.tail_ids,
        joint=" " if prompter.joint else "",
        end_id=prompter.end_id,
        stop_ids=tuple(sorted(prompter.stop_ids)),
        max_text_tokens=prompter.max_text_tokens,
        max_new_tokens=max_new_tokens,
    )


def read_export(folder: Path) -> ExportRecord:
    """Read the file of an export.

    Raises:
        UserError: it is damaged, or of another version.
    """
    path = folder / EXPORT_FILE
    text = read_text(path, "the export's record")
    try:
        value = json.loads(text)
        stated = value.get("format") if isinstance(value, dict) else None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON", got=str(error)[:200], do=_AGAIN) from error
    if type(stated) is int and stated > FORMAT:
        raise UserError(
            f"{folder} was exported by a newer emoloom",
            got=f"format {stated}",
            allowed=f"up to {FORMAT}",
            do="upgrade emoloom",
        )
    try:
        record = ExportRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UserError(f"{path} is damaged", got=f"{where}: {first['msg']}", do=_AGAIN) from error
    if record.contract_version != CONTRACT_VERSION:
        raise UserError(
            f"{folder} answers in another contract",
            got=f"contract version {record.contract_version!r}",
            allowed=CONTRACT_VERSION,
            do="use the version of emoloom that exported it",
        )
    return record


_AGAIN = "export it again with `emoloom export`"
