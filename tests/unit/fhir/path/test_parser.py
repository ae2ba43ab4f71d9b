"""Expressions as text: what is read, what is refused and where."""

import pytest

from unsilo.fhir.path import PathError, compile_path
from unsilo.fhir.path.lexer import LONGEST, tokens
from unsilo.fhir.path.parser import DEEPEST, parse
from unsilo.fhir.path.tree import Chain, Fold, Literal, Unary


@pytest.mark.parametrize(
    ("expression", "at"),
    [
        ("", 0),
        ("2 +", 3),
        ("2 + 2 /", 7),
        ("2 + 2 /* open", 6),
        pytest.param("/* " * 21_000, 0, id="comments without end"),  # each would be looked through to the end
        ("name.", 5),
        ("name..given", 5),
        ("(1", 2),
        ("1)", 1),
        ("name[0", 6),
        ("'open", 0),
        ("`open", 0),
        ("@2015-13", 0),
        ("@2015-02-30", 0),
        ("@T25", 0),
        ("@T14:34:28Z", 10),
        ("@T14:34:28+10:00 = 1", 13),
        ("a.where(b,)", 10),
        ("1 is", 4),
        ("a.$this", 2),
        ("and", 0),
        ("{1}", 1),
        ("a # b", 2),
        ("$that", 0),
        ("1 2", 2),
        ("@", 0),
        ("%", 0),
    ],
)
def test_wrong_text_is_refused_with_its_place(expression: str, at: int) -> None:
    """A fault of syntax says the character where the text stops making sense."""
    with pytest.raises(PathError) as caught:
        parse(expression)
    assert caught.value.fault == "syntax"
    assert caught.value.at == at


def test_line_and_column_count_from_one() -> None:
    """The place of a fault is given as people count."""
    with pytest.raises(PathError) as caught:
        parse("name\n  .where(\n    use = )")
    assert (caught.value.line, caught.value.column) == (3, 11)
    assert "line 3, column 11" in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("-2 * 3", -6),
        ("10 - 2 - 3", 5),
        ("1 | 2 = 2", None),
        ("1 + 1 = 2 and 3 > 2", True),
        ("true or false and false", True),
        ("false implies true or true", True),
        ("1 in 1 | 2", True),
        ("-1 + 2", 1),
        ("2 - -1", 3),
        ("1 is Integer = true", True),
        ("'a' & 'b' + 'c'", "abc"),
    ],
)
def test_operators_bind_as_the_standard_orders_them(expression: str, value: object) -> None:
    """Unary signs bind closest, then products, sums, types, union, order, equality, membership, and, or, implies."""
    found = compile_path(expression)({})
    assert found == ([False] if value is None else [value])


def test_a_sign_belongs_to_the_whole_invocation() -> None:
    """`-1.foo()` is the negative of `1.foo()`, as the grammar says."""
    tree = parse("-1.abs()")
    assert isinstance(tree, Unary)
    assert isinstance(tree.operand, Chain)


def test_equal_operators_stay_flat() -> None:
    """A long sum is one node, so its length does not nest."""
    tree = parse("1" + " + 1" * 500)
    assert isinstance(tree, Fold)
    assert len(tree.rest) == 500
    assert compile_path("1" + " + 1" * 200)({}) == [201]


def test_comments_and_spaces_are_passed_over() -> None:
    """Line and block comments stand anywhere between tokens."""
    assert compile_path("// first\n1 /* + 2 **/ + 1 // end")({}) == [2]


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (r"'\'\\\/\f\r\n\t\`\"'", "'\\/\f\r\n\t`\""),
        (r"'P\u0065ter'", "Peter"),
        (r"'\ud83d\ude00'", "😀"),
        ("'ä€😀'", "ä€😀"),
        ("''", ""),
    ],
)
def test_texts_are_unescaped(literal: str, value: str) -> None:
    """The escapes of the standard are its characters, two of them may make one beyond the first plane."""
    assert compile_path(literal)({}) == [value]


def test_words_may_be_names() -> None:
    """Operator words after a point or in backticks are elements; `as`, `is`, `in` and `contains` are free."""
    assert compile_path("text.div")({"resourceType": "Patient", "text": {"div": "<div/>"}}) == ["<div/>"]
    assert compile_path("`Patient`.`gender`")({"resourceType": "Patient", "gender": "male"}) == ["male"]
    expansion = {"resourceType": "ValueSet", "expansion": {"contains": [{"code": "a"}]}}
    assert compile_path("expansion.contains.code contains 'a'")(expansion) == [True]


def test_what_is_too_long_or_too_deep_is_refused() -> None:
    """Length, parentheses, signs and digits have bounds, which are told as such."""
    for expression in (
        "a" * (LONGEST + 1),
        "(" * (DEEPEST + 1) + "1" + ")" * (DEEPEST + 1),
        "-" * 5000 + "1",
        "a[" * 100 + "0" + "]" * 100,
        "a(" * 1000,
        "9" * 65,
        "1" + " = 1" * 5000,
    ):
        with pytest.raises(PathError) as caught:
            compile_path(expression)({})
        assert caught.value.fault == "costly", expression[:20]


def test_depth_within_the_bound_is_read() -> None:
    """As many parentheses as are allowed are evaluated."""
    assert compile_path("(" * DEEPEST + "1" + ")" * DEEPEST)({}) == [1]


def test_tokens_know_their_places() -> None:
    """Each token says where it starts; the last one is the end."""
    assert [(t.text, t.at) for t in tokens("a.b = %ucum")] == [
        ("a", 0),
        (".", 1),
        ("b", 2),
        ("=", 4),
        ("ucum", 6),
        ("", 11),
    ]


def test_large_integers_are_decimals() -> None:
    """An integer beyond 32 bits is no Integer, but no digit is lost."""
    tree = parse("2147483648")
    assert isinstance(tree, Literal)
    assert compile_path("1234567890987654321.is(Decimal)")({}) == [True]
    assert compile_path("2147483647 is Integer")({}) == [True]
