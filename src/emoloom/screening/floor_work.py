"""The unit of work in which a floor answers the rows."""

from emoloom import __version__
from emoloom.records import LabelSpace
from emoloom.row_sets.shared import SharedRows
from emoloom.runs.directory import RunDirectory, Stage, fingerprint
from emoloom.runs.provenance import package_versions
from emoloom.runs.work import Advance, Outcome, Work
from emoloom.screening.floors import FloorInputs, floor_outputs
from emoloom.screening.outputs import SELECT, write_parts
from emoloom.supervision.lexicon import Lexicon


def floor_work(
    run: RunDirectory,
    name: str,
    rows: SharedRows,
    space: LabelSpace,
    lexicon: Lexicon,
) -> Work:
    """Answers of one floor on every row set that is asked, from one fit."""
    asked = rows.all_asked

    def make(advance: Advance) -> Outcome:
        made_from = FloorInputs(rows.train, space, lexicon, rows.scale)
        outputs = floor_outputs(name, made_from, asked)
        outs = write_parts(run, name, rows, outputs)
        advance(len(outputs))
        return Outcome(outs, {"rows": len(asked), "answers": len(outputs)})

    inputs = [name, rows.hashes, lexicon.sha256, __version__, package_versions()]
    stage = Stage(run.candidate(name), SELECT, fingerprint(inputs))
    return Work(stage, name, len(asked), "rows", make, budgeted=False)
