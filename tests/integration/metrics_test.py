#!/usr/bin/env python3
"""/metrics, /healthz and /readyz of the `tocsin` binary: without brokers, at work on a real one, with labels that overflow, after the broker
has died, and with the port in use."""

import http.client
import json
import re
import socket
import subprocess
import sys
import time

from exposition import parse, value
from harness import BIN, ROOT, Broker, Failure, Service, exit_code_of, wait_until

RULES = """groups:
  - name: metrics
    interval: 250ms
    rules:
      - alert: Errors
        expr: errors[5m] >= 3
        by: [domain]
"""
TWO_GROUPS = """groups:
  - name: pods
    rules:
      - alert: Pods
        expr: count{pod=~"p.+"}[10s] > 1000000
        by: [pod]
      - alert: PodErrors
        expr: errors{pod=~"p.+"}[10s] > 1000000
        by: [pod]
  - name: chat
    rules:
      - alert: Chat
        expr: count{domain="chat"}[10s] > 1000000
"""
LISTEN = 'http: {listen: "127.0.0.1:0"}'


def expect(what, actual, wanted):
    if actual != wanted:
        raise Failure(f"{what}: {actual!r}, not {wanted!r}")


class Pages:
    """The HTTP side of one process, found by the line in its log."""

    def __init__(self, process):
        found = wait_until("the log says where HTTP listens",
                           lambda: re.findall(r"http: listening on http://127\.0\.0\.1:(\d+)", process.log()), 20)
        self.port = int(found[-1])

    def ask(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def ready(self):
        status, _, text = self.ask("/readyz")
        return status == 200, text

    def metrics(self):
        status, headers, text = self.ask("/metrics")
        expect("/metrics", (status, headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
        return parse(text)


class Nowhere:
    """Stands for a broker that is not there: a port on which nobody listens."""

    def __init__(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.bootstrap = f"127.0.0.1:{taken.getsockname()[1]}"


def documented():
    """name -> (type, labels) of the table in docs/metrics.md."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*)\|", (ROOT / "docs/metrics.md").read_text(), re.M)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def check_table(pages):
    """Some series begin only with their partition's first tick, so the page is asked until it is complete."""
    wanted = documented()
    deadline = time.monotonic() + 30
    while (exported := {f.name: (f.type, f.labels()) for f in pages.metrics().values()}) != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    if exported != wanted:
        differing = sorted(n for n in exported.keys() | wanted.keys() if exported.get(n) != wanted.get(n))
        lines = [f"{n}: {exported.get(n)}, docs {wanted.get(n)}" for n in differing]
        raise Failure("docs/metrics.md and /metrics differ:\n" + "\n".join(lines))


def port_in_use(work, rules):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        service = Service(Nowhere(), work / "taken", "taken", rules, extra=f'http: {{listen: "{address}"}}')
        done = subprocess.run([str(BIN / "tocsin"), "run", "--config", str(service.config)], capture_output=True, text=True, timeout=30)
    expect("exit code with the port in use", done.returncode, 2)
    if f"cannot listen on {address}: the port is in use" not in done.stderr or "choose another port" not in done.stderr:
        raise Failure(f"the port is in use, but tocsin says: {done.stderr}")


def without_brokers(work, rules):
    service = Service(Nowhere(), work / "nowhere", "nowhere", rules, extra=LISTEN)
    service.start()
    pages = Pages(service.processes[0])
    expect("/healthz without brokers", pages.ask("/healthz")[::2], (200, "ok\n"))
    expect("/readyz without brokers", pages.ready(), (False, "starts: waits for the brokers, to check the topics\n"))
    expect("tocsin_ready without brokers", value(pages.metrics(), "tocsin_ready"), 0)
    service.stop()


def other_pages(pages):
    status, _, front = pages.ask("/")
    expect("/", (status, set(re.findall(r"^/\S+", front, re.M))), (200, {"/metrics", "/healthz", "/readyz"}))
    expect("a path that is not there", pages.ask("/metric")[0], 404)
    status, headers, _ = pages.ask("/metrics", "POST")
    expect("POST /metrics", (status, headers.get("Allow")), (405, "GET, HEAD"))
    status, headers, body = pages.ask("/metrics", "HEAD")
    expect("HEAD /metrics", (status, body, int(headers["Content-Length"]) > 1000), (200, "", True))


def feed(broker, work, topic, events):
    path = work / "events.jsonl"
    path.write_text("\n".join(events) + "\n")
    broker.feed(topic, 0, path)


def overflowing(work, broker):
    rules = work / "two-groups.yaml"
    rules.write_text(TWO_GROUPS)
    service = Service(broker, work / "overflow", "overflow", rules, "time: {allowed_lateness: 10s}", partitions=1, extra=LISTEN, workers=1,
                      max_series=100)
    broker.create_topic("overflow-in", 1)
    service.create_topics()
    service.start()
    pages = Pages(service.processes[0])
    wait_until("ready", lambda: pages.ready()[0], 60)
    before = pages.metrics()
    for name, labels in (("tocsin_overflowing_workers", {"label": "pod"}), ("tocsin_dropped_late_events_total", {"rule_group": "chat"})):
        expect(f"{name} before there are any events", value(before, name, **labels), 0)
    now = int(time.time() * 1000)
    pods = [{"ts": now + n, "domain": "shop", "pod": f"p{n}"} for n in range(250)]
    late = [{"domain": "chat", "pod": "p1"}, {"domain": "chat"}, {"domain": "shop"}]  # of two rule groups, of one, of none
    feed(broker, work, "overflow-in", [json.dumps(e) for e in pods + [{"ts": now - 60_000} | e for e in late]])
    after = wait_until("everything is counted", lambda: overflowed(pages), 30)
    counted = [("tocsin_events_total", {}, 253), ("tocsin_too_late_events_total", {}, 3),
               ("tocsin_dropped_late_events_total", {"rule_group": "pods"}, 1),
               ("tocsin_dropped_late_events_total", {"rule_group": "chat"}, 2), ("tocsin_overflowed_events_total", {}, 150),
               ("tocsin_overflowing_workers", {"label": "pod"}, 1), ("tocsin_input_pauses_total", {"role": "aggregate"}, 0),
               ("tocsin_input_pauses_total", {"role": "evaluate"}, 0)]
    for name, labels, wanted in counted:
        expect(f"{name} {labels}", value(after, name, **labels), wanted)
    if not 1 <= value(after, "tocsin_overflowed_series") < value(after, "tocsin_series"):
        raise Failure(f"{value(after, 'tocsin_overflowed_series')} of {value(after, 'tocsin_series')} series overflowed")
    for role in ("aggregate", "evaluate"):
        held, budget = (value(after, f"tocsin_worker_memory_{what}", role=role) for what in ("bytes", "budget_bytes"))
        if not 0 < held < budget or not 1e7 < budget < 2**31:
            raise Failure(f"{role}: {held} bytes of {budget} are not to be believed")
    check_table(pages)
    signals_say_so(broker, service)
    service.stop()


def overflowed(pages):
    families = pages.metrics()
    done = value(families, "tocsin_overflowed_events_total") and value(families, "tocsin_events_total") == 253
    return families if done and value(families, "tocsin_worker_memory_bytes", role="evaluate") else None


def signals_say_so(broker, service):
    """The statuses: the first is from before the workers were at work, the last from when they had counted."""
    last = wait_until("a status with the overflow", lambda: [s for s in service.last_statuses() if "overflow" in s], 20)[0]
    expect("labels in the status", last["overflow"]["labels"], ["pod"])
    expect("dropped late in the status", last["droppedLateByRuleGroup"], {"pods": 1, "chat": 2})
    expect("notReady when ready", last.get("notReady"), None)
    first = broker.dump("overflow.signals")[0]
    if not any(reason.startswith("worker one-") for reason in first.get("notReady", [])):
        raise Failure(f"the first status does not say why the process is not ready: {first}")


def check_counts(families, expected):
    for name, wanted in expected.items():
        expect(name, value(families, name), wanted)


def check_delays(after, evidence):
    delay = value(after, "tocsin_alert_commit_delay_seconds_sum")
    print(f"the alert was committed {delay} s after its tick", flush=True)
    detection = value(after, "tocsin_alert_detection_seconds_sum")
    print(f"and {detection} s after its event; it says {evidence}", flush=True)
    if not 0 < int(evidence["detectionMs"]) / 1000 <= detection < 15:
        raise Failure(f"a detection time of {detection} s is not to be believed")
    if not 0 < delay < 10:
        raise Failure(f"an alert's delay of {delay} s is not to be believed")
    for topic, partitions in (("metrics-in", 2), ("metrics.partials", 4)):
        for p in range(partitions):
            expect(f"lag of {topic}-{p}", value(after, "tocsin_partition_lag_messages", topic=topic, partition=p), 0)
            wait = value(after, "tocsin_watermark_delay_seconds", topic=topic, partition=p)
            if wait is None or not 0 < wait < 10:
                raise Failure(f"the watermark of {topic}-{p} is {wait} s behind")


def without_the_broker(broker, service, pages):
    broker.kill()
    silent = "has heard nothing from the brokers for"
    text = wait_until(f"/readyz without the broker: {silent}", lambda: not_ready(pages, silent), 40)
    print(f"without the broker: {text.splitlines()[0]}", flush=True)
    expect("/healthz while the broker is away", pages.ask("/healthz")[0], 200)
    broker.start()
    try:
        wait_until("ready again", lambda: pages.ready()[0], 120)
    except Failure as failure:
        raise Failure(f"{failure}; /readyz says: {pages.ready()[1]}\n{service.log()[-3000:]}") from None


def at_work(work, rules):
    with Broker() as broker:
        overflowing(work, broker)
        service = Service(broker, work / "service", "metrics", rules, extra=LISTEN)
        broker.create_topic("metrics-in", 2)
        service.create_topics()
        service.start()
        pages = Pages(service.processes[0])
        wait_until("ready", lambda: pages.ready()[0], 60)
        before = pages.metrics()
        expect("events before there are any", value(before, "tocsin_events_total"), 0)
        expect("alert events before there are any", value(before, "tocsin_alert_events_total", rule="Errors", state="firing"), 0)
        now = int(time.time() * 1000)
        events = [json.dumps({"ts": now + n, "domain": "chat", "error_code": "503"}) for n in range(5)]
        feed(broker, work, "metrics-in", events + ['{"domain": "chat"}'])
        after = wait_until("an alert is counted", lambda: fired(pages), 30)
        check_counts(after, {"tocsin_input_messages_total": 6, "tocsin_input_bytes_total": sum(map(len, events)) + 18,
                             "tocsin_events_total": 5, "tocsin_dead_letters_total": 1, "tocsin_series": 1, "tocsin_groups": 1,
                             "tocsin_ready": 1, "tocsin_alert_commit_delay_seconds_count": 1})
        expect("instances that fire", value(after, "tocsin_alerts", rule="Errors", state="firing"), 1)
        expect("dead letters in the topic", len(broker.dump("metrics.dead-letters")), 1)
        check_delays(after, broker.dump("metrics.alerts")[0]["evidence"])
        if value(after, "tocsin_rocksdb_memtable_bytes") <= 0 or value(after, "process_resident_memory_bytes") < 10e6:
            raise Failure("memory is not to be believed")
        check_table(pages)
        other_pages(pages)
        without_the_broker(broker, service, pages)
        service.check_alive()
        service.stop()


def not_ready(pages, reason):
    ready, text = pages.ready()
    return text if not ready and reason in text else None


def fired(pages):
    families = pages.metrics()
    lags = [v for v in families["tocsin_partition_lag_messages"].samples.values()]
    evaluated = families["tocsin_evaluation_delay_seconds"].samples
    done = value(families, "tocsin_alert_events_total", rule="Errors", state="firing") == 1 and value(families, "tocsin_dead_letters_total")
    return families if done and len(lags) == 6 and not any(lags) and len(evaluated) == 4 else None


def run(work):
    rules = work / "rules.yaml"
    rules.write_text(RULES)
    port_in_use(work, rules)
    without_brokers(work, rules)
    at_work(work, rules)


if __name__ == "__main__":
    sys.exit(exit_code_of("metrics", run))
