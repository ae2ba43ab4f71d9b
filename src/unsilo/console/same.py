"""The rules by which statements of different systems are told to be the same, with every reviewed row behind them."""

from __future__ import annotations

from starlette.responses import Response

from unsilo.console.gate import Asked
from unsilo.console.render import page
from unsilo.flow.read.same import named_code
from unsilo.terminology.same.tables import allergens, medicines, phrases, problems, rules, vaccines

__all__ = ["same_page"]


def same_page(asked: Asked) -> Response:
    """Show the rules, and the tables that they stand on, each row with its id, so that a merge can be checked."""
    tables = [
        ("Conditions", "A condition is the same where codes or names of one row meet.", problems()),
        ("Medicines", "A name stands for the ingredients that its row gives.", dict.fromkeys(medicines().values())),
        ("Allergens", "Members of one class are related, not the same.", allergens()),
        ("Vaccines", "Vaccines against one disease are related, not the same.", vaccines()),
    ]
    return page(
        "same.html", asked.view, title="The same fact", rules=list(rules().values()), tables=tables,
        phrases=phrases(), named=named_code,
    )  # fmt: skip
