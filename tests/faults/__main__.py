"""The fault programme: the service on a real broker under faults, and its alert log compared with what it must be.

usage: ./dev faults [--quick] [--list] [--seed S] [--seconds N] [--repeat N] [--out FILE] [--table FILE] [SCENARIO...]
"""

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "integration")]

import failpoints  # noqa: E402
import kills  # noqa: E402
import members  # noqa: E402
import network  # noqa: E402
import outages  # noqa: E402
import report  # noqa: E402
import upgrades  # noqa: E402
from cluster import FAULTS_BIN  # noqa: E402
from harness import SKIPPED  # noqa: E402
from proxy import Proxy  # noqa: E402
from run import Run  # noqa: E402

ALL = kills.SCENARIOS + failpoints.SCENARIOS + members.SCENARIOS + outages.SCENARIOS + network.SCENARIOS + upgrades.SCENARIOS


def repeat_command(scenario, seed, seconds):
    return f"./dev faults {scenario.name} --seed {seed} --seconds {seconds}"


def run_one(scenario, seed, seconds, out):
    """True if nothing was violated."""
    work = Path(tempfile.mkdtemp(prefix=f"tocsin-faults-{scenario.name}-"))
    print(f"{scenario.name}: {scenario.what} ({seconds} s of load, seed {seed})", flush=True)
    begin = time.monotonic()
    run = Run(scenario, seed, seconds, work)
    if scenario.proxied:
        run.proxy = Proxy()
    try:
        verdict = run.go()
        result = report.result_of(run, verdict, time.monotonic() - begin)
        problems = verdict.examples[:10]
        problems += [f"{count} processes ended by signal {-code}" for code, count in run.service.ended.items() if code < 0]
        if not run.trials:
            problems.append("no fault happened: nothing was shown")
        if scenario.progress and not any(run.progressed):
            problems.append("nobody made progress while others were away")
        print(report.line_of(result), flush=True)
        if out:
            report.append(out, result)
    except Exception as failure:
        problems = [str(failure) or traceback.format_exc()]
        if not isinstance(failure, AssertionError) and type(failure).__name__ != "Failure":
            traceback.print_exc()
    finally:
        if run.proxy:
            run.proxy.close()
    if not problems:
        shutil.rmtree(work, ignore_errors=True)
        return True
    print(f"FAILED: {scenario.name}\n  " + "\n  ".join(problems))
    print(f"  logs and events: {work}\n  again: {repeat_command(scenario, seed, seconds)}", flush=True)
    return False


def chosen(arguments):
    by_name = {scenario.name: scenario for scenario in ALL}
    if unknown := [name for name in arguments.scenarios if name not in by_name]:
        sys.exit(f"error: there is no scenario {', '.join(unknown)}\n  -> ./dev faults --list")
    scenarios = [by_name[name] for name in arguments.scenarios] or ALL
    return [s for s in scenarios if s.quick_seconds] if arguments.quick else scenarios


def main():
    parser = argparse.ArgumentParser(prog="./dev faults", description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    parser.add_argument("--quick", action="store_true", help="the few that ./dev test runs, shorter")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, help="of load, for each scenario")
    parser.add_argument("--repeat", type=int, default=1, help="each so many times, with other seeds")
    parser.add_argument("--out", help="append a line of JSON for each run")
    parser.add_argument("--table", metavar="FILE", help="print the table of what --out wrote, and run nothing")
    arguments = parser.parse_args()
    if arguments.list:
        for scenario in ALL:
            quick = f"; --quick: {scenario.quick_seconds} s" if scenario.quick_seconds else ""
            print(f"{scenario.name:16} {scenario.what} ({scenario.seconds} s of load{quick})")
        return 0
    if arguments.table:
        print(report.table(arguments.table, ALL))
        return 0
    begin, failed, runs = time.monotonic(), 0, 0
    for n in range(arguments.repeat):
        for scenario in chosen(arguments):
            if scenario.with_failpoints and not (FAULTS_BIN / "tocsin").exists():
                print(f"SKIPPED: {scenario.name}: there is no {FAULTS_BIN / 'tocsin'}; ./dev build faults makes it")
                continue
            seconds = arguments.seconds or (scenario.quick_seconds if arguments.quick else scenario.seconds)
            runs += 1
            failed += not run_one(scenario, arguments.seed + n, seconds, arguments.out)
    if not runs:
        print("nothing was run")
        return SKIPPED
    print(f"{runs - failed} of {runs} runs without a violation, {time.monotonic() - begin:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
