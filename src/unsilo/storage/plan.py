"""What a search asks of the store, as plain structs: parameters by number, codes as hashes, types by number."""

from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from unsilo.policy.predicate import Predicate
from unsilo.storage.rows import Stored

__all__ = [
    "NEVER",
    "All",
    "Any",
    "Chain",
    "Coded",
    "Codes",
    "Comparator",
    "Composite",
    "Date",
    "Dates",
    "Has",
    "Id",
    "Implied",
    "InList",
    "Include",
    "Leaf",
    "Member",
    "Missing",
    "Never",
    "Node",
    "Not",
    "Number",
    "Page",
    "Plan",
    "Position",
    "Quantity",
    "Reference",
    "Related",
    "Sort",
    "Text",
    "Token",
    "Unit",
    "Updated",
    "Uri",
    "Words",
]

Comparator = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
"""The prefixes of FHIR R4 search.html#prefix. `ap` comes with bounds that are widened already."""

Numbers = tuple[int, ...]
"""Parameter numbers of one parameter, one for each type that is searched."""


class Token(msgspec.Struct, frozen=True, gc=False):
    """`code` is its hash, None for any; `system` "" for none, None for any."""

    sp: Numbers
    code: int | None
    system: str | None


class Coded(msgspec.Struct, frozen=True, gc=False):
    """A `Token` of any system whose systems are known by their numbers."""

    sp: Numbers
    code: int
    systems: tuple[int, ...]


class Codes(msgspec.Struct, frozen=True, gc=False):
    """One of several codes: (hash, system as of `Token`)."""

    sp: Numbers
    codes: tuple[tuple[int, str | None], ...]


class Words(msgspec.Struct, frozen=True, gc=False):
    """`:text` of a token: one of its texts begins with the folded text, or has a word that does."""

    sp: Numbers
    text: str


class Text(msgspec.Struct, frozen=True, gc=False):
    """A string: `how` it compares with the folded `text`; `raw` is the hash of the text as it stands, for `exact`."""

    sp: Numbers
    how: Literal["starts", "exact", "contains"]
    text: str
    raw: int = 0


class Date(msgspec.Struct, frozen=True, gc=False):
    """A date compared with the half-open range of microseconds (lo, hi)."""

    sp: Numbers
    how: Comparator
    lo: int
    hi: int


class Dates(msgspec.Struct, frozen=True, gc=False):
    """Several conditions on the one date that a parameter has at most."""

    dates: tuple[Date, ...]

    @property
    def sp(self) -> Numbers:
        """The parameter."""
        return self.dates[0].sp


class Number(msgspec.Struct, frozen=True, gc=False):
    """A number: `lo` and `hi` are what the implicit precision spans for eq, ne, ap, else both the value."""

    sp: Numbers
    how: Comparator
    lo: float
    hi: float


class Unit(msgspec.Struct, frozen=True, gc=False):
    """What a quantity is asked in: any unit, one of a name or code, one of a system, or what UCUM converts to `code`.

    `exact` are the bounds as they were asked, in that unit.
    """

    kind: Literal["any", "named", "coded", "ucum"]
    system: str
    code: str
    exact: tuple[Decimal, Decimal]


class Quantity(msgspec.Struct, frozen=True, gc=False):
    """A quantity; bounds as of `Number`, of a unit of UCUM in its canonical one."""

    sp: Numbers
    unit: Unit
    how: Comparator
    lo: float
    hi: float


class Uri(msgspec.Struct, frozen=True, gc=False):
    """A URI that is one of `values`, or begins with the first of them."""

    sp: Numbers
    how: Literal["is", "below"]
    values: tuple[str, ...]


class Reference(msgspec.Struct, frozen=True, gc=False):
    """A reference to a resource of these ids and types; `kin`: a Patient stands for its whole person."""

    sp: Numbers
    types: tuple[int, ...]
    ids: tuple[str, ...]
    kin: bool = True


class Composite(msgspec.Struct, frozen=True, gc=False):
    """One row of a composite that meets all given parts; None: not asked.

    `span` compares the range of a quantity (as of `Quantity`), date or number as (comparator, low, high), of a date
    with `d` before the comparator; `low` and `high` compare two numbers, each alone.
    """

    sp: Numbers
    token: tuple[int | None, str | None] | None = None
    token2: tuple[int | None, str | None] | None = None
    unit: Unit | None = None
    span: tuple[str, float, float] | None = None
    low: tuple[str, float, float] | None = None
    high: tuple[str, float, float] | None = None
    text: str | None = None
    exact: bool = False


class Position(msgspec.Struct, frozen=True, gc=False):
    """A place within `km` kilometres of a point (degrees)."""

    sp: Numbers
    lat: float
    lon: float
    km: float


class Id(msgspec.Struct, frozen=True, gc=False):
    """A resource's own id is one of these."""

    types: tuple[int, ...]
    ids: tuple[str, ...]


class Updated(msgspec.Struct, frozen=True, gc=False):
    """The time of the last change, compared as a date of one microsecond."""

    how: Comparator
    lo: int
    hi: int


class Missing(msgspec.Struct, frozen=True, gc=False):
    """Whether a row has no key at all of the parameter in any of the tables (`dat`, `ref` ...)."""

    sp: Numbers
    tables: tuple[str, ...]
    absent: bool


class Related(msgspec.Struct, frozen=True, gc=False):
    """A reference leads to one of these ids, or to what is a part of it; `below` False: or to what it is a part of.

    `up` is the parameter by which a resource of the one type in `types` names what it is a part of.
    """

    sp: Numbers
    types: tuple[int, ...]
    ids: tuple[str, ...]
    up: Numbers
    below: bool


class InList(msgspec.Struct, frozen=True, gc=False):
    """Rows that the List of this id names as an item (`sp` is List's parameter item)."""

    sp: Numbers
    id: str


class Member(msgspec.Struct, frozen=True, gc=False):
    """Rows of the compartment of a Patient, the Patient itself included; `kin`: of its whole person."""

    patient: str
    types: tuple[int, ...]
    kin: bool = True


class Never(msgspec.Struct, frozen=True, gc=False):
    """No row."""


class All(msgspec.Struct, frozen=True):
    """Every part."""

    parts: tuple["Node", ...]


class Any(msgspec.Struct, frozen=True):
    """Some part."""

    parts: tuple["Node", ...]


class Not(msgspec.Struct, frozen=True):
    """The part does not hold."""

    part: "Node"


class Chain(msgspec.Struct, frozen=True):
    """A reference under `sp` leads to a resource of `types` that meets the node; `kin`: or to a linked Patient's."""

    sp: Numbers
    types: tuple[int, ...]
    node: "Node"
    kin: bool = True


class Has(msgspec.Struct, frozen=True):
    """A resource of `types` that meets the node refers under `sp` to the row; `kin`: or to a Patient linked with it."""

    sp: Numbers
    types: tuple[int, ...]
    node: "Node"
    kin: bool = True


Leaf: TypeAlias = (
    Token | Coded | Codes | Words | Text | Date | Dates | Number | Quantity | Uri | Reference | Composite | Position
    | Related | Id | Updated | Missing | InList | Member | Never
)  # fmt: skip


class Implied(msgspec.Struct, frozen=True):
    """A part that every row of another clause meets: a way to the rows where it is a list of them, no condition."""

    part: "Node"


Node: TypeAlias = Leaf | All | Any | Not | Chain | Has | Implied

NEVER = Never()


class Sort(msgspec.Struct, frozen=True, gc=False):
    """One sort key: `table` names where its keys are (`dat`, `str`, `tok` ...), or is `id` or `updated`.

    `single`: a resource has one key at most.
    """

    table: str
    sp: Numbers
    down: bool
    single: bool = False


class Include(msgspec.Struct, frozen=True, gc=False):
    """References to follow from the page: from rows of `source` under `sp` to rows of `types` (() any).

    `reverse`: from rows of `source` that refer to the page's rows. `urls`: numbers of the parameter `url` of `types`,
    for canonical references. `iterate`: also from what was included.
    """

    source: tuple[int, ...]
    sp: Numbers
    types: tuple[int, ...] = ()
    reverse: bool = False
    iterate: bool = False
    urls: Numbers = ()


class Plan(msgspec.Struct, frozen=True):
    """One search. `types` () is every type; `clauses` must all hold; `after` is where the former page ended.

    `after` is the former page's: the sort keys of its last row and `Type/id`. `total` is `none`, `estimate` (counted up
    to a bound) or `accurate`. `cheap` says that the first page is met without waiting; `most` bounds what is included,
    `seconds` the time.
    """

    predicate: Predicate
    types: tuple[int, ...]
    clauses: tuple[Node, ...]
    sort: tuple[Sort, ...] = ()
    count: int = 50
    total: Literal["none", "estimate", "accurate"] = "none"
    only_count: bool = False
    includes: tuple[Include, ...] = ()
    most: int = 1000
    after: tuple[object, ...] | None = None
    cheap: bool = False
    seconds: float = 30


class Page(msgspec.Struct):
    """What a search found: matches in order, what they drew along, the total when asked for, where the next begins.

    `cut`: more was to be included than the bound allows.
    """

    rows: list[Stored]
    includes: list[Stored]
    total: int | None = None
    after: tuple[object, ...] | None = None
    cut: bool = False
