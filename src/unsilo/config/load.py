"""Reads the settings from file, environment and secret files, and reports every error at once."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from unsilo.config.check import check
from unsilo.config.places import line_of
from unsilo.config.settings import FORMATS, Feed, Fhir, Http, Listener, Route, Settings, Tls, default_feeds
from unsilo.kernel.issue import Issue, Where
from unsilo.kernel.result import Result

__all__ = ["load"]

_NOT_SETTINGS = {"UNSILO_CORPORA", "UNSILO_CONFIG", "UNSILO_URL", "UNSILO_TOKEN"}
"""Variables with our prefix that belong to the tests or to the client."""

_PATHS = {"data", "cache", "folder", "overlay", "certificate", "key", "client_ca"}
"""Settings that are paths: in a file they start at the file's own folder."""


class _Reader:
    """Collects what the sources say and each Issue with its place."""

    def __init__(self, file: Path | None, text: str) -> None:
        self.file, self.text = file, text
        self.issues: list[Issue] = []
        self.origin: dict[tuple[str, ...], str] = {}

    def say(self, path: tuple[str, ...], text: str, hint: str = "", severity: Any = "error") -> None:
        place = self.origin.get(path)
        if place is None and self.file is not None:
            line = line_of(self.text, path)
            place = f"{self.file}:{line}" if line else str(self.file)
        name = ".".join(path)
        self.issues.append(
            Issue(severity, "value", f"{name}: {text}", Where(place or "the command line"), hint, "config")
        )

    def struct(self, kind: type[Any], raw: object, path: tuple[str, ...], **given: object) -> Any:
        """Build `kind` field by field, so that one wrong value does not hide the next."""
        if not isinstance(raw, dict):
            self.say(path, "a table is expected here", f"write [{'.'.join(path)}] and its keys below it")
            return None
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        values: dict[str, Any] = dict(given)
        for name, value in raw.items():
            where = (*path, str(name))
            if name not in fields or name in given:
                near = difflib.get_close_matches(str(name), fields, 1)
                self.say(where, "there is no such setting", f"did you mean {near[0]}?" if near else "")
                continue
            built = self.value(fields[name].type, value, where)
            if built is not None:
                values[name] = built
        for name, field in fields.items():
            if field.required and name not in values and name not in raw:
                self.say((*path, name), "is needed", f"add {name} = ...")
                return None
        try:
            return kind(**values)
        except TypeError:
            return None

    def value(self, kind: Any, raw: Any, path: tuple[str, ...]) -> Any:
        if kind in (Fhir, Tls, Http):
            return self.struct(kind, raw, path)
        if get_origin(kind) is list and get_args(kind)[0] in (Listener, Route):
            if not isinstance(raw, list):
                self.say(path, "a list of tables is expected here", f"write [[{'.'.join(path)}]]")
                return None
            built = [self.struct(get_args(kind)[0], item, (*path, str(i))) for i, item in enumerate(raw)]
            return [item for item in built if item is not None]
        if path == ("feeds",):
            return self.feeds(raw)
        if path[-1] in _PATHS and isinstance(raw, str) and raw and self.file is not None and path not in self.origin:
            raw = str(self.file.parent / Path(raw).expanduser())
        if kind is Path and isinstance(raw, str | Path) and str(raw):
            return Path(raw)
        try:
            return msgspec.convert(raw, str if kind is Path else kind, strict=path not in self.origin)
        except msgspec.ValidationError as fault:
            self.say(path, _plain(str(fault)), _choices(kind))
            return None

    def feeds(self, raw: object) -> dict[str, Feed]:
        if not isinstance(raw, dict):
            self.say(("feeds",), "a table of feeds is expected here", "write [feeds.NAME] for each feed")
            return {}
        built: dict[str, Feed] = {}
        for name, item in raw.items():
            feed = self.struct(Feed, item, ("feeds", name), name=name)
            if feed is not None:
                built[name] = feed
        return built


def _plain(text: str) -> str:
    """Say a msgspec error in the words of the file (`str` is text, `int` a whole number)."""
    words = {"`str`": "text", "`int`": "a whole number", "`bool`": "true or false", "`float`": "a number"}
    for code, word in (*words.items(), ("`array`", "a list"), ("`object`", "a table")):
        text = text.replace(code, word)
    return text[:1].lower() + text[1:]


def _choices(kind: Any) -> str:
    choices = [str(item) for item in get_args(kind) if isinstance(item, str)]
    return "one of " + ", ".join(choices) if choices else ""


def _environment(reader: _Reader, raw: dict[str, Any], env: Mapping[str, str]) -> None:
    """Lay `UNSILO_PORT=1` and `UNSILO_FEEDS__LAB__PORT=1` over `raw`; `..._FILE` names a file that holds the value."""
    known = {field.name for field in msgspec.structs.fields(Settings)}
    for variable in sorted(env):
        if not variable.startswith("UNSILO_") or variable in _NOT_SETTINGS:
            continue
        value, name = env[variable], variable.removeprefix("UNSILO_")
        if name.endswith("_FILE"):
            name = name.removesuffix("_FILE")
            try:
                value = Path(value).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as fault:
                text = f"{variable}: the file cannot be read ({type(fault).__name__})"
                reader.issues.append(Issue("error", "not-found", text, Where(variable), "", "config"))
                continue
        path = tuple(re.split("__", name.lower()))
        if path[0] not in known:
            near = difflib.get_close_matches(path[0], known, 1)
            hint = f"did you mean UNSILO_{near[0].upper()}?" if near else ""
            text = f"{variable}: there is no such setting"
            reader.issues.append(Issue("warning", "value", text, Where(variable), hint, "config"))
            continue
        table = raw
        for part in path[:-1]:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                break
        if isinstance(table, dict):
            table[path[-1]] = value if value[:1] not in ("[", "{") else _toml(value)
            reader.origin[path] = variable


def _toml(text: str) -> Any:
    try:
        return tomllib.loads("value = " + text)["value"]
    except tomllib.TOMLDecodeError:
        return text


def load(
    file: Path | None = None, env: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None
) -> Result[Settings]:
    """Return the settings of `file` (TOML), then `env`, then `overrides` (the command line; None values are skipped).

    `overrides` may hold `mllp_port`: the port of the feed `default`. Every error is an Issue whose `where.path` is
    `file:line` or the name of the variable. A format without a feed gets one named like it, reached by HTTP.
    """
    env = env or {}
    overrides = {key: value for key, value in (overrides or {}).items() if value is not None}
    if file is None and "UNSILO_CONFIG" in env:
        file = Path(env["UNSILO_CONFIG"])
    raw: dict[str, Any] = {}
    text = ""
    if file is not None:
        try:
            text = file.read_text("utf-8")
            raw = tomllib.loads(text)
        except OSError as fault:
            issue = Issue("error", "not-found", f"the file cannot be read ({fault.strerror})", Where(str(file)))
            return Result(None, [issue])
        except UnicodeDecodeError:
            return Result(None, [Issue("error", "charset", "the file is not UTF-8", Where(str(file)))])
        except tomllib.TOMLDecodeError as fault:
            line = re.search(r"line (\d+)", str(fault))
            place = f"{file}:{line[1]}" if line else str(file)
            return Result(None, [Issue("error", "structure", f"not TOML: {fault}", Where(place), rule="config")])
    reader = _Reader(file, text)
    _environment(reader, raw, env)
    mllp_port = overrides.pop("mllp_port", None)
    for name, value in overrides.items():
        raw[name] = value
        reader.origin[(name,)] = f"--{name.replace('_', '-')}"
    settings: Settings | None = reader.struct(Settings, raw, ())
    if settings is None:
        return Result(None, reader.issues)
    feeds = _with_defaults(settings.feeds if "feeds" in raw else {}, mllp_port, settings)
    settings = msgspec.structs.replace(settings, feeds=feeds)
    for path, problem, hint in check(settings):
        reader.say(path, problem, hint)
    wrong = any(issue.severity == "error" for issue in reader.issues)
    return Result(None if wrong else settings, reader.issues)


def _with_defaults(feeds: dict[str, Feed], mllp_port: int | None, settings: Settings) -> dict[str, Feed]:
    if not feeds:
        return default_feeds(mllp_port or 0)
    feeds = dict(feeds)
    if mllp_port and not any(listener.port == mllp_port for listener in settings.listeners):
        feeds["default"] = Feed("default", "hl7v2", transport="mllp", port=mllp_port)
    for fmt in FORMATS:
        if not any(feed.format == fmt for feed in feeds.values()):
            feeds.setdefault(fmt, Feed(fmt, fmt))
    return feeds
