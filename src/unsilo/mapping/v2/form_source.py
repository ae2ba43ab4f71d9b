"""Python that leads a segment to its form: fields are opened, what differs is read, the form that fits is chosen."""

from __future__ import annotations

from unsilo.mapping.v2.form_plan import FormPlan, asked_of
from unsilo.mapping.v2.opened import named

__all__ = ["convert", "fitting", "making", "opening", "source_of"]


def opening(plan: FormPlan, learnt: str, failed: str) -> tuple[list[str], list[str]]:
    """Lines that cut the fields which a plan opens (`failed` where that cannot be), and what of them leads to a form.

    `learnt` is Python for the layout of a field whose pieces lie as none's did before.
    """
    lines, asked = [], []
    for n in plan.opened:
        lines += [
            f"o, c{n} = cut(f[{n}])",
            f"y{n} = lay{n}.get(o)" + (f" or {learnt.format(n)}" if learnt else ""),
            f"if y{n} is None: {failed}",
        ]
        asked += [f"y{n}", f"y{n}.coded(c{n})"]
    texts = [text for n, looked in plan.opened.items() for text in named(n, looked)]
    return lines, [*asked, f"alike(({', '.join(texts)},))"] if len(texts) > 1 else asked


def convert(plan: FormPlan, failed: str) -> tuple[list[str], str]:
    """Lines that read the holes of a plan (`failed` where one does not fit), and Python for all of them."""
    lines = []
    for number, (field, kind) in enumerate(plan.holes):
        first = f"f[{field}].strip()"
        lines.append(f"h{number} = " + (f"{kind}[{first}]" if kind else first))
    tests = [f"h{n} is None" if kind else f"not h{n}" for n, (_, kind) in enumerate(plan.holes)]
    tests += [f"S in f[{n}]" for n in sorted({field for field, kind in plan.holes if not kind})]
    tests += [f"decimal[f[{n}].split(S, 1)[0]] is None" for n in plan.numeric if (n, "decimal") not in plan.holes]
    for n in plan.opened:
        lines.append(f"p{n} = y{n}.holes(c{n})")
        tests.append(f"not all(p{n})")
    if tests:
        lines.append(f"if {' or '.join(tests)}: {failed}")
    given = [f"h{n}, " for n in range(len(plan.holes))] + [f"*p{n}, " for n in plan.opened]
    return lines, "".join(given)


def fitting(failed: str) -> list[str]:
    """Lines that choose the form among `forms` by what was made before; `found` are the resources that it refers to."""
    return [
        "for form in forms:",
        "    refs, absent, keys = form.names or form.late(f)",
        "    if refs is run.asked: found = run.found",
        "    else:",
        "        made = run.made",
        "        found = [made.get(ref) for ref in refs]",
        "        if None in found: continue",
        "        run.asked, run.found = refs, found",
        "    if not absent or run.made.keys().isdisjoint(absent): break",
        f"else: {failed}",
    ]


def making(given: str, adds: bool = False) -> list[str]:
    """Lines that make what the form in hand knows, from the holes `given` and the resources `found`.

    A form that `adds` puts it into what stands already.
    """
    lines = [
        "if form.news: found = form.open(run, d, found, at, keys)",
        "if form.said: form.say(run, at)",
    ]
    if not adds:
        return [*lines, f"d.body, refs = form.make(found, {given})", "run.refs += refs"]
    return [
        *lines,
        f"made, refs = form.make(found, {given})",
        "run.refs += refs",
        "for name, value in made.items():",
        "    if name in body: body[name] += value",
        "    else: body[name] = value",
    ]


def source_of(plan: FormPlan, adds: bool) -> str:
    """Python of `m`, which fills a resource from a known form, else by `slow`, and learns.

    The resource is fresh, or one that the segment `adds` to: then how it stands leads to the form, too.
    """
    failed = "return slow(run, seg, i, d)"
    lines, apart = opening(plan, "lay{0}.learn(o, f[{0}])", failed)
    reads, given = convert(plan, failed)
    lines += reads
    asked = [f"f[{n}]" for n in plan.coded] + [f"len(f[{n}])" for n in plan.lengths] + apart
    places = ["i"]
    for number, (segment, field, rep) in enumerate(plan.others):
        lines.append(f"t{number}, g{number} = run.glance(d, {segment!r}, {field}, {rep})")
        places.append(f"g{number}")
    asked += asked_of(plan)
    if adds:
        lines.append("body = d.body")
        asked.append("standing(body)")
    laid = "".join(f"{n}: y{n}, " for n in plan.opened)
    learn = f"return learn(run, seg, i, d, key, Given(({given}), {{{laid}}}), at)"
    lines += [
        f"key = ({''.join(f'{one}, ' for one in asked)})",
        f"at = ({', '.join(places)},)",
        "forms = known.get(key, learn)",
        f"if forms is learn{'' if adds else ' or d.rows'}: {learn}",
        "if forms is None: return",
        *fitting(learn),
        *making(given, adds),
        f"{'' if adds else 'd.told = '}told = form.rows[at]",
        "d.rows += told.rows",
        *([] if adds else ["run.formed = owner, forms"]),
    ]
    return "\n".join(
        ["def m(run, seg, i, d):", "    f = seg.fields; S = run.S", *(f"    {line}" for line in lines), ""]
    )
