#!/usr/bin/env python3
"""Detection latency on a real broker: from the event that decides a verdict to its alert event, read committed.

usage: latency.py [--probes N] [--rate N] [--cpus N] [--out FILE]

`tocsin loadgen` writes telemetry as it happens, `tocsin run` watches, and perf/detection_probe.cc now and then writes one failed operation
that a rule fires on, and waits for the alert. Exit code 1 if the 99th percentile is above the mark: max_out_of_orderness + resolution +
250 ms.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/integration"))
import harness  # noqa: E402  the broker and the service are those of the tests
import job  # noqa: E402

OUT_OF_ORDERNESS_MS, RESOLUTION_MS, ALLOWANCE_MS = 500, 250, 250
ALERT_PARTITIONS = 8
BIN_MS = 50
WARM_S = 60  # until then the groups have joined, and the broker's virtual machine has compiled most of what it runs
RULES = """groups:
  - name: latency
    rules:
      - alert: Probe
        expr: errors{domain="probe"}[5s] >= 1
        by: [domain, probe]
      - alert: ErrorRate
        expr: error_rate[5m] > 5%
        by: [domain, region]
      - alert: P99
        expr: p99[5m] > 800ms
        by: [domain, region]
"""


def percentile(values, q):
    """Nearest rank."""
    return sorted(values)[max(1, math.ceil(q * len(values))) - 1]


def histogram(values):
    counts = {}
    for value in values:
        counts[int(value) // BIN_MS] = counts.get(int(value) // BIN_MS, 0) + 1
    width = 50 / max(counts.values())
    return "\n".join(f"{n * BIN_MS:5d} to {(n + 1) * BIN_MS:5d} ms  {counts.get(n, 0):4d}  {'#' * round(counts.get(n, 0) * width)}"
                     for n in range(min(counts), max(counts) + 1))


def measure(broker, work, options):
    rules = work / "rules.yaml"
    rules.write_text(RULES)
    broker.create_topic("latency-in", job.PARTITIONS)
    service = harness.Service(broker, work / "service", "latency", rules, "", partitions=ALERT_PARTITIONS)
    service.create_topics()
    service.start()
    load = subprocess.Popen([str(harness.BIN / "tocsin"), "loadgen", "--bootstrap", broker.bootstrap, "--topic", "latency-in", "--rate",
                             str(options.rate), "--partitions", str(job.PARTITIONS), "--domains", ",".join(job.DOMAINS), "--regions",
                             ",".join(job.REGIONS), "--operations", ",".join(job.OPERATIONS), "--failures", "2%"],
                            stdout=subprocess.DEVNULL)
    try:
        time.sleep(WARM_S)
        probe = subprocess.run([str(harness.BIN / "detection_probe"), broker.bootstrap, "latency-in", str(job.PARTITIONS), "latency.alerts",
                                str(ALERT_PARTITIONS), str(options.probes)], capture_output=True, text=True)
        service.check_alive()
        if load.poll() is not None:
            raise harness.Failure(f"tocsin loadgen ended with {load.returncode}")
        service.stop()
    finally:
        load.terminate()
        load.wait()
        service.kill()
    if probe.returncode != 0:
        raise harness.Failure(probe.stderr + probe.stdout)
    return json.loads(probe.stdout)["delays_ms"]


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench latency",
                                     description="Detection latency on a real broker; docs/benchmarks.md describes it.")
    parser.add_argument("--probes", type=int, default=200, metavar="N", help="incidents of one event each [200]")
    parser.add_argument("--rate", type=int, default=20_000, metavar="N", help="events a second beside them [20000]")
    parser.add_argument("--cpus", type=int, default=2, metavar="N", help="broker, load and engine share so many processors [2]")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the delays as JSON")
    options = parser.parse_args(arguments)
    if options.probes < 1 or options.rate < 100 * job.PARTITIONS:
        parser.error(f"at least one probe, and {100 * job.PARTITIONS} events a second, since a quiet partition holds all others back")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:options.cpus])
    directory = Path(tempfile.mkdtemp(prefix="tocsin-latency-"))
    try:
        with harness.Broker("--heap", "1g", "--session", "9000") as broker:
            delays = measure(broker, directory, options)
    except harness.Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if options.out:
        options.out.write_text(json.dumps({"rate": options.rate, "load_average": os.getloadavg()[0], "delays_ms": delays}) + "\n")
    mark = OUT_OF_ORDERNESS_MS + RESOLUTION_MS + ALLOWANCE_MS
    p50, p90, p99 = (percentile(delays, q) for q in (0.5, 0.9, 0.99))
    print(histogram(delays))
    print(f"{len(delays)} incidents at {options.rate} events/s, load average {os.getloadavg()[0]:.1f}: p50 {p50:.0f} ms, p90 {p90:.0f} ms, "
          f"p99 {p99:.0f} ms, longest {max(delays):.0f} ms; mark for p99: {mark} ms")
    return 0 if p99 <= mark else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
