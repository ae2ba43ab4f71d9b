"""Labelled made-up populations: the benchmark of matching that is published with its seeds and rates."""

from unsilo.identity.simulate.records import HEADER, simulate
from unsilo.identity.simulate.tables import rates, settings

__all__ = ["HEADER", "rates", "settings", "simulate"]
