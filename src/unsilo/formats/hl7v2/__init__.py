"""HL7 v2.1 to v2.8.2: bytes to a lossless lazy tree and back, with byte positions, acknowledgements and batches."""

from unsilo.formats.hl7v2.ack import Ack, AckCode, AckError, ack, parse_ack, wanted
from unsilo.formats.hl7v2.batch import Batch, Child, is_batch, split_batch
from unsilo.formats.hl7v2.charset import codec_of
from unsilo.formats.hl7v2.delimiters import NONE, Delimiters, unescape
from unsilo.formats.hl7v2.dtm import (
    Moment,
    Precision,
    to_fhir_date,
    to_fhir_datetime,
    to_fhir_instant,
    to_fhir_time,
    to_microseconds,
)
from unsilo.formats.hl7v2.keys import Keys, keys, peek_keys
from unsilo.formats.hl7v2.message import DELETE, Message, Segment
from unsilo.formats.hl7v2.parse import parse
from unsilo.formats.hl7v2.place import Place, covers, path, placed, serialise, span, valued
from unsilo.formats.hl7v2.zone import MOST_OFFSET, zone_of_message

__all__ = [
    "DELETE", "MOST_OFFSET", "NONE", "Ack", "AckCode", "AckError", "Batch", "Child", "Delimiters", "Keys", "Message",
    "Moment", "Place", "Precision", "Segment", "ack", "codec_of", "covers", "is_batch", "keys", "parse", "parse_ack",
    "path", "peek_keys", "placed", "serialise", "span", "split_batch", "to_fhir_date", "to_fhir_datetime",
    "to_fhir_instant", "to_fhir_time", "to_microseconds", "unescape", "valued", "wanted", "zone_of_message",
]  # fmt: skip
