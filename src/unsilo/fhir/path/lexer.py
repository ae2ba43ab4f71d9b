"""Expression text to tokens with their places (FHIRPath N1, appendix A: grammar)."""

import re
from typing import Final, Literal, NamedTuple

from unsilo.fhir.path.errors import PathError

__all__ = ["LONGEST", "Token", "tokens", "unescape"]

Kind = Literal["name", "quoted", "string", "number", "date", "time", "variable", "dollar", "sign", "end"]

LONGEST: Final = 65_536
"""Characters that an expression may have."""


class Token(NamedTuple):
    """`text` is unescaped for names and strings, without `@` for dates and times, without `%` and `$` for variables."""

    kind: Kind
    text: str
    at: int


_TOKEN: Final = re.compile(
    r"""(?P<space>(?:[ \t\r\n\f\ufeff]++|//[^\n]*+|/\*.*?\*/)+)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |`(?P<quoted>(?:[^`\\]|\\.)*+)`
    |'(?P<string>(?:[^'\\]|\\.)*+)'
    |(?P<number>[0-9]+(?:\.[0-9]+)?)
    |@(?P<time>T[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?)
    |@(?P<date>[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?
        (?:T(?:[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)?)
    |%(?P<variable>(?:vs|ext)-[A-Za-z0-9_-]+|[A-Za-z_][A-Za-z0-9_]*|`(?:[^`\\]|\\.)*+`
        |'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+")
    |\$(?P<dollar>this|index|total)\b
    |(?P<sign><=|>=|!=|!~|/(?!\*)|[-+*&|=~<>()\[\]{}.,])""",
    re.VERBOSE | re.DOTALL,
)

_ESCAPE: Final = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPES: Final = {"t": "\t", "r": "\r", "n": "\n", "f": "\f"}


def unescape(text: str) -> str:
    r"""Take the escapes out of a quoted text (`\'`, `\n`, `\u00e4`); an unknown one is its letter."""
    if "\\" not in text:
        return text

    def one(found: re.Match[str]) -> str:
        said = found[1]
        return chr(int(said[1:], 16)) if len(said) == 5 else _ESCAPES.get(said, said)

    plain = _ESCAPE.sub(one, text)
    # A character beyond the first plane is written as two escapes, as in JSON.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if "\\u" in text else plain


def _variable(text: str) -> str:
    return unescape(text[1:-1]) if text[0] in "`'\"" else text


def tokens(expression: str) -> list[Token]:
    """Cut an expression into tokens, the last of kind `end`. PathError (syntax, costly) with the place."""
    if len(expression) > LONGEST:
        raise PathError("costly", f"the expression is longer than {LONGEST} characters")
    found: list[Token] = []
    at, end = 0, len(expression)
    while at < end:
        match = _TOKEN.match(expression, at)
        if match is None:
            raise PathError("syntax", _unreadable(expression, at), at, expression)
        kind = match.lastgroup
        text = match[kind] if kind else ""
        if kind in ("quoted", "string"):
            text = unescape(text)
        elif kind == "variable":
            text = _variable(text)
        if kind != "space":
            found.append(Token(kind, text, at))  # type: ignore[arg-type]
        at = match.end()
    found.append(Token("end", "", end))
    return found


def _unreadable(expression: str, at: int) -> str:
    sign = expression[at]
    if sign in "'`":
        return "a quoted text does not end"
    if expression.startswith("/*", at):
        return "a comment does not end"
    if sign == "@":
        return "this is no date, dateTime or time"
    return f"unexpected character {sign!r}"
