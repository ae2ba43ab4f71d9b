"""Where in a TOML text a key stands, so that an error can name its line."""

import re

__all__ = ["line_of"]

_HEADER = re.compile(r"^\s*\[(\[?)\s*([^\]]+?)\s*\]?\]")
_KEY = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_.-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=""")


def _parts(name: str) -> list[str]:
    return [part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", name)]


def _index(text: str) -> dict[tuple[str, ...], int]:
    """Return line numbers (from 1) of every table and key; an array table's entries are numbered from 0."""
    found: dict[tuple[str, ...], int] = {}
    arrays: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header:
            name = tuple(_parts(header[2]))
            if header[1]:
                arrays[name] = arrays.get(name, -1) + 1
                name = (*name, str(arrays[name]))
            else:
                for array, at in arrays.items():
                    if name[: len(array)] == array:
                        name = (*array, str(at), *name[len(array) :])
            table = name
            found.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key:
            found.setdefault((*table, *_parts(key[1])), number)
    return found


def line_of(text: str, path: tuple[str, ...]) -> int:
    """Return the line of the key `path`, else of the nearest table around it; 0 when there is none."""
    found = _index(text)
    for end in range(len(path), 0, -1):
        if path[:end] in found:
            return found[path[:end]]
    return 0
