"""Values packed with what a store has learned come back byte for byte, alone and many at once."""

from itertools import permutations

from unsilo.storage.bodies import Dictionary, learn, pack, raw, register, unpack, unpack_all


def _dictionary(word: str) -> Dictionary:
    samples: list[bytes | bytearray | memoryview] = [
        f'{{"resourceType":"{word}","id":"{n}","status":"{"final" if n % 3 else "amended"}","n":{n * 7919}}}'.encode()
        for n in range(3000)
    ]
    learned = learn(samples)
    assert learned is not None
    register(*learned)
    return Dictionary(*learned)


def test_many_values_are_what_each_is_alone() -> None:
    """Of two dictionaries, of none, plain JSON, other bytes and nothing, in every order."""
    first, second = _dictionary("Observation"), _dictionary("Patient")
    values = [b'{"resourceType":"Observation","id":"%d","status":"final","text":"%s"}' % (n, b"x" * 90) for n in (1, 2)]
    kept = [pack(values[0], first), pack(values[1], first), pack(values[0], second), raw(values[1]), raw(b"\x01"), b""]
    assert {value[:1] for value in kept[:3]} == {b"\x02"}
    for order in permutations(kept):
        assert unpack_all(list(order)) == [unpack(value) for value in order]
    assert unpack_all(kept) == [values[0], values[1], values[0], values[1], b"\x01", b""]
