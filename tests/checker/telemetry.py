"""Messages as they were fed (JSON) to events: SPEC 1, and which of them are late: SPEC 2."""

import json
import math
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from fractions import Fraction

FIELDS = ("domain", "operation", "error_code", "level", "actor_type", "actor_id", "session_id", "request_id", "trace_id", "span_id",
          "event_id")
LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "CRITICAL")
OTHERS = ("timestamp_ms", "success", "latency_ms", "labels", "weight", "metric", "value")
CAMEL = {re.sub("_(.)", lambda m: m[1].upper(), name): name for name in FIELDS + OTHERS}
NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)  # of JSON, also where it stands in a string
NEVER = -(1 << 62)


@dataclass
class Event:
    time: int            # ms
    texts: dict          # fields and labels by name; a field wins over a label of its name
    failed: bool
    weight: int
    latency_us: int | None
    measurement: bool
    watermark: int = NEVER  # of its partition just before its message

    def text(self, name):
        return self.texts.get(name, "")


class Bad(Exception):
    """The event goes to the dead letters."""


class Written(str):
    """A number as it was written."""


def to_ms(text):
    """RFC 3339; digits beyond milliseconds are cut off."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", text)
    if not match:
        raise Bad(f"not a time: {text!r}")
    zone = "+00:00" if match[4] in "Zz" else match[4]
    try:
        seconds = int(datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}").timestamp())
    except ValueError as why:
        raise Bad(f"not a time: {text!r}: {why}") from None
    return seconds * 1000 + int(((match[3] or "") + "000")[:3])


def from_ms(ms):
    return datetime.fromtimestamp(ms // 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03}Z"


def _integer(value, name):
    if isinstance(value, str) and NUMBER.fullmatch(value) and (exact := Fraction(value)).denominator == 1:
        return int(exact)
    raise Bad(f"{name} is not an integer")


def _double(value, name):
    if isinstance(value, str) and (NUMBER.fullmatch(value) or value in ("NaN", "Infinity", "-Infinity")):
        return float(value)
    raise Bad(f"{name} is not a number")


def _text(value, name):
    if not isinstance(value, str) or isinstance(value, Written):
        raise Bad(f"{name} is not a string")
    return value


def _label(value):
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _labels(members):
    """`labels` wins over `metadata`, and that over members of other names."""
    labels = {name: _label(value) for name, value in members.items()
              if name not in FIELDS + OTHERS + ("metadata", "ts") and not isinstance(value, (dict, list))}
    for source in ("metadata", "labels"):
        given = members.get(source, {})
        if not isinstance(given, dict) or any(isinstance(v, (dict, list)) for v in given.values()):
            raise Bad(f"{source} is not an object of texts")
        labels.update((name, _label(value)) for name, value in given.items() if value is not None)
    return labels


def _time_of(members):
    if "timestamp_ms" in members:
        return _integer(members["timestamp_ms"], "timestamp_ms")
    stamp = members.get("ts")
    if isinstance(stamp, str) and not isinstance(stamp, Written) and not re.fullmatch(r"-?\d+", stamp):
        return to_ms(stamp)
    return _integer(stamp, "ts")


def _level(value):
    """Its name, or (an enum of proto3 JSON) its number."""
    if isinstance(value, Written):
        number = _integer(value, "level")
        return LEVELS[number - 1] if 1 <= number <= len(LEVELS) else ""
    name = _text(value, "level").upper()
    return name if name in LEVELS else ""


def _latency_of(members, measurement):
    if "latency_ms" not in members:
        return None
    latency = _double(members["latency_ms"], "latency_ms")
    if measurement:
        return None  # ignored, whatever it is
    if not math.isfinite(latency) or latency < 0:
        raise Bad("latency is not finite and >= 0")
    micros = math.floor(latency * 1000 + 0.5)
    if micros > 1 << 53:
        raise Bad("latency is too large")
    return micros


def event_of(raw):
    if not isinstance(raw, dict):
        raise Bad("not an object")
    members = {CAMEL.get(name, name): value for name, value in raw.items() if value is not None}
    time = _time_of(members)
    if time <= 0:
        raise Bad("timestamp_ms must be > 0")
    texts = _labels(members)
    texts.update({name: "" for name in FIELDS})
    texts.update({name: _level(members[name]) if name == "level" else _text(members[name], name) for name in FIELDS if name in members})
    texts["metric"] = _text(members.get("metric", ""), "metric")
    if not 1 <= len(texts["domain"].encode()) <= 256:
        raise Bad("domain must have 1 to 256 bytes")
    if bool(texts["metric"]) != ("value" in members):
        raise Bad("metric and value belong together")
    if "value" in members and not abs(_double(members["value"], "value")) <= 1e18:
        raise Bad("value is out of range")
    success = members.get("success")
    if success is not None and not isinstance(success, bool):
        raise Bad("success is not a boolean")
    weight = _integer(members["weight"], "weight") if "weight" in members else 0
    if not 0 <= weight < 1 << 32:
        raise Bad("weight is out of range")
    failed = bool(texts["error_code"]) if success is None else not success
    measurement = "value" in members
    return Event(time, texts, failed, weight or 1, _latency_of(members, measurement), measurement)


def events_of(message):
    """(events, number of dead letters) of one message."""
    try:
        parsed = json.loads(message, parse_int=Written, parse_float=Written, parse_constant=Written)
    except (ValueError, UnicodeDecodeError):
        return [], 1
    events, bad = [], 0
    for raw in parsed if isinstance(parsed, list) else [parsed]:
        try:
            events.append(event_of(raw))
        except Bad:
            bad += 1
    return events, bad


@dataclass
class Partition:
    events: list           # without those dropped as too late
    first: int | None      # time of the first event
    largest: int | None
    dead: list             # messages with dead letters
    dropped_late: int


def read_partition(messages, max_out_of_orderness, allowed_lateness):
    """One input partition: its messages in the order of their offsets."""
    partition = Partition([], None, None, [], 0)
    for message in messages:
        if not message.strip():
            continue
        events, bad = events_of(message)
        if bad:
            partition.dead.append(message)
        watermark = NEVER if partition.largest is None else partition.largest - max_out_of_orderness
        for event in events:
            event.watermark = watermark
            if partition.first is None:
                partition.first = event.time
            if event.time < watermark - allowed_lateness:
                partition.dropped_late += 1
            else:
                partition.events.append(event)
            partition.largest = event.time if partition.largest is None else max(partition.largest, event.time)
    return partition
