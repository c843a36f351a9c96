"""The alert log that SPEC demands: every rule at every tick, each window summed anew from its events."""

import bisect
from dataclasses import dataclass, field
from fractions import Fraction

from . import expression
from .expression import Aggregate
from .rules import tail_step
from .telemetry import from_ms


def fingerprint(rule, labels):
    data = rule.encode()
    for name in sorted(labels, key=str.encode):
        if labels[name]:
            data += b"\xff" + name.encode() + b"\xff" + labels[name].encode()
    hashed = 0xCBF29CE484222325
    for byte in data:
        hashed = (hashed ^ byte) * 0x100000001B3 % (1 << 64)
    return f"{hashed:016x}"


@dataclass
class Seen:
    """Events of one group that one aggregate selects, in the order of their times."""
    times: list = field(default_factory=list)
    events: list = field(default_factory=list)

    def window(self, begin, end, tick):
        """Those in [begin, end) that take part in `tick`: their partition's watermark just before them was before it."""
        return [e for e in self.events[bisect.bisect_left(self.times, begin):bisect.bisect_left(self.times, end)] if e.watermark < tick]


@dataclass
class Instance:
    active_at: int
    starts_at: int | None = None  # None: pending
    ending_since: int | None = None
    frozen: int = 0               # time of ticks without a value under `keep`, since active_at or ending_since


@dataclass
class Group:
    labels: dict
    fingerprint: str
    seen: dict                     # Aggregate -> Seen
    known: bool = False
    last_event: int | None = None
    instance: Instance | None = None
    sequence: int = 0
    last_start: int | None = None


def counts_into(aggregate, event):
    """Whether the event is one of the aggregate's n."""
    if event.measurement or not expression.matches(aggregate.matchers, event):
        return False
    return event.latency_us is not None or aggregate.name not in expression.LATENCIES


def exact_value(aggregate, events):
    """A Fraction, or None: no value."""
    n = sum(e.weight for e in events)
    errors = sum(e.weight for e in events if e.failed)
    name = aggregate.name
    if name == "absent":
        return Fraction(0 if n else 1)
    if name == "errors":
        return Fraction(errors)
    if name == "rate":
        return Fraction(n * 1000, aggregate.window)
    if name in ("count", "share"):
        held = n if aggregate.predicate is None else sum(e.weight for e in events if expression.holds(aggregate.predicate, e))
        return Fraction(held) if name == "count" else Fraction(held, n) if n else None
    if name == "sum":
        return Fraction(sum(e.weight * e.latency_us for e in events), 1000)
    if n == 0:
        return None
    if name in ("error_rate", "success_rate"):
        return Fraction(errors, n) if name == "error_rate" else 1 - Fraction(errors, n)
    if name == "avg":
        return Fraction(sum(e.weight * e.latency_us for e in events), 1000 * n)
    if name in ("min", "max"):
        return Fraction((min if name == "min" else max)(e.latency_us for e in events), 1000)
    wanted = max(1, -(-aggregate.quantile * n // 1))  # nearest rank
    for event in sorted(events, key=lambda e: e.latency_us):
        wanted -= event.weight
        if wanted <= 0:
            return Fraction(event.latency_us, 1000)
    return None


class RuleRun:
    """One rule over all ticks."""

    def __init__(self, rule, time, partitions):
        self.rule, self.time = rule, time
        self.groups, self.alerts = {}, []
        if not rule.by:
            self._group(()).known = True
        for event in sorted((e for p in partitions for e in p.events), key=lambda e: e.time):
            selecting = [a for a in rule.aggregates if counts_into(a, event)]
            plain = [Aggregate("count", a.window, a.matchers) for a in rule.aggregates if not event.measurement
                     and expression.matches(a.matchers, event)]
            for aggregate in dict.fromkeys(selecting + plain):  # `plain`: what evidence counts
                group = self._group(tuple(event.text(name) for name in rule.by))
                seen = group.seen.setdefault(aggregate, Seen())
                seen.times.append(event.time)
                seen.events.append(event)

    def _group(self, values):
        if values not in self.groups:
            labels = dict(zip(self.rule.by, values))
            self.groups[values] = Group(labels, fingerprint(self.rule.name, labels), {})
        return self.groups[values]

    def begin_of(self, aggregate, tick):
        step = tail_step(aggregate.window, self.time.resolution)
        return (tick - aggregate.window) // step * step

    def events(self, group, aggregate, tick):
        seen = group.seen.get(aggregate)
        return seen.window(self.begin_of(aggregate, tick), tick, tick) if seen else []

    def tick(self, tick):
        for group in self.groups.values():
            windows = {a: self.events(group, a, tick) for a in self.rule.aggregates}
            for aggregate in expression.aggregates(self.rule.expr):
                for event in windows[aggregate]:
                    group.known = True
                    group.last_event = event.time if group.last_event is None else max(group.last_event, event.time)
            if not group.known:
                continue
            if self.rule.by and tick - group.last_event >= self.rule.retention:
                group.known, group.last_event = False, None
                if group.instance and group.instance.starts_at is not None:
                    self.publish(group, "resolved", tick, windows, None, "group_expired")
                group.instance = None
                continue
            self.step(group, tick, windows)

    def step(self, group, tick, windows):
        rule, values = self.rule, {a: exact_value(a, events) for a, events in windows.items()}
        value = expression.evaluate(rule.expr, values.get)
        if rule.min_events:
            longest = max(a.window for a in expression.aggregates(rule.expr))
            if min(sum(e.weight for e in windows[a]) for a in expression.aggregates(rule.expr) if a.window == longest) < rule.min_events:
                value = None
        verdict = expression.truth(value)
        instance = group.instance
        if verdict is None and rule.no_data == "keep":
            if instance:
                instance.frozen += rule.interval
            return
        shown = (values, value)
        true = verdict is True or (verdict is None and rule.no_data == "alert")
        if instance is None or instance.starts_at is None:
            self.begin(group, tick, windows, shown, true)
        else:
            self.end(group, tick, windows, shown, true)

    def begin(self, group, tick, windows, shown, true):
        rule = self.rule
        if not true:
            group.instance = None
            return
        instance = group.instance = group.instance or Instance(tick)
        if tick - instance.active_at - instance.frozen < rule.for_ms:
            return
        if group.last_start is not None and tick - group.last_start < rule.cooldown:
            return
        instance.starts_at, instance.frozen, group.last_start = tick, 0, tick
        self.publish(group, "firing", tick, windows, shown)

    def end(self, group, tick, windows, shown, true):
        rule, instance = self.rule, group.instance
        ends = not true
        if ends and rule.resolve is not None:
            resolved = expression.truth(expression.evaluate(rule.resolve, shown[0].get))
            ends = rule.no_data == "ok" if resolved is None else resolved
        if not ends:
            instance.ending_since = None
            return
        if instance.ending_since is None:
            instance.ending_since, instance.frozen = tick, 0
        if tick - instance.ending_since - instance.frozen >= rule.keep_firing_for:
            self.publish(group, "resolved", tick, windows, shown)
            group.instance = None

    def shown_side(self, values):
        """The tree that `value` shows; None: the whole expression."""
        found = expression.comparisons(self.rule.expr)
        if not found:
            return None
        true = [c for c in found if values is not None and expression.evaluate(c, values.get) is True]
        comparison = (true or found)[0]
        return comparison.right if not expression.aggregates(comparison.left) else comparison.left

    def publish(self, group, state, tick, windows, shown, reason=""):
        rule, instance = self.rule, group.instance
        group.sequence += 1
        values, value = shown or (None, None)
        side = self.shown_side(values)
        if side is not None and value is not None:
            value = expression.evaluate(side, values.get)
        first = (expression.aggregates(side) if side is not None else expression.aggregates(rule.expr))[0]
        counted = self.events(group, Aggregate("count", first.window, first.matchers), tick)
        self.alerts.append({
            "id": f"{group.fingerprint}-{instance.starts_at}", "fingerprint": group.fingerprint, "sequence": group.sequence, "state": state,
            "rule": rule.name, "group": rule.group, "severity": rule.severity, "reason": reason, "expr": rule.text,
            "labels": {name: text for name, text in group.labels.items() if text} | rule.labels,
            "value": None if value is None else float(value),
            "activeAt": from_ms(instance.active_at), "startsAt": from_ms(instance.starts_at),
            "endsAt": from_ms(tick) if state == "resolved" else None, "evaluatedAt": from_ms(tick),
            "count": sum(e.weight for e in counted), "errors": sum(e.weight for e in counted if e.failed),
            "windowStart": from_ms(self.begin_of(first, tick)), "windowEnd": from_ms(tick)})


def expected_log(rules, time, partitions, last_tick=None):
    """Alerts of all ticks up to `last_tick`; without it those of files that end: up to the first tick after the largest time of all."""
    alerts = []
    firsts = [p.first for p in partitions if p.first is not None]
    largest = max((p.largest for p in partitions if p.largest is not None), default=0)
    for rule in rules if firsts else []:
        run = RuleRun(rule, time, partitions)
        first = min(firsts) // rule.interval * rule.interval + rule.interval
        last = max(largest // rule.interval * rule.interval + rule.interval, (last_tick or 0) // rule.interval * rule.interval)
        if last_tick is not None and last_tick < largest:
            last = last_tick
        for tick in range(first, last + 1, rule.interval):
            run.tick(tick)
        alerts += run.alerts
    return sorted(alerts, key=lambda a: (a["evaluatedAt"], a["fingerprint"], a["sequence"]))
