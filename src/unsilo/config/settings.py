"""The typed settings: what an operator may say about the node, its feeds and its listeners, with the defaults."""

import os
from pathlib import Path
from typing import Any, Literal

import msgspec

from unsilo.config.exchange import Destination, Golden, Ihe
from unsilo.kernel.limits import DEFAULT, Limits

__all__ = [
    "FORMATS", "Bulk", "Feed", "Fhir", "Http", "Listener", "Maps", "Route", "SearchBounds", "Settings", "Tls",
    "Validation", "default_feeds",
]  # fmt: skip

FORMATS: dict[str, str] = {
    "hl7v2": "HL7 version 2 messages",
    "ccda": "C-CDA documents",
    "fhir": "FHIR R4 resources and Bundles as JSON",
}
"""The formats that are built, with what they are called."""


class Tls(msgspec.Struct, frozen=True, omit_defaults=True):
    """Transport security of a listener: PEM files; with `client_ca` a client must show a certificate signed by it."""

    certificate: str = ""
    key: str = ""
    key_password: str = ""
    client_ca: str = ""


class Http(msgspec.Struct, frozen=True, omit_defaults=True):
    """Bounds of the web server towards its clients, and which pages of other sites may call it."""

    cors: list[str] = []
    """Origins of web pages that may call `/fhir` (`https://app.example`); `*` for all that show a token."""
    limit_bytes: int = 64 * 1024 * 1024
    """Largest body of a FHIR request, unpacked."""
    limit_entries: int = 50_000
    """Most entries of a batch or transaction."""
    body_seconds: int = 60
    """A body that takes longer to come is answered 408."""
    keep_alive_seconds: int = 75
    """A connection without a request for so long is closed."""
    most_waiting: int = 5_000
    """Jobs that wait for the writer above which writing is answered 503 with Retry-After."""


class Fhir(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the FHIR server answers writes where the standard leaves it open."""

    update_create: bool = True
    """True: PUT under an id that is not there creates; False: 405."""
    conditional_delete: Literal["single", "multiple", "off"] = "single"
    """What a delete by condition may delete: the one match, all matches (at most 1,000), or nothing at all."""
    referential_integrity: Literal["off", "warn", "reject"] = "off"
    """What happens to a reference to what is not here: nothing, a warning in the outcome, or 409."""
    delete_referenced: bool = True
    """False: what other resources refer to is not deleted (409)."""


class Feed(msgspec.Struct, frozen=True, omit_defaults=True):
    """One configured inbound channel."""

    name: str
    """Name in URLs, file names and search; lower-case letters, digits, `-` and `_`."""
    format: str = "hl7v2"
    """`hl7v2`, `ccda` or `fhir`."""
    organisation: str = ""
    """Who sends; shown wherever a fact of this feed is shown."""
    transport: Literal["mllp", "folder", "http"] = "http"
    """How messages arrive besides `POST /ingest/NAME`, which every feed has."""
    host: str = "127.0.0.1"
    """Address that the MLLP listener binds; `0.0.0.0` for all."""
    port: int = 0
    """TCP port of the feed's own MLLP listener; 0 for none (it may still be reached by a route)."""
    tls: Tls = Tls()
    """PEM files of the feed's own MLLP listener."""
    allow: list[str] = []
    """Networks that may connect (`10.1.0.0/16`); empty for all."""
    folder: str = ""
    """Folder to watch; messages are moved to its `done` or `failed`."""
    pattern: str = "*"
    """File names the folder source takes."""
    ack: Literal["durable", "processed"] = "durable"
    """When a message is acknowledged: as soon as it is durable, or after it was processed."""
    charset: str = ""
    """Character set of HL7 v2 messages, over what MSH-18 says (`UTF-8`, `8859/1`)."""
    zone: str = "UTC"
    """IANA time zone of times without an offset."""
    authorities: dict[str, str] = {}
    """Assigning authority -> identifier system URI."""
    default_authority: str = ""
    """System URI for identifiers without an assigning authority."""
    systems: dict[str, str] = {}
    """Coding system name in messages -> code system URI."""
    lists: dict[str, Literal["snapshot", "actions"]] = {}
    """How AL1, PRB, DG1 and IN1 lists are read: as the whole truth now, or as single actions."""
    overlay: str = ""
    """Mapping overlay file (TOML with `replace`, `add`, `drop`)."""
    limit_bytes: int = DEFAULT.message_bytes
    """Largest message; a longer one closes its connection only."""
    order_by: Literal["patient", "feed", "none"] = "patient"
    """What must be processed in order of arrival."""
    rhythm_seconds: int = 0
    """Longest silence that is normal; 0 for no alarm."""
    retention_days: int = 0
    """Days that original bytes are kept; 0 for ever."""
    test: bool = False
    """True: nothing of this feed reaches live records (like MSH-11 `T`)."""
    validate: Literal["off", "warn", "reject"] = "off"
    """What a message becomes is checked against FHIR R4: `warn`: its errors are warnings of the message; `reject`: a
    message with an error becomes a dead letter."""
    packages: str = ""
    """Folder of FHIR packages (`.tgz`) with further definitions for that check."""
    profiles: dict[str, list[str]] = {}
    """Profiles that every resource of a type must meet in that check, by type."""
    notes: bool = False
    """True: free text of this feed is read for facts, in the background; they stand apart until one is confirmed."""
    plausibility: Literal["off", "warn"] = "warn"
    """`warn`: what can hardly be true (a result before the birth, a dose beyond any) is a warning of the message."""
    queries: list[Literal["pix", "pdq"]] = []
    """Which HL7 v2 queries are answered on the connection: `pix` (QBP^Q23), `pdq` (QBP^Q22); none by default."""
    idle_seconds: int = 3600
    """A connection without a byte for so long is closed."""
    frame_seconds: int = 60
    """A message that takes longer from first to last byte closes its connection."""

    @property
    def limits(self) -> Limits:
        """The bounds on one message of this feed."""
        return Limits(message_bytes=self.limit_bytes)


class Route(msgspec.Struct, frozen=True, omit_defaults=True):
    """Patterns (`*`, `?`) over the message header; the first route of a listener that fits gives the feed."""

    feed: str
    sending_application: str = "*"
    """MSH-3.1."""
    sending_facility: str = "*"
    """MSH-4.1."""
    receiving_application: str = "*"
    """MSH-5.1."""
    receiving_facility: str = "*"
    """MSH-6.1."""
    type: str = "*"
    """MSH-9 as `ADT^A08`."""


class Listener(msgspec.Struct, frozen=True, omit_defaults=True):
    """One MLLP port that several feeds share, parted by what MSH says."""

    port: int
    host: str = "127.0.0.1"
    tls: Tls = Tls()
    allow: list[str] = []
    routes: list[Route] = []
    feed: str = ""
    """Feed of messages that no route takes; empty: such messages are kept by `default` as dead letters."""


class SearchBounds(msgspec.Struct, frozen=True, omit_defaults=True):
    """How much one FHIR search may ask for."""

    count: int = 50
    """Matches on a page when `_count` is not said."""
    most: int = 1000
    """Matches on a page at most."""
    values: int = 500
    """Alternatives of one parameter."""
    depth: int = 6
    """Steps of a chain or of nested `_has`."""
    included: int = 1000
    """Resources that are included with one page."""
    persons: bool = True
    """A Patient in a search stands for all source Patients of the same person."""


def default_feeds(mllp: int = 0, host: str = "127.0.0.1") -> dict[str, Feed]:
    """Return the feeds of a node without a file: `default` (HL7 v2 by MLLP on `mllp`), `ccda` and `fhir` by HTTP."""
    feeds = [
        Feed("default", "hl7v2", transport="mllp" if mllp else "http", port=mllp, host=host),
        Feed("ccda", "ccda"),
        Feed("fhir", "fhir"),
    ]
    return {feed.name: feed for feed in feeds}


class Maps(msgspec.Struct, frozen=True, omit_defaults=True):
    """How decisions about local codes are made."""

    second_person: bool = False
    """True: who proposed a decision may not approve it."""
    automatic: bool = False
    """True: suggestions that are certain enough, with unit and specimen consistent, are put into use by themselves."""
    automatic_from: float = 0.98
    """Chance from which that is so; never lower than the one that the model's calibration allows."""
    sample_every: int = 10
    """One in so many of them is shown for review."""
    embeddings: str = ""
    """Folder of a model of static embeddings that finds candidates by meaning; empty: words alone do."""


class Bulk(msgspec.Struct, frozen=True, omit_defaults=True):
    """Exports and imports of whole populations."""

    keep_hours: int = 24
    """How long the files of an export and the reports of an import are kept."""
    import_folders: list[str] = []
    """Folders from which `$import` may read."""
    import_hosts: list[str] = []
    """Hosts from which `$import` may read (`files.example.org`, with `:PORT` when it is not the usual one)."""
    import_networks: list[str] = []
    """Private networks (`10.1.0.0/16`) in which such a host may be, and where plain `http:` will do."""
    import_bytes: int = 64 * 1024**3
    """Largest file that is read from a host."""


class Notes(msgspec.Struct, frozen=True, omit_defaults=True):
    """The reading of free text; each feed says for itself whether its text is read."""

    interface: bool = False
    """True: so is the text of what is written through the FHIR interface."""


class Review(msgspec.Struct, frozen=True, omit_defaults=True):
    """How doubtful records are decided about."""

    two_persons: bool = False
    """True: a record that suddenly carries somebody else's particulars is decided about by two people who agree."""


class Validation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What resources are checked against, and what becomes of those that do not pass."""

    on_write: Literal["off", "form", "warn", "reject"] = "form"
    """How strictly is looked at a resource of the FHIR interface: not at all; whether it has the form of its type
    (else 400); all of it, with what is wrong said; all of it, refused (422) when it has an error."""
    writers: dict[str, Literal["off", "form", "warn", "reject"]] = {}
    """The same for single clients, by the name of their token."""
    profiles: dict[str, list[str]] = {}
    """Profiles that every resource of a type must meet, by type."""
    packages: str = ""
    """Folder of FHIR packages (`.tgz`) with further definitions."""


class Settings(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All that an operator may set; a key of the file, or `UNSILO_` and its name in capitals."""

    data: Path = Path("unsilo-data")
    """Folder of the store."""
    database: str = ""
    """`postgresql://USER:PASSWORD@HOST/NAME` to keep the store in that database; empty: in files in `data`."""
    host: str = "127.0.0.1"
    """Address of the web server."""
    port: int = 8080
    """TCP port of the web server."""
    tls: Tls = Tls()
    """PEM files of the web server."""
    fhir: Fhir = Fhir()
    """How the FHIR server answers writes."""
    http: Http = Http()
    """Bounds of the web server."""
    public_url: str = ""
    """Address under which others reach this node; empty: the one they asked."""
    workers: int = 0
    """Worker processes at most; 0 for one a core, less one while much is received. Others than the first come with a
    backlog."""
    readers: int = 2
    """Database connections that read."""
    group_ms: float = 2.0
    """How long the writer waits for company before one commit, in milliseconds."""
    reserve_mb: int = 64
    """Room kept in the data folder for when the disk is full, so that reads can be recorded; 0 for none."""
    in_flight: int = 1024
    """Messages at the workers, mapped and waiting for the store, or being stored, at most."""
    message_seconds: int = 60
    """Processing time after which a message is taken for poison."""
    search: SearchBounds = SearchBounds()
    """Bounds of FHIR searches."""
    policies: dict[str, dict[str, Any]] = {}
    """What the holders of tokens may see, by the token's name; `*` for all others."""
    bulk: Bulk = Bulk()
    """Exports and imports of whole populations."""
    maps: Maps = Maps()
    """How decisions about local codes are made."""
    notes: Notes = Notes()
    """The reading of free text."""
    review: Review = Review()
    """How doubtful records are decided about."""
    validation: Validation = Validation()
    """How resources are checked."""
    golden: Golden = Golden()
    """Which values of a person's records survive."""
    ihe: Ihe = Ihe()
    """How IHE's identity transactions are answered."""
    destinations: dict[str, Destination] = {}
    """Systems that are told when the identifiers of a person change, by name."""
    open_network: bool = False
    """True: machine interfaces without a token answer other machines too, not loopback only."""
    session_hours: int = 12
    """How long a sign-in lasts."""
    cache: str = ""
    """Folder of compiled maps; empty: `cache` in `data`."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is logged."""
    mllp: list[Listener] = []
    """MLLP ports that several feeds share."""
    feeds: dict[str, Feed] = msgspec.field(default_factory=default_feeds)
    """The inbound channels by name."""

    @property
    def worker_count(self) -> int:
        """The number of worker processes that run at most."""
        return self.workers or os.cpu_count() or 1

    @property
    def helper_count(self) -> int:
        """The number of processes that may be busy beside a node that receives and answers, which keeps a core."""
        return self.workers or max(1, (os.cpu_count() or 1) - 1)

    @property
    def cache_folder(self) -> Path:
        """Where compiled maps are kept."""
        return Path(self.cache) if self.cache else self.data / "cache"

    @property
    def listeners(self) -> list[Listener]:
        """Every MLLP port: the shared ones and those of single feeds."""
        own = [
            Listener(feed.port, feed.host, feed.tls, feed.allow, [], feed.name)
            for feed in self.feeds.values()
            if feed.transport == "mllp" and feed.port
        ]
        return [*self.mllp, *own]
