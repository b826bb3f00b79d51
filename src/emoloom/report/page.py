"""A run folder, finished or not, to one HTML page that opens offline and asks the network nothing.

The page is a view: it reads the run's files and computes no score. Only this package's stylesheet
and scripts, and JSON that we serialise, enter unescaped; everything else is data and is escaped.
The page's content security policy names that style and those scripts by hash, so nothing else can
run (ours).
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from emoloom.errors import UserError
from emoloom.report import formats
from emoloom.report.charts import BOTTOM, HEIGHT, LEFT, WIDTH
from emoloom.report.inputs import Record, read_run
from emoloom.report.learning import term_said
from emoloom.report.views import build_view
from emoloom.runs.directory import sha256_file, write_text_atomic
from emoloom.runs.provenance import MANIFEST, PAGE, RANKINGS, code_sha256, is_plain
from emoloom.runs.record import check_format

RANKED_PAGE = f"{RANKINGS}/{PAGE}"
"""The page with the rankings that were added since; nothing binds it."""

DRAWN_BY = "<!-- drawn by code "
"""Begins the last line of `RANKED_PAGE`."""

_HERE = Path(__file__).parent

_STYLES = ("base", "controls", "tables", "board", "overview", "rows", "plots", "print")
"""Stylesheets, in the order in which they override each other."""

_LIBRARY = ("vendor/d3.min.js", "vendor/plot.umd.min.js", "assets/plot_kit.js")
"""In the order they need each other. The vendored ones are byte for byte as published."""


def write_report(run_dir: Path) -> Path:
    """Write `report.html` into a run folder, whole or not at all.

    Where other rankings were added, `rankings/report.html` is the same page with them: what the
    manifest binds does not change with what is added later. The folder may be that of a finished,
    partial, failed, stopped or empty run: the page says what is missing. The same folder gives the
    same bytes.

    Args:
        run_dir: the run's folder.

    Returns:
        The path of the page that shows more.

    Raises:
        UserError: there is no such folder, it is of a newer emoloom, or it cannot be written.
    """
    if not run_dir.is_dir():
        raise UserError(
            "there is no run folder to report on",
            got=str(run_dir),
            allowed="a folder written by `emoloom screen`",
            do="check the path, or run `emoloom screen` first",
        )
    check_format(run_dir)
    page = _write(run_dir / PAGE, render_page(run_dir))
    if any((run_dir / RANKINGS).glob("*.json")):
        page = write_ranked_page(run_dir)
    return page


def redraw_report(run_dir: Path) -> Path:
    """Draw a run's page again, as `write_report`, but never over one that a manifest binds.

    Where this package draws another page than the run's own, that goes to `rankings/report.html`.

    Raises:
        UserError: as `write_report`.
    """
    check_format(run_dir)
    bound = _bound_page(run_dir)
    if bound is None or _sha256(render_page(run_dir)) == bound:
        return write_report(run_dir)
    return write_ranked_page(run_dir)


def _bound_page(run_dir: Path) -> str | None:
    """sha256 of the page, if it is the one that the manifest binds."""
    if not all(is_plain(run_dir / name) for name in (MANIFEST, PAGE)):
        return None
    try:
        manifest = json.loads((run_dir / MANIFEST).read_bytes())
        bound = {one["name"]: one["digest"]["sha256"] for one in manifest["subject"]}[PAGE]
        return str(bound) if sha256_file(run_dir / PAGE) == bound else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def write_ranked_page(run_dir: Path) -> Path:
    """Write `rankings/report.html` alone; returns its path.

    Raises:
        UserError: it cannot be written.
    """
    return _write(run_dir / RANKED_PAGE, ranked_page(run_dir))


def ranked_page(run_dir: Path) -> str:
    """The page with the rankings; its last line says which code drew it."""
    return f"{render_page(run_dir, rankings=True).rstrip()}\n{DRAWN_BY}{code_sha256()} -->\n"


def _write(page: Path, text: str) -> Path:
    try:
        write_text_atomic(page, text)
    except OSError as error:
        raise UserError(
            f"cannot write {page}",
            got=error.strerror or str(error),
            do="make the run folder writable, or copy it elsewhere",
        ) from error
    return page


def render_page(run_dir: Path, *, rankings: bool = False) -> str:
    """The page's HTML.

    Args:
        run_dir: the run's folder.
        rankings: whether to show rankings/, which are added to a run that is closed. Without them
            the page is a function of what the manifest binds, but the page itself.
    """
    styles = [_HERE / f"assets/{name}.css" for name in _STYLES]
    css = "".join(path.read_text(encoding="utf-8") for path in styles)
    view = build_view(read_run(run_dir, rankings=rankings))
    scripts = [(_HERE / name).read_bytes().decode("utf-8") for name in _scripts(view)]
    template = _environment().get_template("template.html.jinja")
    return template.render(
        **view,
        policy=_policy(css, scripts),
        css=Markup(css),  # noqa: S704 - our own file
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - files of this package
        payload=Markup(view["embedded"].payload),  # noqa: S704 - escaped by script_json
        plot_payload=Markup(view["plots"]["payload"]),  # noqa: S704 - escaped by script_json
        drawing={"width": WIDTH, "height": HEIGHT, "left": LEFT, "bottom": BOTTOM},
    )


def _scripts(view: Record) -> list[str]:
    """The scripts that this page has work for, in the order they need each other."""
    names = ["assets/page.js"]
    if view["board"]["scored"]:
        names += ["assets/rank.js", "assets/board.js"]
    if view["embedded"].shown:
        names += ["assets/row_card.js", "assets/rows.js"]
    if drawn := view["plots"]["drawn"]:
        names += [*_LIBRARY, *(f"assets/plot_{name}.js" for name in drawn)]
    return names


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=formats.finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cell": formats.cell,
        "duration": formats.duration,
        "field": formats.field,
        "num": formats.number,
        "pct": formats.percent,
        "plural": formats.plural,
        "term_said": term_said,
    }
    return environment


def _policy(css: str, scripts: Sequence[str]) -> str:
    """Content security policy: our style and the scripts by hash, an empty icon, nothing else."""
    allowed = " ".join(f"'{_hash(script)}'" for script in scripts)
    return (
        f"default-src 'none'; style-src '{_hash(css)}'; script-src {allowed}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
