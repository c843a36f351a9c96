#!/usr/bin/env python3
"""A flood of label values against a service with little memory, on a real broker.

Every event has a pod of its own, and rules group by it, with many windows, so that stage 2 would need far more than stage 1. The label has to
overflow, the process must stay within `memory`, and the alerts of all rules that do not group by it must equal those of a backtest without the
limit. A restart in the middle of the flood changes none of that.
"""

import datetime
import json
import sys
import tempfile
from pathlib import Path

from harness import Broker, Failure, Service, backtest, compare_logs, up_to, wait_until

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
      - alert: PodErrors
        expr: errors[1m] > 1000000 or errors[30s] > 1000000
        by: [domain, pod]
      - alert: PodSlow
        expr: count(latency > 2s)[5m] > 1000000
        by: [pod]
      - alert: PodVolume
        expr: count[2m] > 1000000
        by: [pod]
"""
PARTITIONS = 2
PER_SECOND = 6_000
START_MS = 1_772_323_200_000  # 2026-03-01
# MiB of `memory`, and events: enough to fill every share several times over. Without limits 300,000 of them take more than 700 MiB.
RUNS = ((128, 300_000), (256, 450_000))


def write_events(path, partition, begin, end):
    """Events from number `begin` to before `end` that are the partition's, appended to a file."""
    with open(path, "a") as out:
        batch = []
        for i in range(begin + partition, end, PARTITIONS):
            second = i // PER_SECOND
            failed = i % 10 < (4 if second % 60 > 40 else 1)
            batch.append({"ts": START_MS + i * 1000 // PER_SECOND, "domain": f"d{i % 5}", "pod": f"pod-{i * 2654435761 % 2**32:08x}-{i}",
                          "success": not failed, "latency_ms": i % 97})
            if len(batch) == 100:
                out.write(json.dumps(batch) + "\n")
                batch = []
        out.write(json.dumps(batch) + "\n" if batch else "")


def peak_rss_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise Failure("the process has no peak memory")


class Flood:
    def __init__(self, broker, work, memory_mib, events):
        self.broker, self.memory_mib, self.events = broker, memory_mib, events
        self.app = f"memory-{memory_mib}"
        self.work = work / self.app
        self.work.mkdir()
        (self.work / "totals.yaml").write_text(RULES)
        (self.work / "rules.yaml").write_text(RULES + BY_POD)
        self.service = Service(broker, self.work / "service", self.app, self.work / "rules.yaml",
                               "time: {idle_timeout: never, max_future_skew: 365d}", partitions=2, extra=f"memory: {memory_mib}MiB")
        self.process = self.service.processes[0]
        broker.create_topic(f"{self.app}-in", PARTITIONS)
        self.service.create_topics()
        self.files = [self.work / f"events-{partition}.jsonl" for partition in range(PARTITIONS)]
        end_ms = START_MS + events * 1000 // PER_SECOND
        self.end = datetime.datetime.fromtimestamp(end_ms / 1000 - 2, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")

    def check_peak(self, what):
        peak = peak_rss_mib(self.process.process.pid)
        print(f"memory: {self.memory_mib}MiB: peak {peak:.0f} MiB {what}", flush=True)
        if peak > self.memory_mib:
            raise Failure(f"{peak:.0f} MiB are more than `memory`, {self.memory_mib} MiB")

    def feed(self, begin, end):
        for partition, whole in enumerate(self.files):
            write_events(whole, partition, begin, end)
            part = self.work / "part.jsonl"
            part.unlink(missing_ok=True)
            write_events(part, partition, begin, end)
            self.broker.feed(f"{self.app}-in", partition, part)

    def kill(self):
        """Stage 2 then has its groups from the state, stage 1 has forgotten which ones they are. Returns how many there were."""
        seen = [0]

        def full():
            self.service.check_alive()
            seen.append(self.service.last_status().get("groups", 0))
            overflow = any(status.get("overflow") for status in self.service.last_statuses())
            return seen[-1] if overflow and seen[-1] == seen[-2] else 0

        groups = wait_until("overflow, and all groups in stage 2", full, 120, 0.5)
        self.check_peak("when it was killed")
        self.process.kill()
        return groups

    def check(self, groups_before=None):
        tick = self.service.wait_drained(None, timeout_s=300, until=self.end)
        status = self.service.last_statuses()[0]
        print(f"status: {json.dumps(status)}", flush=True)
        self.check_peak("in all")
        self.service.stop()
        if status.get("overflow", {}).get("labels") != ["pod"]:
            raise Failure(f"the label pod should have overflowed: {status.get('overflow')}")
        if status.get("overMemoryBudget"):
            raise Failure("a worker holds more than its share")
        if groups_before and status["groups"] > groups_before * 1.2:
            raise Failure(f"{groups_before} groups have become {status['groups']} over a restart")
        totals = [a for a in self.broker.dump(f"{self.app}.alerts") if a["rule"] in ("Errors", "Volume")]
        expected = up_to(backtest(self.work / "totals.yaml", self.files, self.work / "out.jsonl"), tick)
        differences = compare_logs(expected, up_to(totals, tick), set())
        if differences or not expected:
            raise Failure("differs from the backtest:\n" + "\n".join(differences[:3]))
        print(f"{len(expected)} alert events are as without the limit", flush=True)


def main():
    with tempfile.TemporaryDirectory(prefix="tocsin-memory-") as directory, Broker() as broker:
        for memory_mib, events in RUNS:
            flood = Flood(broker, Path(directory), memory_mib, events)
            flood.feed(0, events // 2)
            flood.service.start()
            groups = flood.kill() if memory_mib == RUNS[0][0] else None
            flood.feed(events // 2, events)
            if groups:
                flood.service.start()
            flood.check(groups)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        print(f"FAILED: {failure}")
        sys.exit(1)
