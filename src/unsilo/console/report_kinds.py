"""Reports and documents narrowed to a kind: what they are, by specialty, or all but what is administrative."""

from collections import Counter
from collections.abc import Sequence

from unsilo.console.gate import Asked
from unsilo.flow.notes.shown import kinds_of_report
from unsilo.flow.read.grouping import Group
from unsilo.notes.kinds import AXES

__all__ = ["narrowed"]

_WITHOUT = "-"
_IRRELEVANT = "content"
"""The axis of what may be left out: there is no care in it."""


def narrowed(asked: Asked, groups: Sequence[Group]) -> tuple[list[Group], list[tuple[str, str, int]], str]:
    """Return the groups of the kind in the address (`kind`), the choices (key, words, how many), and the choice made.

    `-administrative` leaves out what is so; an unknown kind is none.
    """
    tagged = [(group, kinds_of_report(group.lead.resource)) for group in groups]
    counts = Counter((AXES.index(kind.axis), kind.tag) for _, kinds in tagged for kind in kinds)
    choices = [(tag, tag, number) for (_, tag), number in sorted(counts.items())]
    for (axis, tag), number in sorted(counts.items()):
        if AXES[axis] == _IRRELEVANT:
            choices.append((f"{_WITHOUT}{tag}", f"without {tag}", len(groups) - number))
    chosen = asked.request.query_params.get("kind", "")
    if chosen not in {key for key, _, _ in choices}:
        return list(groups), choices, ""
    wanted, without = chosen.removeprefix(_WITHOUT), chosen.startswith(_WITHOUT)
    return [g for g, kinds in tagged if any(k.tag == wanted for k in kinds) is not without], choices, chosen
