"""Does a document keep the rules of its templates? Cardinality and fixed values, as a table says them."""

from __future__ import annotations

from unsilo.formats.ccda import Document, Node
from unsilo.kernel import Issue, Where
from unsilo.mapping.outward.tables import RuleRow, rules

__all__ = ["faults"]


def faults(document: Document) -> list[Issue]:
    """Return an Issue for each rule (`tables/outward/rules.csv`) that an element with its templateId breaks."""
    by_template: dict[str, list[RuleRow]] = {}
    for rule in rules():
        by_template.setdefault(rule.template, []).append(rule)
    found: list[Issue] = []
    for node in document.root.iter():
        for template in {one.get("root") or "" for one in node.by.get("templateId", ())}:
            for rule in by_template.get(template, ()):
                text = _broken(node, rule)
                if text:
                    where = Where(f"{node.name} {template}")
                    found.append(Issue("error", "structure", text, where, rule.clause, "outward.ccda.rule"))
    return found


def _broken(node: Node, rule: RuleRow) -> str:
    path, _, attribute = rule.path.partition("@")
    held = [node]
    for step in path.split("/") if path else ():
        name, _, wanted = step.partition("[")
        held = [
            kid
            for one in held
            for kid in one.by.get(name, ())
            if not wanted or kid.get("typeCode") == wanted.rstrip("]")
        ]
    if not attribute:
        if len(held) < rule.least or 0 <= rule.most < len(held):
            most = "any number" if rule.most < 0 else str(rule.most)
            return f"{rule.path} stands {len(held)} times, not {rule.least} to {most}"
        return ""
    for one in held:
        value = one.get(attribute)
        if value is None and (one.get("nullFlavor") is not None or rule.least == 0):
            continue
        if value is None or (rule.fixed and value not in rule.fixed):
            return f"{rule.path} is {value!r}, not {' or '.join(rule.fixed) or 'there'}"
    return ""
