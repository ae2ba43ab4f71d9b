"""Names of fields as reports count them: without ordinals, and told apart from what only numbers segments."""

import re

__all__ = ["belongs", "numbers_only", "plain"]

_ORDINAL = re.compile(r"\[\d+\]")
_NUMBERED = frozenset(
    "AIG AIL AIP AIS AL1 ARV AUT CON DB1 DG1 EDU FT1 GT1 IAM IN1 IVT LAN NK1 NTE OBR OBX OH1 OH2 OH3 OH4 ORG PCE PID "
    "PR1 PV1 RFI RGS RXV SPM TQ1 TQ2 TXA UB1 UB2 VND".split()
)
"""Segments whose first field only counts them (data type SI, HL7 v2.8.2 chapter 2A)."""


def plain(path: str) -> str:
    """Return a path without the ordinals of segments, repetitions and elements."""
    return _ORDINAL.sub("", path)


def numbers_only(path: str) -> bool:
    """Tell whether a plain path only numbers segments (`PID-1`) or names a data type (`OBX-2`): nothing is lost."""
    segment, _, field = path.partition("-")
    return (segment in _NUMBERED and field == "1") or path == "OBX-2"


def belongs(path: str, field: str) -> bool:
    """Tell whether a plain path is a field, or is in it: `PID-3.4` in `PID-3` and in `PID`, where it is no number."""
    return path == field or path.startswith(f"{field}.") or (path.startswith(f"{field}-") and not numbers_only(path))
