"""What a source string means. Nothing is fetched here."""

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from emoloom.errors import UserError, nearest
from emoloom.sources.catalog import list_models, wheel_source
from emoloom.sources.origins import (
    ZIPPED,
    GgufFile,
    HubRepo,
    LocalFolder,
    ModelSource,
    RandomLlama,
    WheelMember,
    WheelParts,
)

MOST_PARTS = 64
"""Most wheels that one file may be cut into."""

_UNREAD = ", converted from GGUF"
"""Stands in the name of a GGUF file until it is read: only the file tells its quantisation."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REQUIREMENT = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?==[0-9][A-Za-z0-9.!+_-]{0,62}"
_MEMBER = re.compile(
    rf"(?P<requirement>{_REQUIREMENT})#(?P<member>[^\x00-\x1f\x7f\\:]{{1,512}})", re.ASCII
)
# A `+` stands between two parts where a whole package==version# follows.
_JOIN = re.compile(rf"\+(?={_REQUIREMENT}#)", re.ASCII)
_PART = re.compile(r"(?P<whole>.+\.gguf)\.(?:part)?(?P<number>[0-9]{1,4})", re.ASCII)
_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
_HUB = re.compile(
    rf"hf:(?P<repo>{_WORD}/{_WORD})(?:@(?P<revision>[A-Za-z0-9][A-Za-z0-9._/-]{{0,127}}))?",
    re.ASCII,
)
# How the hub's page and other programs write what is `hf:org/name` here.
_REPO = re.compile(
    r"(?:https?://huggingface\.co/|huggingface\.co/)?"
    rf"(?P<repo>{_WORD}/{_WORD})(?:@(?P<revision>[A-Za-z0-9][A-Za-z0-9._/-]{{0,127}})|/)?",
    re.ASCII | re.IGNORECASE,
)
_RANDOM = re.compile(r"random:tiny(?:@(?P<seed>[0-9]{1,10}))?", re.ASCII)


def parse_source(
    text: str,
    *,
    name: str | None = None,
    allow_large: bool = False,
    trust_remote_code: bool = False,
    encoder: bool = False,
) -> ModelSource:
    """Read the source string of a language model, or of an encoder.

    Args:
        text: a catalogue name, `hf:org/name[@revision]`,
            `pypi:package==version#path/in/wheel.gguf` (its parts in several wheels joined by `+`;
            or a `.zip` with a model folder), the path of a folder or of a `.gguf` file, or
            `random:tiny[@seed]`.
        name: short name to use instead of the one made from the source.
        allow_large: the user allows more than 2 billion parameters.
        trust_remote_code: the user allows the model's own Python code to be run.
        encoder: what is wanted is an encoder of texts, for a floor.

    Raises:
        UserError: the string is none of these, its path does not exist, or it names the other kind.
    """
    source = replace(
        _of_kind(_parse(text.strip(), encoder), text, encoder),
        allow_large=allow_large,
        trust_remote_code=trust_remote_code,
    )
    if name is None:
        return source
    if not _NAME.fullmatch(name):
        raise UserError(
            "This model name cannot be used",
            got=repr(name),
            allowed="1 to 64 letters, digits, `.`, `_` and `-`, starting with a letter or digit",
            do="choose another name",
        )
    return replace(source, name=name)


def name_as_stored(source: ModelSource, quantisation: str | None) -> str:
    """The display name, with how a GGUF file stores its weights once that is known."""
    if quantisation is None or not source.display_name.endswith(_UNREAD):
        return source.display_name
    return f"{source.display_name.removesuffix(_UNREAD)}, {quantisation}"


def names_encoder(text: str) -> bool:
    """Whether this is an encoder that is known by name."""
    return any(known.encoder and text in {known.name, known.source} for known in list_models())


def _of_kind(source: ModelSource, text: str, encoder: bool) -> ModelSource:
    """The source as what is wanted of it; a folder or a repository may be either."""
    known = any(one.origin == source.origin for one in list_models())
    if not encoder:
        if not source.encoder:
            return source
        raise UserError(
            f"{source.name} is an encoder of texts, not a language model",
            got=repr(text),
            do=f"name it under `floors`: `floors: [{source.name}]`",
        )
    unfit = isinstance(source.origin, GgufFile | WheelParts | RandomLlama)
    gguf = isinstance(source.origin, WheelMember) and not source.origin.zipped
    if unfit or gguf or (known and not source.encoder):
        raise UserError(
            f"{source.name} is not an encoder of texts",
            got=repr(text),
            allowed=_allowed(encoder=True),
            do="name language models under `models`",
        )
    return replace(source, encoder=True)


def _parse(text: str, encoder: bool) -> ModelSource:
    for known in list_models():
        if text in {known.name, known.source}:
            return known
    if text.startswith("pypi:"):
        return _parse_pypi(text)
    if text.startswith("random:"):
        return _parse_random(text)
    if text.startswith("hf:"):
        return _parse_hub(text)
    return _parse_path(text, encoder)


def _parse_pypi(text: str) -> ModelSource:
    pieces = _JOIN.split(text.removeprefix("pypi:"))
    parts = tuple(_parse_member(piece, text) for piece in pieces)
    if len(parts) == 1:
        origin: WheelMember | WheelParts = parts[0]
        whole = PurePosixPath(parts[0].member)
        if whole.suffix not in {".gguf", ZIPPED}:
            raise _bad_pypi(text)
    else:
        origin = WheelParts(parts, None)
        whole = PurePosixPath(_joined_name(parts, text))
    for known in list_models():
        pinned = known.origin
        if isinstance(pinned, WheelMember | WheelParts) and origin == replace(pinned, sha256=None):
            return known
    shown = whole.stem if whole.suffix == ZIPPED else _from_gguf(whole.stem)
    return ModelSource(_slug(whole.stem), wheel_source(*parts), shown, None, origin)


def _parse_member(piece: str, text: str) -> WheelMember:
    match = _MEMBER.fullmatch(piece)
    member = PurePosixPath(match["member"]) if match else PurePosixPath()
    plain = match is not None and str(member) == match["member"] and ".." not in member.parts
    if match is None or not plain or member.is_absolute():
        raise _bad_pypi(text)
    package, _, version = match["requirement"].partition("==")
    return WheelMember(re.sub(r"[-_.]+", "-", package).lower(), version, str(member), None)


def _joined_name(parts: tuple[WheelMember, ...], text: str) -> str:
    """The joined file's name; the parts must be numbered without a gap, in their order."""
    matches = [_PART.fullmatch(PurePosixPath(part.member).name) for part in parts]
    found = [(match["whole"], int(match["number"])) for match in matches if match]
    if len(found) == len(parts) <= MOST_PARTS:
        whole, first = found[0]
        if found == [(whole, first + offset) for offset in range(len(found))]:
            return whole
    raise UserError(
        "These wheels do not hold the parts of one file",
        got=repr(text),
        allowed=f"2 to {MOST_PARTS} members of one name, numbered without a gap and in order: "
        "name.gguf.part00, name.gguf.part01, ...",
        do="write the parts in their order",
    )


def _bad_pypi(text: str) -> UserError:
    return UserError(
        "This pypi source cannot be read",
        got=repr(text),
        allowed="pypi:package==version#path/in/wheel.gguf (or a .zip with a model folder), the "
        "version exact, the path relative and without `..`; parts of one file are joined by `+`",
        do="check the package's name, its version and the file's path in the wheel",
    )


def _parse_hub(text: str) -> ModelSource:
    match = _HUB.fullmatch(text)
    repo, revision = (match["repo"], match["revision"]) if match else ("", None)
    fault = any(two in repo for two in ("--", "..")) or repo.endswith(".git") or len(repo) > 96
    steps = (revision or "main").split("/")
    if match is None or fault or any(".." in step or not step.strip(".") for step in steps):
        raise UserError(
            "This hub source cannot be read",
            got=repr(text),
            allowed="hf:org/name or hf:org/name@revision, the revision a branch, tag or commit",
            do="write for instance hf:Qwen/Qwen2.5-0.5B-Instruct@main",
        )
    origin = HubRepo(repo, revision)
    for known in list_models():
        if isinstance(known.origin, HubRepo) and known.origin.repo == repo:
            return replace(known, source=text, origin=origin)
    name = repo.partition("/")[2]
    return ModelSource(_slug(name), text, name, None, origin)


def _parse_random(text: str) -> ModelSource:
    match = _RANDOM.fullmatch(text)
    seed = int(match["seed"] or 0) if match else -1
    if not 0 <= seed < 2**32:
        raise UserError(
            "This random source cannot be read",
            got=repr(text),
            allowed="random:tiny or random:tiny@seed, the seed from 0 to 4294967295",
            do="write for instance random:tiny@7",
        )
    base = next(known for known in list_models() if isinstance(known.origin, RandomLlama))
    if base.origin == RandomLlama(seed):
        return base
    return replace(
        base,
        name=f"{base.name}-{seed}",
        source=f"random:tiny@{seed}",
        origin=RandomLlama(seed),
    )


def _parse_path(text: str, encoder: bool) -> ModelSource:
    try:
        path = Path(text).expanduser()
        if path.suffix == ".gguf" and path.is_file():
            return ModelSource(_slug(path.stem), text, _from_gguf(path.stem), None, GgufFile(path))
        if text and path.is_dir():
            shown = path.resolve().name
            return ModelSource(_slug(shown), text, shown or text, None, LocalFolder(path))
    except PermissionError:
        raise
    except (OSError, RuntimeError, ValueError):
        pass  # too long, `~nobody`, or a NUL: no path, as said below
    raise UserError(
        "No such model",
        got=repr(text[:200]),
        allowed=_allowed(encoder),
        do=f"{_meant(text, encoder)}see `emoloom models list`, or check the path",
    )


def _meant(text: str, encoder: bool) -> str:
    """A question with what may be meant: a repository of the hub, a name of the catalogue."""
    found = _REPO.fullmatch(text)
    repo = found["repo"] if found and not found["repo"].endswith(".gguf") else ""
    hub = [f"hf:{repo}" + (f"@{found['revision']}" if found and found["revision"] else "")]
    near = nearest(repo.partition("/")[2] or text, _names(encoder))
    meant = [*(hub if repo else ()), *([near] if near else ())]
    return f"did you mean {' or '.join(meant)}? else " if meant else ""


def _names(encoder: bool) -> list[str]:
    return [known.name for known in list_models() if known.encoder == encoder]


def _allowed(encoder: bool) -> str:
    names = ", ".join(_names(encoder))
    if encoder:
        return (
            f"a known name ({names}), hf:org/name@revision, the path of a folder with safetensors, "
            "or pypi:package==version#path/in/wheel.zip"
        )
    return (
        f"a known name ({names}), hf:org/name@revision, pypi:package==version#path/in/wheel.gguf, "
        "the path of a folder with safetensors, the path of a .gguf file, or random:tiny@seed"
    )


def _from_gguf(stem: str) -> str:
    return stem + _UNREAD


def _slug(text: str) -> str:
    slug = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:64]
    return slug or "model"
