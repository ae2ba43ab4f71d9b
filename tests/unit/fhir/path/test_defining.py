"""Names given within an expression, and the first value that there is."""

from typing import Any

import pytest

from unsilo.fhir.path import PathError, compile_path
from unsilo.fhir.path.checking import check

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "active": True,
    "name": [{"use": "official", "given": ["Peter", "James"]}, {"use": "usual", "given": ["Jim"]}],
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("defineVariable('n', name.first()).select(%n.given)", ["Peter", "James"]),
        ("name.defineVariable('n', first()).select(%n.use & $this.use)", ["officialofficial", "officialusual"]),
        ("name.defineVariable('n', given.count()).first().select(%n)", [3]),
        ("name.defineVariable('n', $this).select(%n.count())", [2, 2]),
        ("name.defineVariable('n', where(use = 'usual')).select(%n.given)", ["Jim", "Jim"]),
        (
            "name.select(defineVariable('u').given.select(%u.use & $this))",
            ["officialPeter", "officialJames", "usualJim"],
        ),
        ("defineVariable('a', 1).select(%a) | defineVariable('b', 2).select(%b)", [1, 2]),
        ("name.where(defineVariable('u', use).exists(%u = 'usual')).given", ["Jim"]),
        ("'aaa'.replace(defineVariable('p', 'a').select(%p), defineVariable('p', 'b').select(%p))", ["bbb"]),
        ("defineVariable('o', 'x').select(defineVariable('i', 'y').select(%o & %i)) & 'z'", ["xyz"]),
        ("coalesce({}, name.where(use = 'nick'), name.where(use = 'usual').given)", ["Jim"]),
        ("coalesce({}, {})", []),
    ],
)
def test_what_a_name_stands_for(expression, expected):
    """The value holds for the rest of the path, and for all that is in it."""
    check(expression, "Patient")
    assert compile_path(expression)(PATIENT) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "defineVariable('a', 1).active | defineVariable('b', 2).select(%a)",  # beside the path
        "active.select(defineVariable('a', 1).select(%a)) & %a",  # after the path
        "defineVariable('a').defineVariable('a')",  # twice
        "defineVariable('context', 1)",  # taken
        "defineVariable('ucum')",
        "defineVariable({}, 1)",
        "defineVariable(1, 1)",
    ],
)
def test_what_is_refused(expression):
    """A name is known only in its own path, and given once."""
    with pytest.raises(PathError) as fault:
        compile_path(expression)(PATIENT)
    assert fault.value.fault == "execution"


def test_names_end_with_the_budget():
    """A repetition that names things again and again ends."""
    with pytest.raises(PathError) as fault:
        compile_path("repeatAll(defineVariable('a', name).select($this))")(PATIENT)
    assert fault.value.fault == "costly"
