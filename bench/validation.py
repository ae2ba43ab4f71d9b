"""Validation of a Patient, an Observation and a 50-entry Bundle, beside three validators of PyPI in the same run.

`fhirkit-rs` (Rust) checks structure and neither bindings nor invariants; `fhir.resources` (R4B) checks structure by
pydantic classes; `pyrofile-validator` runs as it comes, without the standard's package. Each is given parsed JSON where
it takes that. Memory and start are those of a fresh process that validates one Patient.
"""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

from unsilo.validation import Options
from unsilo.validation.library import validator

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/unit/validation"))
subjects = import_module("validation_subjects")

ROUNDS = 7
START = """
import sys, time
begun = time.perf_counter()
from unsilo.validation.library import validator
validator().validate({"resourceType": "Patient", "gender": "male", "name": [{"family": "A"}]})
spent = time.perf_counter() - begun
validator().validate(BUNDLE)
most = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(spent, int(most) / 1024)
"""


def bundle() -> dict[str, Any]:
    """A collection of 25 Patients and 25 Observations."""
    entries = []
    for n in range(50):
        made = copy.deepcopy(subjects.patient() if n % 2 else subjects.observation())
        made["id"] = f"e{n}"
        entries.append({"fullUrl": f"http://example.org/{made['resourceType']}/e{n}", "resource": made})
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def spent(act: Callable[[], object], times: int) -> float:
    """Return microseconds of CPU a call: the median of rounds."""
    act()
    found = []
    for _ in range(ROUNDS):
        begun = process_time()
        for _ in range(times):
            act()
        found.append((process_time() - begun) / times * 1e6)
    return median(found)


def peers(resource: dict[str, Any]) -> dict[str, Callable[[], object]]:
    """Return what each peer that is installed does with a resource."""
    made: dict[str, Callable[[], object]] = {}
    try:
        fhirkit = import_module("fhirkit")
        made["fhirkit-rs"] = lambda: fhirkit.validate(resource)
    except ImportError:
        pass
    try:
        kind = import_module(f"fhir.resources.R4B.{resource['resourceType'].lower()}")
        model = getattr(kind, resource["resourceType"])
        made["fhir.resources"] = lambda: model.model_validate(copy.deepcopy(resource))
    except ImportError:
        pass
    try:
        pyrofile = import_module("pyrofile_validator")
        engine = pyrofile.Validator()
        made["pyrofile"] = lambda: engine.validate_resource(resource)
    except Exception as fault:  # noqa: BLE001 - a peer that cannot be started is told, not hidden
        print(f"pyrofile-validator is not measured: {type(fault).__name__}: {fault}"[:120])
    return made


def main() -> int:
    """Print the table."""
    val = validator()
    plain, whole = Options(invariants=False), Options()
    print(f"{'':12}{'structure':>12}{'invariants':>12}  peers (us)")
    for name, resource, times in (
        ("Patient", subjects.patient(), 200),
        ("Observation", subjects.observation(), 200),
        ("Bundle of 50", bundle(), 5),
    ):  # fmt: skip
        assert not [i for i in val.validate(resource) if i.severity == "error"]
        first = spent(lambda r=resource: val.validate(r, plain), times)  # type: ignore[misc]
        second = spent(lambda r=resource: val.validate(r, whole), times)  # type: ignore[misc]
        others = []
        for peer, act in peers(resource).items():
            try:
                others.append(f"{peer} {spent(act, max(2, times // 10)):,.0f}")
            except Exception as fault:  # noqa: BLE001 - the same
                others.append(f"{peer} fails ({type(fault).__name__})")
        print(f"{name:12}{first:12,.0f}{second:12,.0f}  {', '.join(others)}", flush=True)
    profile = json.loads(json.dumps(subjects.observation()))
    pressure = subjects.pressure_profile(import_module("unsilo.spec.definitions").structure("Observation"))
    own = type("Own", (), {
        "structure": lambda _self, url: pressure if url == pressure["url"] else None,
        "value_set": lambda _self, _url: None, "code_system": lambda _self, _url: None,
    })()  # fmt: skip
    profiled = validator(own)
    chosen = Options(profiles=(pressure["url"],))
    print(f"Observation with a sliced profile: {spent(lambda: profiled.validate(profile, chosen), 200):,.0f} us")
    told = subprocess.run(
        [sys.executable, "-c", f"BUNDLE = {bundle()!r}{START}"], capture_output=True, text=True, check=True
    ).stdout.split()
    print(f"start and first Patient {float(told[0]):.2f} s; {float(told[1]):.0f} MB at most, with a Bundle of 50")
    return 0


if __name__ == "__main__":
    sys.exit(main())
