"""Rule files of SPEC 3, and the part of a configuration that alerts depend on (`time`)."""

from dataclasses import dataclass, field
from pathlib import Path

import yaml

from . import expression
from .expression import Unsupported, duration_ms

KNOWN = {"alert", "expr", "by", "for", "keep_firing_for", "resolve", "cooldown", "min_events", "no_data", "severity", "enabled", "labels",
         "annotations", "interval", "group_retention"}


@dataclass
class Time:
    resolution: int = 250
    max_out_of_orderness: int = 500
    allowed_lateness: int = 3_600_000
    group_retention: int = 86_400_000

    @staticmethod
    def of(config_path):
        given = (yaml.safe_load(Path(config_path).read_text()) or {}).get("time") or {} if config_path else {}
        return Time(**{name: duration_ms(value) for name, value in given.items() if name in Time.__dataclass_fields__})


@dataclass
class Rule:
    name: str
    group: str
    text: str
    expr: object
    resolve: object
    by: list
    interval: int
    for_ms: int
    keep_firing_for: int
    cooldown: int
    min_events: int
    no_data: str
    severity: str
    labels: dict
    retention: int
    aggregates: list = field(default_factory=list)  # of expr, then of resolve; each once

    def estimated(self):
        """Its values may be estimates: then only its verdicts can be held against something."""
        return any(a.name == "quantile" for a in self.aggregates)


def tail_step(window, resolution):
    return max(s for s in (resolution, 1000, 5000, 60_000, 300_000, 3_600_000, 21_600_000) if s <= max(resolution, window // 300))


def _tree(text):
    tree = expression.parse(str(text))
    for node in expression.walk(tree):
        if isinstance(node, (expression.Binary, expression.Unary)) and node.operator not in ("and", "or", "not"):
            sides = [getattr(node, name) for name in ("left", "right", "operand") if hasattr(node, name)]
            constant = any(isinstance(side, expression.Constant) for side in sides)
            plain = all(isinstance(side, (expression.Constant, expression.Aggregate)) for side in sides)
            shows_quantile = any(a.name == "quantile" for side in sides for a in expression.aggregates(side))
            if shows_quantile and not (node.operator in expression.COMPARISONS and constant and plain):
                raise Unsupported("a verdict that hangs on an estimated quantile")
    return tree


def _rule(group, given, time):
    if unknown := set(given) - KNOWN:
        raise Unsupported(", ".join(sorted(unknown)))
    expr = _tree(given["expr"])
    resolve = _tree(given["resolve"]) if "resolve" in given else None
    own = expression.aggregates(expr)
    if not own:
        raise Unsupported("an expression without an aggregate")
    retention = duration_ms(given["group_retention"]) if "group_retention" in given else time.group_retention
    retention = max([retention] + [a.window + tail_step(a.window, time.resolution) for a in own])
    every = list(dict.fromkeys(own + (expression.aggregates(resolve) if resolve else [])))
    return Rule(given["alert"], group["name"], str(given["expr"]), expr, resolve, list(given.get("by") or []),
                duration_ms(given.get("interval", group.get("interval", time.resolution))), duration_ms(given.get("for", 0)),
                duration_ms(given.get("keep_firing_for", 0)), duration_ms(given.get("cooldown", 0)), int(given.get("min_events", 0)),
                given.get("no_data", "ok"), given.get("severity", "WARN"), dict(given.get("labels") or {}), retention, every)


def load(path, time):
    """(rules, {name: why it is beyond this checker})."""
    rules, skipped = [], {}
    document = yaml.safe_load(Path(path).read_text())
    for slo in document.get("slos") or []:
        skipped[slo["name"]] = "an SLO"
    for group in document.get("groups") or []:
        for given in group.get("rules") or []:
            if given.get("enabled") is False:
                continue
            try:
                rules.append(_rule(group, given, time))
            except Unsupported as why:
                skipped[given["alert"]] = str(why)
    return rules, skipped
