"""Fuzz targets over overlays and shapes: any text is an overlay or an Issue, any message can be counted."""

from collections.abc import Callable, Hashable

__all__ = ["OVERLAYS", "WORDS", "overlays", "shapes"]

Behaviour = Hashable

OVERLAYS = [
    b'drop = ["a.1", "a.*"]\n[replace."a.2"]\nvocab = "v"\n[[add]]\nid = "x"\nmap = "P[Patient]"\n[systems]\nA = "u"\n',
    b"# y\ndrop: [a.1]\nreplace:\n  a.2: {vocab: v}\nadd:\n  - {id: x, map: 'P[Patient]'}\nsystems: {A: u}\n",
    b"op,id,map,source,target,name,uri\ndrop,a.1\nreplace,a.2\nadd,x,PID[Patient],PID-5,name[]\nsystem,,,,,A,urn:x\n",
]
WORDS = [
    b"&a ", b"*a", b"!!str ", b"---\n", b"...\n", b"|\n", b"? ", b"- ", b": ", b"{", b"}", b"[", b"]", b"[[add]]\n",
    b"[systems]", b'"', b"'", b"#", b",", b"op,", b"drop", b"replace", b"add", b"systems", b"a.1", b"a.*", b"~",
    b"null", b"\r\n", b"\t", b"\x00", b"\xff", b"\xef\xbb\xbf", b'"""', b"1e999", b"%YAML 1.1\n",
]  # fmt: skip


def overlays() -> Callable[[bytes], Behaviour]:
    """Return the target: reading gives a value or an Issue with its line; laying a text over tables never raises."""
    from unsilo.mapping.overlay import read_overlay
    from unsilo.mapping.tables import layered, read_tables

    rows = "id,map,source,when,target,type,vocab,const,note\n" + "".join(
        f"a.{n},PID[Patient],PID-{n},,gender,code,,,\n" for n in range(1, 4)
    )
    tables = read_tables("v2", {"maps/a.csv": rows})

    def run(content: bytes) -> Behaviour:
        result = read_overlay(content)
        assert (result.value is None) == bool(result.issues)
        for issue in result.issues:
            line = issue.where.path.removeprefix("overlay").removeprefix(", line ")
            assert not line or 1 <= int(line) <= len(content.decode("utf-8", "replace").splitlines()) + 1
        found = layered(tables, content, {})
        assert found.value is not None
        return tuple(sorted({issue.text[:30] for issue in (*result.issues, *found.issues)}))

    return run


def shapes() -> Callable[[bytes], Behaviour]:
    """Return the target: the keys of any message are texts whose parents are keys too, counted at least once."""
    from unsilo.flow.convert.bundle import detect
    from unsilo.flow.process import DECODERS, State, orphan
    from unsilo.flow.shapes.watch import FORMS
    from unsilo.kernel import seal

    def run(content: bytes) -> Behaviour:
        fmt = detect(content) or "hl7v2"
        envelope = seal("fuzz", fmt, content, 1)
        decoded = DECODERS[fmt](State(envelope, orphan(envelope)))
        if decoded.value is None or not decoded.ok:
            return fmt
        form = FORMS[fmt]
        keys = {key.name: key for part in form.parts(decoded.value) for key in form.keys(part)}
        for key in keys.values():
            assert key.times >= 1
            assert not key.parent or key.parent in keys, key
        return fmt, len(keys).bit_length()

    return run
