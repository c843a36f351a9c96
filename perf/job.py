"""The reference job: its load, its rules, its configuration. docs/benchmarks.md describes it.

20 domains x 4 regions, 10 operations, 2 % failures, lognormal latencies (median 60 ms, sigma 0.9), event times put back by up to 200 ms,
20,000 events a second of event time. Every 30 s of it one group has an incident of 25 s: 80 % failures or latencies x 16, by turns.
"""

import json
from datetime import datetime, timezone

PARTITIONS = 8
RATE = 20_000  # events a second of event time
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
DOMAINS = ("chat wallet payments search catalog checkout identity notify shipping inventory pricing reviews media support loyalty fraud "
           "ledger profile session gateway").split()
REGIONS = ["eu-west-1", "us-east-1", "us-west-2", "ap-south-1"]
OPERATIONS = "list get create update delete open close compute publish render".split()
VERSIONS = ["v2.14.3", "v2.14.4", "v2.15.0-rc1"]
BATCH = {"json": 1, "protobuf": 100}  # events in a message
SUFFIX = {"json": ".jsonl", "protobuf": ".pb"}

INCIDENT_EVERY_S, INCIDENT_S = 30, 25
GROUP_STEP = 37  # coprime to the number of groups: consecutive incidents are far from each other, and each group has its turn


def incidents(events):
    """As `tocsin loadgen --incidents` reads them."""
    lines = []
    for n in range(events // RATE // INCIDENT_EVERY_S + 1):
        domain, region = divmod(n * GROUP_STEP % (len(DOMAINS) * len(REGIONS)), len(REGIONS))
        effect = "error_rate: 80%" if n % 2 == 0 else "latency_factor: 16"
        group = f"domain: {DOMAINS[domain]}, region: {REGIONS[region]}"
        lines.append(f"- {{at: {n * INCIDENT_EVERY_S}s, for: {INCIDENT_S}s, {group}, {effect}}}\n")
    return "".join(lines)


def load_flags(encoding, events, incidents_file):
    """Flags of `tocsin loadgen` that say what the load is, not where it goes. The same ones make the same messages in topic and files."""
    return ["--seed", "1", "--rate", str(RATE), "--events", str(events), "--start", str(START_MS), "--format", encoding,
            "--batch", str(BATCH[encoding]), "--domains", ",".join(DOMAINS), "--regions", ",".join(REGIONS),
            "--operations", ",".join(OPERATIONS), "--label", "version=" + ",".join(VERSIONS), "--actors", "10000000",
            "--failures", "2%", "--latency-median-ms", "60", "--latency-sigma", "0.9", "--jitter", "200ms",
            "--partitions", str(PARTITIONS), "--incidents", str(incidents_file)]


ERROR_RATE = ("ErrorRate", "error_rate[5m] > 5%")
P99 = ("P99", "p99[5m] > 800ms")
# Sets of rules: (name, expression). No two thresholds of one set are the same. `1000` spreads upwards from the
# two rules of `2`: an incident fires 30 or 200 of them. `1000-close` crowds around what incidents reach: one fires most of its kind.
RULES = {
    "1": [ERROR_RATE],
    "p99": [P99],
    "2": [ERROR_RATE, P99],
    "1000": [(f"ErrorRate{n}", f"error_rate[5m] > {5 + n / 10:g}%") for n in range(500)] +
            [(f"P99_{n}", f"p99[5m] > {800 + 10 * n}ms") for n in range(500)],
    "1000-close": [(f"ErrorRate{n}", f"error_rate[5m] > {2.5 + n / 100:g}%") for n in range(500)] +
                  [(f"P99_{n}", f"p99[5m] > {560 + n}ms") for n in range(500)],
}


def rules(name):
    """A rule file."""
    rule = "      - {{alert: {}, expr: '{}', by: [domain, region]}}\n"
    body = "".join(rule.format(alert, expression) for alert, expression in RULES[name])
    return "groups:\n  - name: reference\n    interval: 1s\n    rules:\n" + body


def config(app, topic, bootstrap, directory, port, workers):
    """`idle_timeout: never`: what is evaluated is then a function of the events alone, as in a backtest."""
    return json.dumps({
        "app": app, "instance": "bench", "kafka": {"bootstrap.servers": bootstrap}, "input": {"topics": [topic], "start": "earliest"},
        "rules": ["rules.yaml"], "state": {"path": str(directory / "state")}, "aggregate": {"workers": workers},
        "time": {"idle_timeout": "never"}, "http": {"listen": f"127.0.0.1:{port}"}}, indent=1)


def due_ms(events):
    """Where event time ends: no event is later."""
    return START_MS + events * 1000 // RATE


def text_of(ms):
    return datetime.fromtimestamp(ms / 1000, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
