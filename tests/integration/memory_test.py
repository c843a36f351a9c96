#!/usr/bin/env python3
"""A flood of label values against a service with little memory, on a real broker.

Every event has a pod of its own, and a rule groups by it. The label has to overflow, the process must stay near `memory`, and the alerts of
all rules that do not group by it must equal those of a backtest without the limit.
"""

import json
import sys
import tempfile
from pathlib import Path

from harness import Broker, Failure, Service, backtest, compare_logs, up_to

RULES = """groups:
  - name: totals
    interval: 1s
    rules:
      - alert: Errors
        expr: error_rate[10s] > 20%
        by: [domain]
      - alert: Volume
        expr: count{pod=~".*7"}[10s] > 500
        by: [domain]
"""
BY_POD = """      - alert: Pod
        expr: count[10s] > 1000000
        by: [domain, pod]
"""
PARTITIONS = 2
MEMORY_MIB = 128
EVENTS = 1_200_000
PER_SECOND = 6_000
# Groups of stage 2 and the allocator come on top of what `memory` bounds. Without the limit this load takes 1.4 GiB.
RSS_MIB_MAX = 2.5 * MEMORY_MIB
START_MS = 1_772_323_200_000  # 2026-03-01


def write_events(path, partition):
    with open(path, "w") as out:
        batch = []
        for i in range(partition, EVENTS, PARTITIONS):
            second = i // PER_SECOND
            failed = i % 10 < (4 if second % 60 > 40 else 1)
            batch.append({"ts": START_MS + i * 1000 // PER_SECOND, "domain": f"d{i % 5}", "pod": f"pod-{i * 2654435761 % 2**32:08x}-{i}",
                          "success": not failed})
            if len(batch) == 100:
                out.write(json.dumps(batch) + "\n")
                batch = []
        out.write(json.dumps(batch) + "\n" if batch else "")


def peak_rss_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise Failure("the process has no peak memory")


def main():
    with tempfile.TemporaryDirectory(prefix="tocsin-memory-") as directory, Broker() as broker:
        work = Path(directory)
        (work / "totals.yaml").write_text(RULES)
        (work / "rules.yaml").write_text(RULES + BY_POD)
        service = Service(broker, work / "service", "memory", work / "rules.yaml", "time: {idle_timeout: never, max_future_skew: 365d}",
                          partitions=2, extra=f"memory: {MEMORY_MIB}MiB")
        broker.create_topic("memory-in", PARTITIONS)
        service.create_topics()
        files = []
        for partition in range(PARTITIONS):
            files.append(work / f"events-{partition}.jsonl")
            write_events(files[-1], partition)
            broker.feed("memory-in", partition, files[-1])
        service.start()
        tick = service.wait_drained(EVENTS, timeout_s=300)
        status = service.last_statuses()[0]
        peak = peak_rss_mib(service.processes[0].process.pid)
        print(f"peak {peak:.0f} MiB with memory: {MEMORY_MIB}MiB; status: {json.dumps(status)}", flush=True)
        service.stop()
        alerts = broker.dump("memory.alerts")
        if status.get("overflow", {}).get("labels") != ["pod"]:
            raise Failure(f"the label pod should have overflowed: {status.get('overflow')}")
        if status["overflow"]["events"] < EVENTS // 2:
            raise Failure(f"most events should have been counted as overflowed: {status['overflow']}")
        if peak > RSS_MIB_MAX:
            raise Failure(f"{peak:.0f} MiB are more than {RSS_MIB_MAX:.0f}")
        expected = up_to(backtest(work / "totals.yaml", files, work / "out.jsonl"), tick)
        differences = compare_logs(expected, up_to(alerts, tick), set())
        if differences or not expected:
            raise Failure("differs from the backtest:\n" + "\n".join(differences[:3]))
        print(f"{len(expected)} alert events are as without the limit", flush=True)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        print(f"FAILED: {failure}")
        sys.exit(1)
