#!/usr/bin/env python3
"""The checker held against conformance scenarios, and against logs that were damaged on purpose: it has to find each damage.

usage: checker_test.py [KIND/NUMBER ...]     KIND: first, core. The scenarios are skipped, aloud, without the shared folder.
"""

import copy
import gzip
import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from checker import compare as comparing  # noqa: E402
from checker import reference, rules, telemetry  # noqa: E402

def shared():
    path = Path(os.environ.get("TOCSIN_SHARED", ROOT.parent / "shared")) / "conformance"
    return path if path.is_dir() else None


def messages_of(path):
    with (gzip.open(path) if path.suffix == ".gz" else open(path, "rb")) as content:
        return content.read().splitlines()


def expected_of(scenario):
    """(expected by this checker, expected by the scenario, both of rules in the subset; why others were skipped; estimated rules)"""
    arguments = json.loads((scenario / "scenario.json").read_text())
    time = rules.Time.of(scenario / "config.yaml")
    within, skipped = rules.load(scenario / "rules.yaml", time)
    partitions = [telemetry.read_partition(messages_of(scenario / name), time.max_out_of_orderness, time.allowed_lateness)
                  for name in arguments["files"]]
    until = telemetry.to_ms(arguments["until"]) if arguments.get("until") else None
    ours = reference.expected_log(within, time, partitions, until)
    names = {rule.name for rule in within}
    theirs = [comparing.facts(json.loads(line)) for line in (scenario / "expected.jsonl").read_text().splitlines()]
    return ours, [a for a in theirs if a["rule"] in names], skipped, {r.name for r in within if r.estimated()}


def check_scenario(scenario):
    ours, theirs, skipped, estimated = expected_of(scenario)
    for alert in ours:
        alert["expr"] = None  # the scenarios do not say it
    damage = comparing.compare(ours, theirs, estimated)
    for name, why in skipped.items():
        print(f"{scenario.parent.name}/{scenario.name}: rule {name} skipped: {why}")
    print(f"{scenario.parent.name}/{scenario.name}: {len(ours)} alert events; {damage}", flush=True)
    for example in damage.examples[:5]:
        print(f"  {example}")
    return damage.total() == 0, len(theirs)


SAMPLE_RULES = {"groups": [{"name": "g", "interval": "1s", "rules": [
    {"alert": "Errors", "expr": "error_rate[5s] > 20%", "by": ["domain"], "for": "1s"}, {"alert": "Busy", "expr": "count[1s] > 5"}]}]}


def sample_log(directory):
    """A log of some episodes of two instances and of a rule over all."""
    path = directory / "rules.yaml"
    path.write_text(json.dumps(SAMPLE_RULES))
    time = rules.Time(resolution=1000)
    within, _ = rules.load(path, time)
    lines = [json.dumps({"timestamp_ms": 1_000_000 + i * 200, "domain": "ab"[i % 2], "success": i // 60 % 2 == 0}).encode()
             for i in range(600) for _ in range(2 if i // 40 % 2 else 1)]
    return reference.expected_log(within, time, [telemetry.read_partition(lines, 500, 3_600_000)])


def places_of(log, fingerprint):
    return [i for i, alert in enumerate(log) if alert["fingerprint"] == fingerprint]


def check_damages(directory):
    expected = sample_log(directory)
    most = max(comparing.by_fingerprint(expected).values(), key=len)[0]["fingerprint"]
    at = places_of(expected, most)
    first, second, last = at[0], at[1], at[-1]
    resolved = next(i for i in at if expected[i]["state"] == "resolved")

    def damaged(change):
        log = copy.deepcopy(expected)
        change(log)
        return comparing.compare(expected, log)

    def swap(log):
        log[first], log[second] = log[second], log[first]

    def renumber(log):
        for i in at[1:]:
            log[i]["sequence"] += 1

    cases = {
        "an untouched log": (lambda log: None, set()),
        "one in the middle dropped": (lambda log: log.pop(second), {"lost", "gaps"}),
        "the last one dropped": (lambda log: log.pop(last), {"lost"}),
        "one doubled": (lambda log: log.append(dict(log[first])), {"duplicate"}),
        "one invented at the end": (lambda log: log.append(log[last] | {"sequence": len(at) + 1}), {"unexpected", "wrong"}),
        "two swapped": (swap, {"reordered"}),
        "a value changed": (lambda log: log[second].update(value=(log[second]["value"] or 0) + 0.001), {"wrong"}),
        "a count changed": (lambda log: log[second].update(count=log[second]["count"] + 1), {"wrong"}),
        "a time changed": (lambda log: log[first].update(startsAt=telemetry.from_ms(1)), {"wrong"}),
        "an end left out": (lambda log: log[resolved].update(endsAt=None), {"wrong"}),
        "a gap in the sequence": (renumber, {"gaps", "lost", "wrong", "unexpected"}),
    }
    good = len(at) >= 4
    for name, (change, kinds) in cases.items():
        found = {kind for kind, count in damaged(change).counts.items() if count}
        print(f"{name}: {', '.join(sorted(found)) or 'nothing found'}" + ("" if found == kinds else f"; should be {sorted(kinds)}"))
        good = good and found == kinds
    return good


def check_fingerprints():
    """The two examples of SPEC 5."""
    good = True
    for rule, labels, wanted in (("A", {}, "af63fc4c860222ec"),
                                 ("ChatErrorRateHigh", {"domain": "chat", "region": "eu"}, "410367ec194379e1")):
        found = reference.fingerprint(rule, labels)
        if found != wanted:
            print(f"the fingerprint of {rule} with {labels} is {found}; should be {wanted}")
            good = False
    return good


# Members beside a time and a domain, and what becomes of the event: its weight, or None for a dead letter.
SAMPLE_MEMBERS = (
    ({"weight": 3}, 3), ({"weight": "1e3"}, 1000), ({"weight": "4/2"}, None), ({"weight": "1_0"}, None), ({"weight": " 5"}, None),
    ({"latency_ms": -1}, None), ({"latency_ms": "1_0"}, None), ({"level": True}, None), ({"level": 3}, 1),
    ({"metric": "m", "value": 1, "latency_ms": -1}, 1), ({"metric": "m", "value": 1, "latency_ms": "x"}, None),
    ({"metric": ""}, 1), ({"metric": "", "value": 1}, None), ({"metric": "m"}, None),
    ({"timestamp_ms": None, "ts": "2026-01-01t00:00:00z"}, 1), ({"timestamp_ms": None, "ts": "2026-01-01T00:00:60Z"}, None),
    ({"timestamp_ms": None, "ts": "2026-02-30T00:00:00Z"}, None))


def check_events():
    good = True
    for members, weight in SAMPLE_MEMBERS:
        events, dead_letters = telemetry.events_of(json.dumps({"timestamp_ms": 1, "domain": "d"} | members).encode())
        found = events[0].weight if events else None
        if found != weight or dead_letters != (weight is None):
            print(f"{members}: {found}; should be {weight}")
            good = False
    return good


def main(arguments):
    with tempfile.TemporaryDirectory(prefix="tocsin-checker-") as directory:
        good = all([check_fingerprints(), check_events(), check_damages(Path(directory))])
    if shared() is None:
        print("SKIPPED: conformance scenarios (no shared folder; set TOCSIN_SHARED)")
        return 0 if good else 1
    names = arguments or [f"{kind}/{number}" for kind in ("first", "core")
                          for number in sorted((p.name for p in (shared() / kind).iterdir()), key=int)]
    outcomes = [check_scenario(shared() / name) for name in names]
    failed = [name for name, (passed, _) in zip(names, outcomes) if not passed]
    print(f"{len(names) - len(failed)} of {len(names)} scenarios agree, {sum(count for _, count in outcomes)} alert events"
          + (f"; not: {' '.join(failed)}" if failed else ""))
    return 0 if good and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
