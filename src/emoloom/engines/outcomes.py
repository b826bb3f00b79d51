"""How the work of one candidate ended: a failure, or a spent budget, stops that one alone."""

from collections.abc import Iterable

from emoloom.engines.context import Context
from emoloom.engines.local import BudgetStop
from emoloom.errors import UserError
from emoloom.models.logits import ModelError
from emoloom.ranking.entries import Status
from emoloom.runs.work import Work


def do_all(context: Context, units: Iterable[Work]) -> tuple[Status, str]:
    """Do what one candidate needs; how it ended, and why where it did not end well."""
    try:
        for unit in units:
            context.engine.do(unit)
    except (ModelError, UserError) as error:
        return "failed", str(error)
    except BudgetStop as error:
        return "not_done", str(error)
    return "scored", ""


def tell(context: Context, event: str, name: str, reason: str) -> None:
    """Log how a candidate ended, and show it."""
    context.run.event(event, candidate=name, message=reason)
    context.progress.say(f"{name}: {reason}")
