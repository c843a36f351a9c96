#!/usr/bin/env python3
"""State larger than the memory given to RocksDB, on a real broker; and a restart that reads next to nothing of the changelog.

The alert log must equal the backtest's, the state on disk must be at least 20 times RocksDB's memory, and after an orderly restart less
than 1 % of the changelog may be read. Then the service goes on with more telemetry, and the log must still be equal.
"""

import re
import subprocess
import sys
import time

from harness import BIN, Broker, Failure, Service, backtest, check_same_alerts, exit_code_of, quantile_rules, up_to

RULES = """groups:
  - name: state
    interval: 1s
    rules:
      - alert: Errors
        expr: error_rate[5m] > 60% and count[5m] >= 12
        by: [domain, region, operation]
      - alert: Slow
        expr: p99[5m] > 400ms and count[5m] >= 12
        by: [domain, region, operation]
      - alert: SlowSomewhere
        expr: p99{region!=""}[5m] > 450ms and count{region!=""}[5m] >= 12
        by: [domain, region, operation]
      - alert: SlowAnywhere
        expr: p99{domain!=""}[5m] > 500ms and count{domain!=""}[5m] >= 12
        by: [domain, region, operation]
      - alert: SlowAnything
        expr: p99{operation!=""}[5m] > 550ms and count{operation!=""}[5m] >= 12
        by: [domain, region, operation]
      - alert: SlowDomainAnywhere
        expr: p99{domain!="", region!=""}[5m] > 600ms and count{domain!="", region!=""}[5m] >= 12
        by: [domain, region, operation]
      - alert: SlowOperationAnywhere
        expr: p99{operation!="", region!=""}[5m] > 650ms and count{operation!="", region!=""}[5m] >= 12
        by: [domain, region, operation]
      - alert: DomainErrors
        expr: error_rate[10s] > 6%
        by: [domain]
"""
PARTITIONS = 4
# Few groups, since those have to fit into memory, but many panes: each selection above keeps its own, with every latency for some minutes.
ROCKSDB_BYTES = 11 << 20  # two sixteenths of what `memory` leaves beside the process and its workers, rounded up
LOAD = ["--rate", "40000", "--format", "json", "--seed", "7", "--start", "2026-03-01T00:00:00Z", "--domains", "20", "--regions", "10",
        "--operations", "10", "--failures", "3%", "--no-trace-ids", "--batch", "100"]


def make_load(work, name, start, seconds):
    command = [str(BIN / "tocsin"), "loadgen", "--output", str(work / f"{name}.jsonl"), "--files", str(PARTITIONS), "--for", f"{seconds}s", *LOAD]
    command[command.index("--start") + 1] = start
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return sorted(work.glob(f"{name}-*.jsonl"))


def feed(broker, files):
    processes = [subprocess.Popen([str(BIN / "kafka_feed"), broker.bootstrap, "state-in", str(p), str(f)], stdout=subprocess.DEVNULL)
                 for p, f in enumerate(files)]
    if any(process.wait() != 0 for process in processes):
        raise Failure("the events could not be written to the broker")


def state_bytes(service):
    return sum(f.stat().st_size for f in (service.state / "one").glob("*.sst"))


def restored(log):
    """(read, there) over all partitions, of the newest start in the log."""
    lines = re.findall(r"restored: (\d+) of (\d+) changelog records read", log)
    return sum(int(a) for a, _ in lines), sum(int(b) for _, b in lines)


def run(work):
    rules = work / "rules.yaml"
    rules.write_text(RULES)
    seconds = 190
    first = make_load(work, "first", "2026-03-01T00:00:00Z", seconds)
    second = make_load(work, "second", "2026-03-01T00:03:10Z", 5)
    with Broker() as broker:
        service = Service(broker, work / "service", "state", rules, "time: {idle_timeout: never, max_future_skew: 365d}", partitions=4, workers=1,
                          extra="memory: 128MiB")
        broker.create_topic("state-in", PARTITIONS)
        service.create_topics()
        feed(broker, first)
        service.start()
        begin = time.monotonic()
        service.wait_drained(40000 * seconds * 0.99, timeout_s=400, quiet_s=3, until="2026-03-01T00:03:07")
        print(f"{40000 * seconds} events in {time.monotonic() - begin:.0f} s", flush=True)
        service.stop()
        held = state_bytes(service)
        print(f"state on disk: {held >> 20} MiB, {held / ROCKSDB_BYTES:.1f} x the memory of RocksDB", flush=True)
        if held < 20 * ROCKSDB_BYTES:
            raise Failure("the state is smaller than 20 times RocksDB's memory: nothing was shown")
        service.processes[0].log_path.unlink()
        service.start()
        feed(broker, second)
        tick = service.wait_drained(40000 * 4, timeout_s=120, quiet_s=3, until="2026-03-01T00:03:12")
        service.stop()
        read, there = restored(service.log())
        print(f"restart: {read} of {there} changelog records read", flush=True)
        if there == 0 or read * 100 >= there:
            raise Failure("the restart read 1 % of the changelog or more")
        actual = up_to(broker.dump("state.alerts"), tick)
    joined = []
    for a, b in zip(first, second):
        whole = work / f"all-{a.name}"
        whole.write_bytes(a.read_bytes() + b.read_bytes())
        joined.append(whole)
    expected = up_to(backtest(rules, joined, work / "expected.jsonl", service.config), tick)
    check_same_alerts(expected, actual, tick, quantile_rules(rules))


if __name__ == "__main__":
    sys.exit(exit_code_of("state", run))
