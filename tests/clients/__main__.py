"""Runs clients that others wrote and that are no packages of Python's against a node of its own (`make clients`).

A client that is not there is said, with how to get it, and is no failure.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.integration.served import served
from unsilo.config import Validation

HERE = Path(__file__).parent
WAITING = {
    "Subscriptions - topic-based (R4 Backport) round trip": "subscriptions are not sent yet",
    "Subscriptions - rest-hook round trip": "subscriptions are not sent yet",
}
"""Scenarios of sekmet-fhir that cannot pass yet, and why."""


def fhir_kit(base: str) -> bool:
    """Run the scenario of fhir-kit-client; False when a step does not hold."""
    node, folder = shutil.which("node"), os.environ.get("UNSILO_FHIR_KIT", "")
    if not node or not (Path(folder) / "node_modules" / "fhir-kit-client").is_dir() or not folder:
        print("fhir-kit-client: not run. It needs Node.js and, in a folder that UNSILO_FHIR_KIT names,")
        print("  npm install fhir-kit-client@2.0.0")
        return True
    done = subprocess.run(
        [node, "--input-type=module"], input=(HERE / "fhir_kit.mjs").read_text("utf-8"), cwd=folder,
        env={**os.environ, "UNSILO_BASE": base}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    print(f"fhir-kit-client: {(done.stdout or done.stderr).strip()}")
    return done.returncode == 0


def sekmet(base: str, folder: Path) -> bool:
    """Run the scenarios of sekmet-fhir; False when one fails that is not among those that wait."""
    command = shutil.which(os.environ.get("UNSILO_SEKMET", "sekmet"))
    if command is None:
        print("sekmet-fhir: not run. It needs, in an environment of its own, pip install sekmet-fhir==0.1.0,")
        print("  and UNSILO_SEKMET naming its command `sekmet`")
        return True
    settings, reports = folder / "settings.yaml", folder / "reports"
    settings.write_text(f"peers:\n  unsilo:\n    base_url: {base}\n", "utf-8")
    done = subprocess.run(
        [command, "scenario", "run", "all", "--peer", "unsilo", "-c", str(settings), "--report-dir", str(reports)],
        cwd=folder, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    found = sorted(reports.glob("*/results.json"))
    if not found:
        print(f"sekmet-fhir: no results\n{done.stdout}{done.stderr}")
        return False
    good = True
    for each in json.loads(found[-1].read_text("utf-8")):
        name, state = each["name"], each["status"]
        why = WAITING.get(name, "") if state == "failed" else ""
        good = good and (state != "failed" or bool(why))
        print(f"sekmet-fhir: {state:8}{name}{f' ({why})' if why else ''}")
        for step in each["steps"] if state == "failed" and not why else ():
            if step["status"] == "failed":
                print(f"    {json.dumps(step)[:1000]}")
    return good


def main() -> int:
    """Run both; the exit status is 1 when something does not hold."""
    strict = Validation(on_write="reject")
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "node", validation=strict) as node:
        held = [fhir_kit(node.base), sekmet(node.base, Path(folder))]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
