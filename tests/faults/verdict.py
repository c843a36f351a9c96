"""The end of each run: everything that was published held against what should have been."""

import collections
import json
from dataclasses import dataclass, field

from checker import compare as comparing
from checker import reference, rules, telemetry
from cluster import nodes_of, offsets_by_outcome, open_transactions, records_of
from harness import Failure, backtest, compare_logs, quantile_rules, up_to, wait_until
from load import check_input

VIOLATIONS = ("lost", "duplicate", "unexpected", "reordered", "wrong", "gaps", "other than backtest", "dead letters", "alert states",
              "aborted visible", "committed invisible", "open transactions")


@dataclass
class Verdict:
    alerts: int = 0
    rolled_back: int = 0  # alert records that the brokers hold and no read_committed reader sees
    counts: collections.Counter = field(default_factory=collections.Counter)
    examples: list = field(default_factory=list)

    def add(self, kind, examples):
        self.counts[kind] += len(examples)
        self.examples += [f"{kind}: {example}" for example in examples]

    def violations(self):
        return sum(self.counts.values())


def judge(run, tick):
    """`tick`: the last one evaluated. With run.scenario.exact the whole log is compared up to it; else what holds of every log."""
    verdict = Verdict()
    broker, app = run.broker, run.service.app
    check_input(broker, f"{app}-in", run.files)
    records = records_of(broker, f"{app}.alerts")
    published = [json.loads(value) for _, _, _, value in records]
    time = rules.Time.of(run.service.config)
    partitions = [telemetry.read_partition(path.read_bytes().splitlines(), time.max_out_of_orderness, time.allowed_lateness)
                  for path in run.files]
    check_alerts(verdict, run, time, partitions, published, tick)
    check_keys(verdict, records, published)
    check_states(verdict, broker, app, published)
    check_dead_letters(verdict, broker, app, partitions)
    check_transactions(verdict, broker, app, records)
    return verdict


def check_alerts(verdict, run, time, partitions, published, tick):
    within, _ = rules.load(run.service.directory / "rules.yaml", time)
    log = [comparing.facts(alert) for alert in published]
    if run.scenario.exact:
        log = up_to(log, tick)
        expected = reference.expected_log(within, time, partitions, telemetry.to_ms(tick))
        expected = up_to(expected, tick)
        damage = comparing.compare(expected, log, {rule.name for rule in within if rule.estimated()})
        engine = up_to(backtest(run.rules, run.files, run.work / "expected.jsonl", run.service.config), tick)
        verdict.add("other than backtest", compare_logs(engine, up_to(published, tick), quantile_rules(run.rules)))
    else:
        damage = comparing.intrinsic(log)
    verdict.alerts = len(log)
    verdict.counts.update(damage.counts)
    verdict.examples += damage.examples
    if not log:
        verdict.add("lost", ["the load raised no alerts: nothing was shown"])


def check_keys(verdict, records, published):
    homes = collections.defaultdict(set)
    for (partition, offset, key, _), alert in zip(records, published):
        homes[alert["fingerprint"]].add(partition)
        if key != alert["fingerprint"]:
            verdict.add("wrong", [f"the key of {partition}:{offset} is {key}, its fingerprint {alert['fingerprint']}"])
    verdict.add("reordered", [f"{name} is in partitions {sorted(where)}" for name, where in homes.items() if len(where) > 1])


def check_states(verdict, broker, app, published):
    """<app>.alert-states: of each instance its last alert event, or nothing once it is resolved."""
    last = {key: None if value == b"null" else json.loads(value) for _, _, key, value in records_of(broker, f"{app}.alert-states")}
    last = {key: value for key, value in last.items() if value is not None}
    wanted = {}
    for alert in sorted(published, key=lambda a: int(a["sequence"])):
        wanted[alert["fingerprint"]] = alert
    is_place = {key: (alert["id"], alert["sequence"]) for key, alert in last.items()}
    be_place = {key: (alert["id"], alert["sequence"]) for key, alert in wanted.items() if alert["state"] != "resolved"}
    verdict.add("alert states", [f"{key}: {is_place.get(key)}, not {be_place.get(key)}" for key in sorted(is_place.keys() | be_place.keys())
                                 if is_place.get(key) != be_place.get(key)])


def check_dead_letters(verdict, broker, app, partitions):
    wanted = collections.Counter(message for partition in partitions for message in partition.dead)
    found = collections.Counter(broker.dump_values(f"{app}.dead-letters"))
    verdict.add("dead letters", [f"{message[:60]!r}: {found[message]}, not {wanted[message]}" for message in wanted.keys() | found.keys()
                                 if wanted[message] != found[message]])


def check_transactions(verdict, broker, app, records):
    """What a read_committed reader sees are the records of committed transactions by the broker's own files: no more, no less."""
    left = []

    def none_open():
        left[:] = open_transactions(broker)
        return not left

    try:
        wait_until("transactions ended", none_open, 30, 1)
    except Failure:
        verdict.add("open transactions", left)
    seen = {(partition, offset) for partition, offset, _, _ in records}
    for node in nodes_of(broker):  # each has all of it: topics have as many replicas as there are brokers
        outcomes = offsets_by_outcome(node.directory, f"{app}.alerts")
        verdict.add("aborted visible", [f"{where[0]}:{where[1]}" for where in sorted(seen - outcomes["COMMIT"])])
        verdict.add("committed invisible", [f"{where[0]}:{where[1]}" for where in sorted(outcomes["COMMIT"] - seen)])
        verdict.rolled_back = len(outcomes["ABORT"])
