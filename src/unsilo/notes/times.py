"""When something began or happened, as the words beside it say: a date of any precision, a time ago, an age."""

import re
from typing import Final

__all__ = ["time_after"]

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep sept september", "oct october", "nov november", "dec december"), 1,
    )
    for name in names.split()
}  # fmt: skip
_UNITS: Final = {"d": "D", "w": "W", "m": "M", "y": "Y", "h": "H"}
_NUMBER: Final = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "couple of": 2, "a couple of": 2,
}  # fmt: skip
_COUNT = r"(\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|(?:a )?couple of)"
_UNIT = r"(hours?|hrs?|days?|weeks?|wks?|months?|mos?|years?|yrs?)"
_MONTH = r"(?P<month>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6})"
_DATE = (
    r"(?:(?P<iso>(?:19|20)\d\d-\d\d(?:-\d\d)?)|(?P<us>\d{1,2}/\d{1,2}/(?:19|20)\d\d)|(?P<my>\d{1,2}/(?:19|20)\d\d)"
    rf"|{_MONTH}\.? (?:\d{{1,2}},? )?(?P<of>(?:19|20)\d\d)|(?P<year>(?:19|20)\d\d))\b"
)
_SINCE = re.compile(
    rf"\b(since|diagnosed (?:in|on)?|dx(?:'d)?(?: in)?|onset(?: in)?|began in|started in)\s*:?\s*{_DATE}", re.I
)
_ON = re.compile(rf"\b(in|on|from|during)?\s*\(?{_DATE}", re.I)
_AGO = re.compile(rf"\b{_COUNT}\s*{_UNIT} (?:ago|back|prior)\b", re.I)
_FOR = re.compile(rf"\b(?:for|x|times|over|past|last) (?:the )?(?:past |last )?{_COUNT}\s*{_UNIT}\b", re.I)
_AGE = re.compile(r"\b(?:at )?age(?:d)? (?:of )?(\d{1,3})\b|\bat (\d{1,2})\b(?! ?(?:%|mg|:|am|pm|/|weeks))", re.I)
_LAST = re.compile(r"\b(last|this past) year\b", re.I)


def _date(match: re.Match[str]) -> str:
    said = match.groupdict()
    if said["iso"]:
        return said["iso"]
    if said["us"]:
        month, day, year = said["us"].split("/")
        return f"{year}-{int(month):02}-{int(day):02}" if 1 <= int(month) <= 12 and 1 <= int(day) <= 31 else ""
    if said["my"]:
        month, year = said["my"].split("/")
        return f"{year}-{int(month):02}" if 1 <= int(month) <= 12 else ""
    if said["month"]:
        number = _MONTHS.get(said["month"].lower())
        return f"{said['of']}-{number:02}" if number else said["of"]
    return said["year"] or ""


def _duration(count: str, unit: str) -> str:
    number = int(count) if count.isdigit() else _NUMBER.get(count.lower(), 0)
    sign = _UNITS[unit[0].lower()]
    if not number:
        return ""
    return f"PT{number}H" if sign == "H" else f"P{number}{sign}"


def time_after(text: str) -> tuple[str, str] | None:
    """Return (how, value) of the first time in the words after a fact; None when they say none.

    `since`, `on`: a date `YYYY[-MM[-DD]]`; `ago`, `for`: an ISO 8601 duration; `age`: years.
    """
    found: list[tuple[int, str, str]] = []
    for how, pattern in (("since", _SINCE), ("on", _ON)):
        match = pattern.search(text)
        if match is not None and (value := _date(match)):
            found.append((match.start(), how, value))
    for how, pattern in (("ago", _AGO), ("for", _FOR)):
        match = pattern.search(text)
        if match is not None and (value := _duration(match.group(1), match.group(2))):
            found.append((match.start(), how, value))
    match = _AGE.search(text)
    if match is not None:
        found.append((match.start(), "age", match.group(1) or match.group(2)))
    match = _LAST.search(text)
    if match is not None:
        found.append((match.start(), "ago", "P1Y"))
    return min(found)[1:] if found else None
