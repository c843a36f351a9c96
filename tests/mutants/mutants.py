#!/usr/bin/env python3
"""The test of the tests: does something notice each seeded defect of engine/base/test_switches.h?

For each defect, in a build of preset `faults`, detectors are run one after the other until one finds it:

  simulation   tocsin_simulate over seeds: exit code 1 is a violation
  disk         RocksDB, and the engine over it, on a disk that fails (tests/disk): a test that fails
  unit         the unit tests with TOCSIN_DEFECT=NAME in their environment: one that fails, crashes or hangs
  faults       the fault programme on a real broker, only with --faults

A detector that finds something where there is no defect is none: each is run without one first. Ends with 1 if a defect survives.
Standard library only.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SWITCHES = ROOT / "engine/base/test_switches.h"
# (binary, which of its tests), the quick ones first.
UNIT_TESTS = (("operators_test", "*"), ("golden_test", "*"), ("log_test", "*"), ("state_test", "*"), ("runtime_test", "-CrashRestart.*"),
              ("runtime_test", "CrashRestart.*"), ("state_store_test", "*"), ("state_rocksdb_test", "*"), ("kafka_test", "*"))
UNIT_TIMEOUT_S = 300
DISK_TESTS = (("disk_test", "StoreOnFaultyDisk.*"), ("disk_test", "EngineOnFaultyDisk.*"))
FAULTS_TIMEOUT_S = 1800


def defects():
    """(name, what) as they stand in kDefects."""
    text = SWITCHES.read_text()
    block = text[text.index("kDefects{"):]
    block = block[:block.index("\n};")]
    found = re.findall(r'Switch\{\s*"(\w+)",\s*((?:"[^"]*"\s*)+)\}', block)
    if not found or len(found) != block.count("Switch{"):
        sys.exit(f"mutants: {len(found)} of {block.count('Switch{')} entries of kDefects in {SWITCHES.relative_to(ROOT)} were understood")
    return [(name, "".join(re.findall(r'"([^"]*)"', what))) for name, what in found]


def run(command, defect, timeout_s, more=None):
    """(exit code or None for a time-out, output); `more`: further variables of the environment."""
    environment = {key: value for key, value in os.environ.items() if key not in ("TOCSIN_DEFECT", "TOCSIN_FAILPOINT")}
    environment.update(more or {})
    if defect:
        environment["TOCSIN_DEFECT"] = defect
    try:
        done = subprocess.run(command, env=environment, timeout=timeout_s, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", check=False)
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout


class Simulation:
    """The simulation takes the name of the defect itself."""

    name = "simulation"

    def __init__(self, binaries, seeds):
        self.binary = binaries / "tocsin_simulate"
        self.seeds = seeds

    def missing(self):
        return "" if self.binary.exists() else f"{self.binary.relative_to(ROOT)} is not there"

    def find(self, defect):
        """Where the defect showed, or None."""
        # A kind of fault that is never met is no finding about a defect.
        command = [str(self.binary), "--seeds", str(self.seeds), "--from", "1", "--allow-gaps"]
        if defect:
            command += ["--defect", defect]
        code, output = run(command, None, 1800)
        if code == 0:
            return None
        if code == 2:
            sys.exit(f"mutants: {' '.join(command)} was refused:\n{output}")
        if code is None:
            return "it did not end"
        seed = re.search(r"seed[ =:]*(\d+)", output)
        where = f"seed {seed[1]}" if seed else (output.strip().splitlines() or ["no word"])[-1][:60]
        return where if code == 1 else f"exit code {code}, {where}"


class Tests:
    """Test binaries, each until its first failure."""

    def __init__(self, name, binaries, tests):
        self.name = name
        self.steps = [(binaries / binary, some) for binary, some in tests]

    def missing(self):
        return next((f"{binary.relative_to(ROOT)} is not there" for binary, _ in self.steps if not binary.exists()), "")

    def find(self, defect):
        for binary, tests in self.steps:
            command = [str(binary), f"--gtest_filter={tests}", "--gtest_brief=1", "--gtest_fail_fast"]
            code, output = run(command, defect, UNIT_TIMEOUT_S)
            if code == 0:
                continue
            failed = re.search(r"\[  FAILED  \] (\S+?)[,. ]*(?:\(|$|\n|where)", output)
            if failed:
                return failed[1]
            return f"{binary.name} hung" if code is None else f"{binary.name} ended with {code}"
        return None


class Faults:
    """The fault programme on a real broker."""

    name = "faults"

    def __init__(self, binaries):
        self.binaries = binaries

    def missing(self):
        return "" if (ROOT / "tests/faults/__main__.py").exists() else "tests/faults is not there"

    def find(self, defect):
        # The service with the defect; the checker knows nothing of it.
        command = [sys.executable, str(ROOT / "tests/faults"), "--quick"]
        code, output = run(command, defect, FAULTS_TIMEOUT_S, {"TOCSIN_BIN": str(self.binaries)})
        if code == 0:
            return None
        return "it did not end" if code is None else (output.strip().splitlines() or [f"exit code {code}"])[-1][:80]


def hunt(defect, detectors):
    """(detector's name, where, seconds) of the first that finds it, or None."""
    for detector in detectors:
        began = time.monotonic()
        where = detector.find(defect)
        if where is not None:
            return detector.name, where, time.monotonic() - began
    return None


def choose(options):
    """The detectors that are there, and sound."""
    wanted = [Simulation(options.binaries, options.seeds), Tests("disk", options.binaries, DISK_TESTS),
              Tests("unit", options.binaries, UNIT_TESTS)]
    wanted += [Faults(options.binaries)] if options.faults else []
    chosen = []
    for detector in wanted:
        if options.only and detector.name != options.only:
            continue
        if missing := detector.missing():
            print(f"mutants: without {detector.name}: {missing}", file=sys.stderr)
            continue
        if where := detector.find(None):
            sys.exit(f"mutants: {detector.name} fails without any defect ({where}): what it finds then says nothing")
        chosen.append(detector)
    if not chosen:
        sys.exit("mutants: no detector is there; ./dev build faults makes the simulation and the unit tests")
    return chosen


def main():
    parser = argparse.ArgumentParser(prog="./dev mutants", description="Runs the tests against each seeded defect.")
    parser.add_argument("names", nargs="*", help="these defects only (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="how many defects at once (default 2)")
    parser.add_argument("--seeds", type=int, default=20000, help="seeds of the simulation for each defect (default 20000, as CI runs)")
    parser.add_argument("--only", choices=("simulation", "disk", "unit", "faults"), help="this detector alone")
    parser.add_argument("--faults", action="store_true", help="the fault programme for what the others let through")
    parser.add_argument("--binaries", type=Path, default=ROOT / "build/faults/bin", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.binaries = options.binaries.resolve()
    if options.only == "faults":
        options.faults = True

    known = defects()
    unknown = set(options.names) - {name for name, _ in known}
    if unknown:
        sys.exit(f"mutants: {SWITCHES.relative_to(ROOT)} has no defect {', '.join(sorted(unknown))}")
    asked = [(name, what) for name, what in known if not options.names or name in options.names]
    detectors = choose(options)
    survivors = []
    print("| defect | what | caught by | where | after |\n|---|---|---|---|---|", flush=True)
    with ThreadPoolExecutor(max_workers=max(options.jobs, 1)) as pool:
        for (name, what), found in zip(asked, pool.map(lambda entry: hunt(entry[0], detectors), asked)):
            if found is None:
                survivors.append(name)
                print(f"| `{name}` | {what} | **nothing** | | |", flush=True)
            else:
                print(f"| `{name}` | {what} | {found[0]} | {found[1]} | {found[2]:.1f} s |", flush=True)
    print(f"\n{len(asked) - len(survivors)} of {len(asked)} defects caught" + (f"; not: {', '.join(survivors)}" if survivors else ""))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
