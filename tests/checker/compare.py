"""The log that was published held against the one that was expected, and against what must hold of any log."""

import collections
from dataclasses import dataclass, field

FACTS = ("id", "state", "rule", "group", "severity", "reason", "expr", "labels", "activeAt", "startsAt", "endsAt", "evaluatedAt",
         "count", "errors", "windowStart", "windowEnd")
KINDS = ("lost", "duplicate", "unexpected", "reordered", "wrong", "gaps")


@dataclass
class Damage:
    counts: collections.Counter = field(default_factory=collections.Counter)
    examples: list = field(default_factory=list)

    def add(self, kind, text, times=1):
        if times:
            self.counts[kind] += times
            self.examples.append(f"{kind}: {text}")

    def total(self):
        return sum(self.counts.values())

    def __str__(self):
        return ", ".join(f"{self.counts[kind]} {kind}" for kind in list(KINDS) + sorted(set(self.counts) - set(KINDS)))


def facts(alert):
    """A published alert in the terms of the reference: proto3 JSON leaves out what is zero, and writes 64-bit integers as strings."""
    evidence = alert.get("evidence") or {}
    return {
        "id": alert.get("id"), "fingerprint": alert.get("fingerprint"), "sequence": int(alert.get("sequence", 0)),
        "state": alert.get("state"), "rule": alert.get("rule"), "group": alert.get("group"),
        "severity": alert.get("severity"), "reason": alert.get("reason", ""), "expr": alert.get("expr"),
        "labels": alert.get("labels") or {}, "value": alert.get("value"), "activeAt": alert.get("activeAt"),
        "startsAt": alert.get("startsAt"), "endsAt": alert.get("endsAt"), "evaluatedAt": alert.get("evaluatedAt"),
        "count": int(evidence.get("count", 0)), "errors": int(evidence.get("errors", 0)), "windowStart": evidence.get("windowStart"),
        "windowEnd": evidence.get("windowEnd")}


def by_fingerprint(alerts):
    groups = {}
    for alert in alerts:
        groups.setdefault(alert["fingerprint"], []).append(alert)
    return groups


def intrinsic(log):
    """What holds of every log, whatever the input: sequences without gap or repetition, in order, and legal transitions.

    `log`: facts, in the order of their partition."""
    damage = Damage()
    for fingerprint, alerts in by_fingerprint(log).items():
        seen, first = set(), []
        for alert in alerts:
            if alert["sequence"] in seen:
                damage.add("duplicate", f"{fingerprint} sequence {alert['sequence']} again")
            else:
                seen.add(alert["sequence"])
                first.append(alert)
        for before, after in zip(first, first[1:]):
            if after["sequence"] < before["sequence"]:
                damage.add("reordered", f"{fingerprint}: sequence {after['sequence']} after {before['sequence']}")
        missing = max(seen) - len(seen)
        damage.add("gaps", f"{fingerprint}: {missing} of the sequences 1 to {max(seen)} are missing", missing)
        if missing == 0:
            _check_transitions(fingerprint, sorted(first, key=lambda a: a["sequence"]), damage)
    return damage


def _check_transitions(fingerprint, alerts, damage):
    firing = None
    for alert in alerts:
        what = f"{fingerprint} sequence {alert['sequence']}, {alert['state']} at {alert['evaluatedAt']}"
        if alert["state"] == "firing":
            if firing is not None or alert["startsAt"] != alert["evaluatedAt"]:
                damage.add("wrong", f"{what}: fires while it fires, or not at its start")
            firing = alert
        elif alert["state"] == "resolved":
            ends_at = alert["endsAt"] or ""  # a damaged log may lack it
            of_it = firing is not None and alert["id"] == firing["id"] and ends_at > (firing["startsAt"] or "")
            if not of_it or ends_at != alert["evaluatedAt"]:
                damage.add("wrong", f"{what}: resolves what does not fire")
            firing = None
        else:
            damage.add("wrong", f"{what}: not a state that these rules can have")


def same_value(a, b):
    return a == b or (a is not None and b is not None and abs(a - b) <= 1e-12 * max(abs(a), abs(b)))


def against_expected(expected, log, estimated=()):
    """Both as facts. An alert event is its fingerprint and sequence. `estimated`: rules whose `value` is not compared."""
    damage = Damage()
    published = {}
    for alert in log:
        published.setdefault((alert["fingerprint"], alert["sequence"]), alert)
    wanted = {(alert["fingerprint"], alert["sequence"]): alert for alert in expected}
    for key, alert in wanted.items():
        if key not in published:
            damage.add("lost", f"{key[0]} sequence {key[1]}: {alert['rule']} {alert['state']} at {alert['evaluatedAt']}")
            continue
        found = published[key]
        different = [name for name in FACTS if alert[name] != found[name]]
        if alert["rule"] not in estimated and not same_value(alert["value"], found["value"]):
            different.append("value")
        if different:
            damage.add("wrong", f"{key[0]} sequence {key[1]}: " + "; ".join(f"{n} {found[n]!r}, not {alert[n]!r}" for n in different))
    for key in published.keys() - wanted.keys():
        found = published[key]
        damage.add("unexpected", f"{key[0]} sequence {key[1]}: {found['rule']} {found['state']} at {found['evaluatedAt']}")
    return damage


def compare(expected, log, estimated=()):
    damage = intrinsic(log)
    compared = against_expected(expected, log, estimated)
    damage.counts.update(compared.counts)
    damage.examples += compared.examples
    return damage
