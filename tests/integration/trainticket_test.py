#!/usr/bin/env python3
"""Real telemetry with labelled faults through a real broker: as JSON, and as protobuf batches.

The alerts must equal those of `tocsin backtest` on the same files. Prints for how many faults an alert on the right service began while the
fault lasted, and how many firings matched none. Skipped (exit code 77) without the shared folder.
"""

import csv
import datetime
import gzip
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import BIN, SKIPPED, Broker, Failure, Service, backtest, check_same_alerts, quantile_rules, shared, up_to

# Spans of one minute against what the same operation or service did in the hours before. Averages and rates are exact, so these verdicts
# are the same however events are batched; p95 against a constant is too, though the value shown is an estimate.
RULES = """groups:
  - name: trainticket
    interval: 1s
    rules:
      - alert: OperationFails
        expr: errors[1m] >= 2 and error_rate[1m] > 5% and error_rate[1m] > 3 * error_rate[6h]
        by: [domain, operation]
        keep_firing_for: 1m
        severity: ERROR
      - alert: OperationSlow
        expr: count[30s] >= 8 and avg[30s] > 5 and avg[30s] > 3 * avg[3h]
        by: [domain, operation]
        keep_firing_for: 1m
      - alert: TailHigh
        expr: p95{kind="server"}[1m] > 400ms
        by: [domain]
        min_events: 10
        keep_firing_for: 1m
      - alert: UserRequestsFail
        expr: error_rate{kind="root"}[1m] > 10%
        min_events: 30
        no_data: keep
"""
PARTITIONS = 4
TIME = "time: {idle_timeout: never}"
BATCH = 50


# --- protobuf, written by hand: the engine's own encoder must not be what its decoder is tried with ---

def varint(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text_field(number, text):
    data = text.encode()
    return varint(number << 3 | 2) + varint(len(data)) + data if data else b""


def encode_event(event):
    data = varint(1 << 3) + varint(event["timestamp_ms"]) + text_field(2, event["domain"]) + text_field(3, event["operation"])
    data += varint(4 << 3) + varint(int(event["success"]))
    data += varint(5 << 3 | 1) + struct.pack("<d", event["latency_ms"])
    data += text_field(6, event.get("error_code", ""))
    for name in ("kind", "seq"):
        entry = text_field(1, name) + text_field(2, str(event[name]))
        data += varint(15 << 3 | 2) + varint(len(entry)) + entry
    return data


def encode_batch(events):
    encoded = [encode_event(e) for e in events]
    return b"".join(varint(1 << 3 | 2) + varint(len(e)) + e for e in encoded)


# --- files: one a partition, the same events in either encoding ---

def write_files(work, encoding):
    with gzip.open(shared() / "data/trainticket/events.jsonl.gz", "rt") as f:
        lines = f.readlines()
    files = []
    for partition in range(PARTITIONS):
        part = lines[partition::PARTITIONS]
        if encoding == "json":
            files.append(work / f"part-{partition}.jsonl")
            files[-1].write_text("".join(part))
            continue
        files.append(work / f"part-{partition}.pb")
        events = [json.loads(line) for line in part]
        with open(files[-1], "wb") as f:
            for begin in range(0, len(events), BATCH):
                message = encode_batch(events[begin:begin + BATCH])
                f.write(varint(len(message)) + message)
    return files, len(lines), last_tick(lines)


def last_tick(lines):
    """Up to here the slowest partition lets evaluation go, less a second."""
    newest = [max(json.loads(line)["timestamp_ms"] for line in lines[partition::PARTITIONS]) for partition in range(PARTITIONS)]
    return datetime.datetime.fromtimestamp(min(newest) / 1000 - 1.5, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


def run(broker, encoding, work):
    rules = work / "rules.yaml"
    rules.write_text(RULES)
    files, events, last = write_files(work, encoding)
    app = f"tt-{encoding}"
    service = Service(broker, work / "service", app, rules, TIME, partitions=4)
    broker.create_topic(f"{app}-in", PARTITIONS)
    service.create_topics()
    feeders = [subprocess.Popen([str(BIN / "kafka_feed"), broker.bootstrap, f"{app}-in", str(p), str(f)], stdout=subprocess.DEVNULL)
               for p, f in enumerate(files)]
    service.start()
    try:
        if any(feeder.wait() != 0 for feeder in feeders):
            raise Failure("the events could not be written to the broker")
        tick = service.wait_drained(events, timeout_s=240, quiet_s=3, until=last)
        service.stop()
    finally:
        service.kill()
    actual = up_to(broker.dump(f"{app}.alerts"), tick)
    expected = up_to(backtest(rules, files, work / "expected.jsonl", service.config), tick)
    print(f"{encoding}: {events} events", flush=True)
    check_same_alerts(expected, actual, tick, quantile_rules(rules))
    return actual


# --- alerts against faults ---

def unix_ms(text):
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def print_score(alerts):
    with open(shared() / "data/trainticket/labels.csv") as f:
        faults = [(int(r["start_ms"]), int(r["end_ms"]), r["service"], r["kind"]) for r in csv.DictReader(f)]
    found, firings, on_another, unmatched = set(), 0, 0, 0
    for alert in alerts:
        if alert["state"] != "firing":
            continue
        firings += 1
        began = unix_ms(alert["startsAt"])
        during = [fault for fault in faults if fault[0] <= began <= fault[1]]
        right = [fault for fault in during if fault[2] == alert.get("labels", {}).get("domain")]
        found.update(right)
        unmatched += not during
        on_another += bool(during) and not right
    kinds = sorted({fault[3] for fault in faults})
    by_kind = ", ".join(f"{kind} {sum(f[3] == kind for f in found)}/{sum(f[3] == kind for f in faults)}" for kind in kinds)
    print(f"{len(found)} of {len(faults)} faults have an alert on the right service that began while they lasted ({by_kind})")
    print(f"{firings} firings: {unmatched} at no fault's time, {on_another} at a fault's time on another service")


def main():
    if shared() is None:
        print("SKIPPED: Train-Ticket telemetry (no shared folder; set TOCSIN_SHARED)")
        return SKIPPED
    try:
        with Broker() as broker:
            for encoding in ("json", "protobuf"):
                with tempfile.TemporaryDirectory(prefix="tocsin-trainticket-") as directory:
                    alerts = run(broker, encoding, Path(directory))
        print_score(alerts)
    except Failure as failure:
        print(f"FAILED: {failure}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
