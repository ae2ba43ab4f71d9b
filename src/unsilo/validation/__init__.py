"""Structure, bindings, invariants, profiles and plausibility of resources, each finding an Issue with its place."""

from unsilo.validation.run import Options
from unsilo.validation.validator import Validator
from unsilo.validation.value_sets import Definitions

__all__ = ["Definitions", "Options", "Validator"]
