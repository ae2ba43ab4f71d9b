"""What is asked for stays remembered, all else goes after a while."""

from unsilo.flow.process import prepare_resource
from unsilo.flow.repeated import Repeated
from unsilo.kernel import Lineage, Row


def test_what_is_asked_for_stays() -> None:
    """The rest is forgotten, so that memory is bounded."""
    known: Repeated[int] = Repeated(4)
    for n in range(100):
        known.put(b"%d" % n, n)
        known.put(b"always", -1) if n == 0 else known.get(b"always")
    assert known.get(b"always") == -1
    assert known.get(b"1") is None
    assert sum(known.get(b"%d" % n) is not None for n in range(100)) <= 8


def test_a_resource_that_comes_again_is_prepared_alike_with_its_own_lineage() -> None:
    """Only lineage, time and rank are the message's."""
    patient = {"resourceType": "Patient", "id": "p", "name": [{"family": "Roe"}], "birthDate": "1970-01-02"}
    one = prepare_resource(dict(patient), [Lineage("a", "m", [Row("id", "r", None)])], 1, 0, [])
    two = prepare_resource(dict(patient), [Lineage("b", "m", [Row("id", "r", None)])], 2, 1, ["name"])
    assert (one.body, one.digest, one.packed, one.record, one.keys) == (
        two.body, two.digest, two.packed, two.record, two.keys,
    )  # fmt: skip
    assert one.lineage != two.lineage
    assert (two.clock, two.rank, two.cleared) == (2, 1, ["name"])
    assert two.index.keys.find == one.index.keys.find != []
