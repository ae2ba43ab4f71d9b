"""Works out a person's page ahead, once an answer is out from which it is all but certain to be opened next."""

from collections.abc import Iterable

from starlette.background import BackgroundTask
from starlette.responses import Response

from unsilo.console.gate import Asked
from unsilo.console.render import home_zone
from unsilo.flow.read import load

__all__ = ["MOST_FORESEEN", "foreseeing"]

MOST_FORESEEN = 2
"""Persons on a page, up to which it is clear whose record is opened next."""


def foreseeing(asked: Asked, shown: Response, uids: Iterable[str]) -> Response:
    """Return the answer, after which the pages of one or two persons are made ready, if the reader may open them."""
    found = list(dict.fromkeys(uid for uid in uids if uid))
    if 0 < len(found) <= MOST_FORESEEN and asked.may("person.read"):
        shown.background = BackgroundTask(_foresee, asked, found)
    return shown


def _foresee(asked: Asked, uids: list[str]) -> None:
    service = asked.service
    zone = home_zone(service.settings)
    for uid in uids:
        load.foresee(service.store, service.settings.feeds, uid, asked.user.id, zone, service.same)
