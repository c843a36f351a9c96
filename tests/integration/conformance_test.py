#!/usr/bin/env python3
"""The conformance scenarios through `tocsin backtest`, or (--broker) through the real broker.

usage: conformance_test.py [--broker [--two]] KIND [NUMBER ...]     KIND: first, core, full
--two: two processes of each role instead of one of both.
Skipped (exit code 77) without the shared folder.
"""

import concurrent.futures
import contextlib
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import (SKIPPED, Broker, Failure, Service, backtest, compare_logs, quantile_rules, read_log, shared, up_to)

SIDE_BY_SIDE = 3  # of one process each


def compare_with_reference(scenario, actual, tick, work):
    """The reference's own comparison, over what was evaluated up to `tick`."""
    expected_path, actual_path = work / "expected.jsonl", work / "actual.jsonl"
    expected = up_to(read_log(scenario / "expected.jsonl"), tick)
    for path, alerts in ((expected_path, expected), (actual_path, up_to(actual, tick))):
        path.write_text("".join(json.dumps(a) + "\n" for a in alerts))
    done = subprocess.run([sys.executable, str(scenario.parents[1] / "compare.py"), str(expected_path), str(actual_path), "--meta",
                           str(scenario / "meta.json"), "--severity"], capture_output=True, text=True)
    total = len(read_log(scenario / "expected.jsonl"))
    return done.returncode == 0, done.stdout + done.stderr, (len(expected), total)


def files_of(scenario):
    return [scenario / name for name in json.loads((scenario / "scenario.json").read_text())["files"]]


def run_backtest(scenario, work):
    until = json.loads((scenario / "scenario.json").read_text())["until"]
    return backtest(scenario / "rules.yaml", files_of(scenario), work / "out.jsonl", scenario / "config.yaml", until)


def has_content(path):
    with (gzip.open(path) if path.suffix == ".gz" else open(path, "rb")) as f:
        return bool(f.read(1))


def run_on_broker(broker, scenario, work, processes):
    """Feeds the files, one partition each, to a running service. Returns its alert log and the last tick evaluated."""
    # On the broker an empty partition would hold the watermark back for ever (idle_timeout: never); a file that has ended does not.
    files = [f for f in files_of(scenario) if has_content(f)]
    app = f"conf{scenario.parent.name}{scenario.name}x{len(processes)}"
    time_section = (scenario / "config.yaml").read_text().rstrip() + "\n  idle_timeout: never"
    service = Service(broker, work / "service", app, scenario / "rules.yaml", time_section, partitions=3, processes=processes)
    broker.create_topic(f"{app}-in", len(files))
    service.create_topics()
    for partition, path in enumerate(files):
        broker.feed(f"{app}-in", partition, path)
    meta = json.loads((scenario / "meta.json").read_text())
    service.start()
    try:
        tick = service.wait_drained(sum(p["events"] - p["bad"] for p in meta["partitions"]), timeout_s=120)
        took_s = service.stop()
    finally:
        service.kill()
    if took_s > 5:
        raise Failure(f"SIGTERM took {took_s:.1f} s")
    dead = len(broker.dump_values(f"{app}.dead-letters"))
    bad = sum(p["bad"] for p in meta["partitions"])
    if dead != bad:
        raise Failure(f"{dead} dead letters, {bad} expected")
    return broker.dump(f"{app}.alerts"), tick


def check(scenario, broker, processes):
    with tempfile.TemporaryDirectory(prefix="tocsin-conformance-") as directory:
        work = Path(directory)
        if broker is None:
            actual, tick = run_backtest(scenario, work), None
        else:
            actual, tick = run_on_broker(broker, scenario, work, processes)
        same, text, (compared, total) = compare_with_reference(scenario, actual, tick, work)
        if not same:
            raise Failure(text)
        if broker is not None:
            differences = compare_logs(up_to(run_backtest(scenario, work), tick), up_to(actual, tick), quantile_rules(scenario / "rules.yaml"))
            if differences:
                raise Failure("differs from the backtest:\n" + "\n".join(differences[:3]))
        return compared, total, tick


def main(arguments):
    on_broker = "--broker" in arguments
    processes = Service.TWO_OF_EACH_ROLE if "--two" in arguments else Service.ONE
    arguments = [a for a in arguments if a not in ("--broker", "--two")]
    if shared() is None:
        print("SKIPPED: conformance scenarios (no shared folder; set TOCSIN_SHARED)")
        return SKIPPED
    directory = shared() / "conformance" / arguments[0]
    numbers = arguments[1:] or sorted((p.name for p in directory.iterdir()), key=int)
    failed, compared_of_all, total_of_all = [], 0, 0

    def outcome_of(broker, number):
        try:
            return number, True, check(directory / number, broker, processes)
        except Failure as failure:
            return number, False, f"FAILED\n{failure}"

    # On the broker a scenario mostly waits: some of them run side by side.
    side_by_side = SIDE_BY_SIDE if len(processes) == 1 else 1
    with (Broker() if on_broker else contextlib.nullcontext()) as broker, concurrent.futures.ThreadPoolExecutor(side_by_side) as pool:
        for number, passed, outcome in pool.map(lambda n: outcome_of(broker, n), numbers):
            if not passed:
                failed.append(number)
                print(f"{arguments[0]}/{number}: {outcome}", flush=True)
                continue
            compared, total, tick = outcome
            compared_of_all += compared
            total_of_all += total
            print(f"{arguments[0]}/{number}: ok, {compared} of {total} alert events" + (f", up to {tick}" if tick else ""), flush=True)
    # A partition that ends early leaves much of its scenario unevaluated; of ten scenarios most must have been, or evaluation stood still.
    if len(numbers) >= 10 and not failed and compared_of_all * 2 < total_of_all:
        print(f"only {compared_of_all} of {total_of_all} alert events were compared")
        return 1
    print(f"{len(numbers) - len(failed)} of {len(numbers)} scenarios pass" + (f"; failed: {' '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
