"""What holds for all tests: examples that are made slowly on a busy machine are no fault."""

from hypothesis import HealthCheck, settings

settings.register_profile("unsilo", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unsilo")
