"""What becomes of a notification after an attempt: pauses that double and end, refusals, silence, and TLS files."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from unsilo.config import Settings
from unsilo.config.check import check
from unsilo.config.exchange import Destination, Golden, OutTls
from unsilo.config.load import load
from unsilo.exchange.pace import judge, pause
from unsilo.exchange.tls import context
from unsilo.flow.send import Answer
from unsilo.kernel import Issue
from unsilo.storage.deliveries import NextDelivery

HOUR = 3_600_000_000
PLACE = Destination(port=2575, attempts=3, retry_seconds=2.0, longest_seconds=60.0, give_up_hours=2)
SILENT = Answer("c", "", issues=[Issue("error", "exception", "no answer")])
REFUSED = Answer("c", "AE", issues=[Issue("error", "value", "not this one")])


def held(attempts: int = 0, refused: int = 0, first: int = 0) -> NextDelivery:
    """A message that was tried before."""
    return NextDelivery(1, "c", b"", attempts, refused, first, 0)


def test_pauses_double_and_are_bounded() -> None:
    """2, 4, 8 ... 60 seconds, also after thousands of failures."""
    assert [pause(PLACE, n) for n in (1, 2, 3, 5, 6, 5000)] == [2, 4, 8, 32, 60, 60]


def test_accepted_is_sent() -> None:
    """AA and CA end it."""
    assert [judge(PLACE, held(), Answer("c", code), 5).state for code in ("AA", "CA")] == ["sent", "sent"]


def test_refusals_count_and_silence_does_not() -> None:
    """The third refusal sets aside; any number of silent attempts within the hours does not."""
    first = judge(PLACE, held(), REFUSED, 10)
    assert (first.state, first.refused, first.attempts, first.first, first.due) == ("waiting", 1, 1, 10, 2_000_010)
    assert judge(PLACE, held(5, 2, 10), REFUSED, 20).state == "dead"
    assert "not this one" in judge(PLACE, held(5, 2, 10), REFUSED, 20).said
    silent = judge(PLACE, held(900, 2, 10), SILENT, 10 + HOUR)
    assert (silent.state, silent.refused, silent.attempts) == ("waiting", 2, 901)


def test_silence_for_too_long_sets_aside_unless_never() -> None:
    """After the hours it is given up with the reason; 0 hours wait for ever."""
    assert judge(PLACE, held(900, 0, 10), SILENT, 11 + 2 * HOUR).state == "dead"
    patient = Destination(port=1, give_up_hours=0)
    assert judge(patient, held(900, 0, 10), SILENT, 900 * HOUR).state == "waiting"


def test_a_doubtful_acceptance_is_none() -> None:
    """AA with an error in the answer (another's message) is not taken for delivered."""
    odd = Answer("c", "AA", issues=[Issue("error", "exception", "the answer is for another message")])
    assert judge(PLACE, held(), odd, 5).state == "waiting"


def test_tls_is_checked_and_new_enough(tmp_path: Path) -> None:
    """No table, no TLS; with one, certificates and names are checked; a file that is no certificate is a fault."""
    assert context(None) is None
    made = context(OutTls())
    assert made is not None
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert made.minimum_version >= ssl.TLSVersion.TLSv1_2
    odd = tmp_path / "odd.pem"
    odd.write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        context(OutTls(ca=str(odd)))


@pytest.mark.parametrize("strict", [ssl.VERIFY_X509_STRICT, ssl.VERIFY_X509_PARTIAL_CHAIN])
def test_a_newer_python_judges_no_chain_otherwise(monkeypatch: pytest.MonkeyPatch, strict: ssl.VerifyFlags) -> None:
    """From Python 3.13 on a default context would refuse the authorities of many hospitals."""
    plain = ssl.create_default_context

    def newer(*args: Any, **more: Any) -> ssl.SSLContext:
        made = plain(*args, **more)
        made.verify_flags |= strict
        return made

    monkeypatch.setattr(ssl, "create_default_context", newer)
    made = context(OutTls())
    assert made is not None
    assert not made.verify_flags & strict
    assert made.verify_flags & ssl.VERIFY_X509_TRUSTED_FIRST


def test_settings_that_do_not_fit_are_told_with_their_place(tmp_path: Path) -> None:
    """Ports, files, criteria, feeds and elements that are not there; a file with all that is right is read."""
    wrong = Settings(
        data=tmp_path, golden=Golden(trust=["nobody"], rules={"birthDate": ["tallest"], "shoeSize": ["recent"]}),
        destinations={"a": Destination(), "b": Destination(port=1, attempts=0, tls=OutTls(ca="/nowhere.pem"))},
    )  # fmt: skip
    assert {".".join(path) for path, _, _ in check(wrong)} == {
        "golden.trust.0", "golden.rules.birthDate", "golden.rules.shoeSize", "destinations.a.port",
        "destinations.b.attempts", "destinations.b.tls.ca",
    }  # fmt: skip
    file = tmp_path / "unsilo.toml"
    file.write_text(
        '[golden]\ntrust = ["adt", "api"]\n[golden.rules]\nbirthDate = ["recent"]\n[ihe]\nanswer_persons = 50\n'
        '[feeds.adt]\nqueries = ["pix", "pdq"]\n[destinations.epr]\nport = 2576\ndomains = ["urn:oid:2.999"]\n'
        "[destinations.epr.tls]\n"
    )
    read = load(file)
    assert read.issues == []
    assert read.value is not None
    assert read.value.destinations["epr"].domains == ["urn:oid:2.999"]
    assert read.value.feeds["adt"].queries == ["pix", "pdq"]
    file.write_text("[destinations.epr]\nport = 2576\nprot = 1\n[ihe]\nanswers = 3\n")
    assert load(file).value is None
