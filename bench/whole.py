"""A whole population in and out: rates, memory, a kill in the middle, and whether what went in comes out.

python -m bench.whole                            # 110,000 resources
python -m bench.whole --patients 45455           # 1,000,000
python -m bench.whole --check reject
"""

import argparse
import hashlib
import json
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.population import people, staff
from unsilo.kernel.json import encode

MODULO = 1 << 128


def _digest(resources: list[bytes]) -> int:
    """Return a digest of lines that does not depend on their order."""
    return sum(int.from_bytes(hashlib.sha256(line).digest()[:16], "big") for line in resources) % MODULO


def _plain(line: bytes) -> bytes:
    """Return a resource in one form, without what a server adds."""
    found = json.loads(line)
    meta = found.get("meta", {})
    for name in ("versionId", "lastUpdated"):
        meta.pop(name, None)
    if not meta:
        found.pop("meta", None)
    return json.dumps(found, sort_keys=True).encode()


def _write(file: Path, patients: int) -> tuple[int, int]:
    """Write the population; return (resources, digest)."""
    count = digest = 0
    with file.open("wb") as out:
        for group in (list(staff(patients)), *people(patients)):
            lines = [encode(one) for one in group]
            out.write(b"".join(line + b"\n" for line in lines))
            count += len(lines)
            digest = (digest + _digest([_plain(line) for line in lines])) % MODULO
    return count, digest


def _memory(pid: int) -> int:
    """Return the resident memory of a process and its children in MB.

    No other process is looked at, for where there are many that alone is some hundredths of a core.
    """
    total = 0
    try:
        lists = [task.joinpath("children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        lists = []
    for one in (str(pid), *" ".join(lists).split()):
        try:
            lines = Path(f"/proc/{one}/status").read_text().splitlines()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)
    return total // 1024


def _run(
    command: list[str], *, kill_when: Path | None = None, share: float = 0.0, count: int = 0
) -> tuple[str, list[int]]:
    """Run a command; return its output and its memory every second. With `kill_when` it is killed at that share."""
    memory: list[int] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        while process.poll() is None:
            try:
                process.wait(1)
            except subprocess.TimeoutExpired:
                memory.append(_memory(process.pid))
            state = next(iter(kill_when.glob("import-*.json")), None) if kill_when is not None else None
            if state is not None:
                try:
                    read = json.loads(state.read_text()).get("read", 0)
                except (OSError, ValueError):
                    continue
                if read > share * count:
                    process.send_signal(signal.SIGKILL)
        return process.stdout.read() if process.stdout else "", memory


def _flat(memory: list[int]) -> str:
    part = max(1, len(memory) // 4)
    quarters = [max(memory[n : n + part], default=0) for n in range(0, part * 4, part)]
    return "largest memory by quarters of the run: " + ", ".join(f"{each} MB" for each in quarters)


def main() -> None:
    """Import with a kill in the middle, export, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=5000)
    parser.add_argument("--check", default="off")
    parser.add_argument("--kill", type=float, default=0.5, help="share after which the import is killed; 0 for never")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="unsilo-whole-"))
    try:
        file, data, out = folder / "in.ndjson", folder / "data", folder / "out"
        count, digest = _write(file, asked.patients)
        print(f"{count:,} resources, {file.stat().st_size:,} bytes", flush=True)
        command = [
            sys.executable,
            "-m",
            "unsilo",
            "import",
            str(file),
            "--data",
            str(data),
            "--check",
            asked.check,
            "--json",
        ]
        began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        memory: list[int] = []
        if asked.kill:
            _, memory = _run(command, kill_when=data / "bulk", share=asked.kill, count=count)
            print(f"killed after {time.perf_counter() - began:.0f} s; {_flat(memory)}", flush=True)
        said, memory = _run(command)
        seconds, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
        each = f"CPU {cpu / count * 1e6:.0f} us a resource (without what killed processes used)"
        print(f"import: {said.strip()}\n{count / seconds:,.0f} a second in {seconds:.0f} s, {each}")
        print(_flat(memory), flush=True)
        began = time.perf_counter()
        said, memory = _run(
            [sys.executable, "-m", "unsilo", "export", "--out", str(out), "--data", str(data), "--json"]
        )
        seconds = time.perf_counter() - began
        print(
            f"export: {count / seconds:,.0f} a second in {seconds:.1f} s, with the start; {_flat(memory)}", flush=True
        )
        found = lines = 0
        for each in sorted(out.glob("*.ndjson")):
            with each.open("rb") as rows:
                for line in rows:
                    found = (found + _digest([_plain(line)])) % MODULO
                    lines += 1
        print(f"{lines:,} came out; {'the same' if (lines, found) == (count, digest) else 'NOT THE SAME'}", flush=True)
        if (lines, found) != (count, digest):
            raise SystemExit(1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
