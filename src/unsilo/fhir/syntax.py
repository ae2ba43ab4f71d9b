"""FHIR content in either of its syntaxes, JSON or XML, told by its first character (FHIR R4 json.html, xml.html)."""

from unsilo.fhir import codec, scan, xml
from unsilo.kernel import Json, Limits, Result
from unsilo.kernel.limits import DEFAULT

__all__ = ["decode", "is_xml", "media_type", "spans"]


def is_xml(content: bytes) -> bool:
    """Tell whether content is meant to be XML: its first character after a byte order mark and blanks is `<`."""
    return content[:256].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def media_type(content: bytes) -> str:
    """Return the media type of FHIR content."""
    return "application/fhir+xml" if is_xml(content) else "application/fhir+json"


def decode(content: bytes, limits: Limits = DEFAULT) -> Result[Json]:
    """Read one resource or Bundle from foreign bytes of either syntax; never raises."""
    return xml.decode(content, limits) if is_xml(content) else codec.decode(content, limits)


def spans(content: bytes) -> dict[str, tuple[int, int]]:
    """Map JSON pointers of a resource's elements to their bytes; in XML, to those of their start tags."""
    return xml.spans(content) if is_xml(content) else scan.spans(content)
