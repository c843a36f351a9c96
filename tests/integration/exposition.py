"""A strict reader of Prometheus' text format (0.0.4): what a scraper might forgive is a failure here. Standard library only."""

import re

from harness import Failure

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)\Z")
TYPES = {"counter", "gauge", "histogram"}


class Family:
    def __init__(self, name):
        self.name, self.help, self.type, self.samples = name, None, None, {}

    def labels(self):
        return {name for _, pairs in self.samples for name, _ in pairs} - {"le"}


def parse(text):
    """Families by name. Each has HELP, then TYPE, then its samples, all in one place, none twice."""
    if not text.endswith("\n"):
        raise Failure("the page does not end with a line feed")
    families, current = {}, None
    for number, line in enumerate(text[:-1].split("\n"), 1):
        try:
            current = parse_line(line, families, current)
        except (ValueError, AssertionError) as error:
            raise Failure(f"line {number}: {line!r}: {error}") from None
    for family in families.values():
        check(family)
    return families


def parse_line(line, families, current):
    if line.startswith("# HELP "):
        name, text = line[7:].split(" ", 1)
        assert re.fullmatch(NAME, name) and text.strip(), "a name and a text are wanted"
        assert name not in families, "declared twice"
        families[name] = Family(name)
        families[name].help = text
        return families[name]
    if line.startswith("# TYPE "):
        name, kind = line[7:].split(" ")
        assert current is not None and current.name == name and current.type is None, "must follow the HELP of its family, once"
        assert kind in TYPES, "no such type"
        current.type = kind
        return current
    found = SAMPLE.match(line)
    assert found, "neither HELP, TYPE nor a sample"
    name, labels, value = found.group(1), found.group(2) or "", float(found.group(3))
    assert current is not None and current.type is not None, "a sample before HELP and TYPE"
    allowed = {current.name + s for s in ("_bucket", "_sum", "_count")} if current.type == "histogram" else {current.name}
    assert name in allowed, f"not of the family {current.name}"
    pairs = tuple(sorted(tuple(p.split("=", 1)) for p in re.findall(LABEL, labels)))
    assert len({p[0] for p in pairs}) == len(pairs), "a label twice"
    assert (name, pairs) not in current.samples, "a sample twice"
    assert current.type == "gauge" or value >= 0, "below 0"
    current.samples[(name, pairs)] = value
    return current


def check(family):
    if family.type is None:
        raise Failure(f"{family.name} has no TYPE")
    if (family.type == "counter") != family.name.endswith("_total"):
        raise Failure(f"{family.name} is a {family.type}")
    if family.type != "histogram":
        return
    series = {}
    for (name, pairs), value in family.samples.items():
        own = tuple(p for p in pairs if p[0] != "le")
        if name.endswith("_bucket"):
            series.setdefault(own, []).append((float(dict(pairs)["le"].strip('"').replace("+Inf", "inf")), value))
    for own, buckets in series.items():
        bounds, counts = [b for b, _ in buckets], [c for _, c in buckets]
        total = family.samples.get((family.name + "_count", own))
        if bounds != sorted(bounds) or counts != sorted(counts) or bounds[-1] != float("inf") or counts[-1] != total:
            raise Failure(f"{family.name}{own}: the buckets do not add up: {buckets}, count {total}")
        if (family.name + "_sum", own) not in family.samples:
            raise Failure(f"{family.name}{own} has no sum")


def value(families, name, **labels):
    """Of one sample; None if it is not there."""
    wanted = tuple(sorted((k, f'"{v}"') for k, v in labels.items()))
    family = families.get(re.sub(r"_(bucket|sum|count)\Z", "", name)) if name not in families else families[name]
    return None if family is None else family.samples.get((name, wanted))
