"""Is a unit's text a UCUM unit? A small reader of UCUM's grammar over the atoms that clinical documents use."""

import re
from typing import Final

__all__ = ["is_ucum"]

_PREFIXES: Final = ("da", "Y", "Z", "E", "P", "T", "G", "M", "k", "h", "d", "c", "m", "u", "n", "p", "f", "a")
_METRIC: Final = frozenset(
    "m s g rad K C cd mol sr Hz N Pa J W A V F Ohm S Wb Cel T H lm lx Bq Gy Sv L l ar t u eV pc kat U cal "
    "bar Np B osm eq meq [iU] [IU] [arb'U] [APL'U] [GPL'U] [MPL'U] [CFU] [PFU] Torr gf bit By Bd m[Hg] m[H2O] "
    "[Amb'a'1'U]".split()
)
_PLAIN: Final = frozenset(
    "% [ppth] [ppm] [ppb] [pptr] min h d wk mo a mo_j a_j mo_s a_t deg ' '' [in_i] [ft_i] [yd_i] [mi_i] [lb_av] "
    "[oz_av] [gr] [dr_av] [stone_av] [degF] [pt_us] [qt_us] [gal_us] [foz_us] [cup_us] [tbs_us] [tsp_us] [drp] [pH] "
    "[HPF] [LPF] [diop] [Btu] [cal] [Cal] [hp_X] [hp_C] [kp_X] [Ch] [in_i'Hg] [psi] [sin_i] [cin_i] [knt_i] [CCID_50] "
    "[TCID_50] [EID_50] [FFU] [BAU] [AU] [BAU] [Lf] [ELU] [EU] [hnsf'U] [anti'Xa'U] [dye'U] [smgy'U] [bdsk'U] [ka'U] "
    "[knk'U] [mclg'U] [tb'U] [todd'U] [USP'U] [D'ag'U] [FEU] [HP] [MET] [PRU] [S] [b] [car_m] [carat] 10* 10^ "
    "[arb'U] [iU] [IU] [Amb'a'1'U] mm[Hg] cm[H2O]".split()
)
_ATOM: Final = re.compile(r"(?:10[*^]|%|'{1,2}|(?:[A-Za-z_]|\[[^\[\]{}\s]{1,20}\])+?(?=$|[-+0-9.{/()]))")
_EXPONENT: Final = re.compile(r"[+-]?\d{1,2}")
_ANNOTATION: Final = re.compile(r"\{[\x21-\x7a\x7c\x7e]{0,60}\}")
_NUMBER: Final = re.compile(r"\d{1,6}+(?![*^])")


def _known(atom: str) -> bool:
    if atom in _PLAIN or atom in _METRIC:
        return True
    return any(atom.startswith(p) and atom[len(p) :] in _METRIC for p in _PREFIXES)


def is_ucum(text: str) -> bool:
    """Tell whether a case-sensitive unit text is UCUM: terms joined by `.` and `/`, exponents, `{annotations}`.

    Atoms beyond the list are taken for no UCUM, so that a local word is never given UCUM's name.
    """
    if not text or len(text) > 80 or not text.isascii() or text == "pH":
        return False  # pH is picohenry in UCUM, and acidity wherever it is written
    at, opened, wants = 0, 0, True
    if text[0] == "/":
        at = 1
    while at < len(text):
        if wants and text[at] == "(":
            opened, at = opened + 1, at + 1
            continue
        if wants:
            number = _NUMBER.match(text, at)
            atom = None if number else _ATOM.match(text, at)
            start = at
            if number:
                at = number.end()
            elif atom and _known(atom[0]):
                at = atom.end()
                exponent = _EXPONENT.match(text, at)
                at = exponent.end() if exponent else at
            note = _ANNOTATION.match(text, at)
            at = note.end() if note else at
            if at == start:
                return False
            wants = False
            continue
        if text[at] == ")" and opened:
            opened, at = opened - 1, at + 1
        elif text[at] in "./":
            at, wants = at + 1, True
        else:
            return False
    return not wants and not opened
