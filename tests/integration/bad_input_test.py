#!/usr/bin/env python3
"""What a user gets wrong, and what a machine does to him: each case run as he would, with the exit code and the message he sees.

usage: bad_input_test.py [CASE …]     default: all. A case that this machine cannot make is skipped, and says so.
"""

import datetime
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from harness import BIN, ROOT, Broker, Failure, Service, backtest, compare_logs, up_to, wait_until

RULES = """groups:
  - name: g
    interval: 1s
    rules:
      - alert: Failures
        expr: errors[5s] >= 3
        by: [domain]
"""
START_MS = 1_767_225_600_000
CASES = {}
PARTITIONS = 2


class Skipped(Exception):
    pass


def case(function):
    CASES[function.__name__] = function
    return function


class Bench:
    """One broker, and for each case an application of its own with topics, rules and configuration."""

    def __init__(self, broker, work):
        self.broker, self.work = broker, work
        self.rules = work / "rules.yaml"
        self.rules.write_text(RULES)

    def service(self, app, topics=True, directory=None, **options):
        options.setdefault("time_section", "time: {idle_timeout: never, max_future_skew: 3650d}")
        options.setdefault("partitions", PARTITIONS)
        service = Service(self.broker, self.work / (directory or app), app, self.rules, **options)
        if topics:
            self.broker.create_topic(f"{app}-in", PARTITIONS)
            service.create_topics()
        return service

    def events(self, app, begin_s, end_s):
        """Files, one a partition: three failures in every tenth second."""
        files = []
        for partition in range(PARTITIONS):
            path = self.work / f"{app}-{begin_s}-{partition}.jsonl"
            with open(path, "w") as out:
                for second in range(begin_s, end_s):
                    for n in range(4):
                        out.write(json.dumps({"timestamp_ms": START_MS + second * 1000 + n * 100, "domain": f"d{n}{partition}",
                                              "success": second % 10 not in (0, 1, 2)}) + "\n")
            files.append(path)
        return files

    def feed(self, app, files):
        for partition, path in enumerate(files):
            self.broker.feed(f"{app}-in", partition, path)

    def kafka_tool(self, name, *arguments):
        """A tool of the Kafka distribution, as an administrator would use it."""
        script = 'source "$0/java.sh"; kafka_tool "$@"'
        done = subprocess.run(["bash", "-c", script, str(ROOT / "deploy/kafka"), name, "--bootstrap-server", self.broker.bootstrap,
                               *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"{name} {' '.join(arguments)}:\n{done.stdout}{done.stderr}")


def run(service, *options, timeout_s=40, **more):
    """`tocsin run` to its end; (exit code, what it said)."""
    command = [str(BIN / "tocsin"), "run", "--config", str(service.config), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    try:
        said, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        raise Failure(f"still running after {timeout_s} s; it said:\n{said[-3000:]}") from None
    return process.returncode, said


def expect(outcome, code, *texts):
    """The exit code, and that the last message (behind the log) says all of `texts`."""
    actual, said = outcome
    message = "".join(line for line in said.splitlines(keepends=True) if line.startswith("tocsin: "))
    if actual != code or not all(text in message for text in texts):
        raise Failure(f"expected exit code {code} and a message with {texts}; exit code {actual}:\n{said[-3000:]}")
    print(f"    {actual}: {message.strip()}", flush=True)


def edit(path, old, new):
    text = path.read_text()
    if old not in text:
        raise Failure(f"{path} has no {old!r}")
    path.write_text(text.replace(old, new))


def wait_log(service, text, timeout_s=40):
    wait_until(f"'{text}' in the log", lambda: text in service.log() or service.check_alive(), timeout_s)


def time_of(second):
    return datetime.datetime.fromtimestamp(START_MS / 1000 + second, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


def check_alerts(bench, service, files, end_s):
    """Everything is read, of events up to `end_s`, and the alerts are those of a backtest."""
    tick = service.wait_drained(None, timeout_s=60, quiet_s=2, until=time_of(end_s - 5))
    expected = up_to(backtest(bench.rules, files, service.directory / "expected.jsonl", service.config), tick)
    actual = up_to(bench.broker.dump(f"{service.app}.alerts"), tick)
    differences = compare_logs(expected, actual)
    if differences or not expected:
        raise Failure(f"{len(expected)} alert events expected up to {tick}, {len(actual)} there:\n" + "\n".join(differences[:2]))


def joined(*parts):
    """Files of events one behind the other, partition by partition."""
    whole = []
    for files in zip(*parts):
        path = files[0].with_suffix(".whole.jsonl")
        path.write_text("".join(f.read_text() for f in files))
        whole.append(path)
    return whole


def mount_memory(directory, options):
    command = ["mount", "-t", "tmpfs", "-o", options, "tocsin", str(directory)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        raise Skipped("a file system of its own needs root")


# --- configuration and rules ---

@case
def no_configuration_file(bench):
    service = bench.service("noconf", topics=False)
    service.config.unlink()
    expect(run(service), 2, "tocsin.yaml: the file cannot be read: No such file")


@case
def unknown_configuration_key(bench):
    service = bench.service("unknownkey", topics=False, extra="memry: 1GiB\naggregate2: {}")
    expect(run(service), 2, "tocsin.yaml:10:1: unknown key 'memry'; did you mean 'memory'?", "tocsin.yaml:11:1: unknown key 'aggregate2'")


@case
def unknown_kafka_property(bench):
    service = bench.service("unknownprop", topics=False)
    edit(service.config, "kafka: {", "kafka: {sasl.usrname: x, ")
    expect(run(service), 2, "tocsin.yaml:3:9: ", "sasl.usrname")


@case
def broken_rule_file(bench):
    service = bench.service("brokenrule", topics=False)
    edit(service.directory / "rules.yaml", "errors[5s]", "erors[5s]")
    outcome = run(service)
    expect(outcome, 2, "the rules cannot be used")
    if "rules.yaml:6:15: error: unknown aggregate 'erors'; did you mean 'errors'?" not in outcome[1]:
        raise Failure(outcome[1])


@case
def no_rule_file(bench):
    service = bench.service("norule", topics=False)
    edit(service.config, "rules: [rules.yaml]", "rules: [rule/*.yaml]")
    expect(run(service), 2, "rule/*.yaml fits no file")


# --- topics and brokers ---

@case
def missing_topics(bench):
    service = bench.service("missing", topics=False)
    expect(run(service), 2, "input topic missing-in does not exist", "create it",
           "topic missing.partials does not exist; run `tocsin topics --create`")


@case
def broker_away_at_start(bench):
    service = bench.service("awaystart")
    bench.broker.stop()
    try:
        service.start()
        wait_log(service, "trying again")
        wait_log(service, "check that the brokers run and bootstrap.servers names them")
        if (took_s := service.stop()) > 12:
            raise Failure(f"SIGTERM took {took_s:.1f} s while it waited for the broker")
        service.start()
    finally:
        bench.broker.start()
    files = bench.events("awaystart", 0, 40)
    bench.feed("awaystart", files)
    check_alerts(bench, service, files, 40)
    service.stop()


@case
def broker_away_in_the_middle(bench):
    service = bench.service("awaymiddle")
    first = bench.events("awaymiddle", 0, 25)
    bench.feed("awaymiddle", first)
    service.start()
    service.wait_drained(None)
    bench.broker.kill()
    time.sleep(6)
    service.check_alive()
    bench.broker.start()
    second = bench.events("awaymiddle", 25, 60)
    bench.feed("awaymiddle", second)
    check_alerts(bench, service, joined(first, second), 60)
    if "Connection refused" not in service.log():
        raise Failure(f"it did not say that the broker was away:\n{service.log()[-3000:]}")
    service.stop()


@case
def stopped_while_the_broker_is_away(bench):
    """In the middle of its work, with transactions whose outcome it cannot learn."""
    service = bench.service("stopaway", time_section="time: {max_future_skew: 3650d}")  # time goes on by itself, so there is always one
    bench.feed("stopaway", bench.events("stopaway", 0, 10))
    service.start()
    wait_until("its first tick", lambda: service.check_alive() or service.last_status().get("evaluatedAt"), 60)
    bench.broker.kill()
    try:
        time.sleep(12)  # a transaction is given up after 10 s; then its id is asked for, for half a minute if nobody wants to end
        took_s = service.stop()
        print(f"    SIGTERM took {took_s:.1f} s", flush=True)
        if took_s > 20:  # up to 15 s are the patience of a rewind
            raise Failure(f"SIGTERM took {took_s:.1f} s while the broker was away")
    finally:
        service.kill()
        bench.broker.start()


SASL = "security.protocol: SASL_PLAINTEXT, sasl.mechanism: PLAIN, sasl.username: tocsin, sasl.password: {}, "


def with_sasl(bench, service, password):
    address = (bench.broker.directory / "bootstrap-sasl").read_text().strip()
    edit(service.config, f'bootstrap.servers: "{bench.broker.bootstrap}"', f'{SASL.format(password)}bootstrap.servers: "{address}"')


@case
def wrong_credentials(bench):
    service = bench.service("wrongpass")
    with_sasl(bench, service, "wrong")
    outcome = run(service)
    expect(outcome, 2, "check the sasl.* properties under `kafka:`")
    if "wrong" in outcome[1].replace("wrongpass", ""):
        raise Failure(f"the password is in the log:\n{outcome[1]}")


@case
def right_credentials(bench):
    service = bench.service("rightpass")
    with_sasl(bench, service, "tocsin-secret")
    files = bench.events("rightpass", 0, 30)
    bench.feed("rightpass", files)
    service.start()
    check_alerts(bench, service, files, 30)
    service.stop()


@case
def another_number_of_partials_partitions(bench):
    service = bench.service("partials")
    files = bench.events("partials", 0, 30)
    bench.feed("partials", files)
    service.start()
    service.wait_drained(None)
    service.stop()
    for topic in ("partials.partials", "partials.changelog"):
        bench.kafka_tool("org.apache.kafka.tools.TopicCommand", "--alter", "--topic", topic, "--partitions", str(PARTITIONS + 1))
        if topic.endswith(".partials"):
            expect(run(service), 2, "partials.partials has 3 partitions and partials.changelog has 2",
                   "once there is state, choose another `app` name")
    bench.feed("partials", bench.events("partials", 30, 60))
    expect(run(service), 1, "was made with 2 partitions", "now there are 3", "Neither may change while there is state",
           "another `app` name")


# --- offsets ---

@case
def input_offsets_expired(bench):
    """Retention has removed what was not read yet: said as an error, and reading goes on."""
    service = bench.service("expired")
    bench.feed("expired", bench.events("expired", 0, 30))
    service.start()
    service.wait_drained(None)
    service.stop()
    bench.feed("expired", bench.events("expired", 30, 60))
    plan = bench.work / "delete.json"
    plan.write_text(json.dumps({"version": 1, "partitions": [{"topic": "expired-in", "partition": 0, "offset": 180}]}))
    bench.kafka_tool("org.apache.kafka.tools.DeleteRecordsCommand", "--offset-json-file", str(plan))
    service.start()
    wait_log(service, "offsets 120 to 180 of expired-in-0 can no longer be read (retention); going on at 180")
    service.wait_drained(None, until=time_of(55))
    service.stop()


@case
def input_topic_made_anew(bench):
    service = bench.service("anew")
    bench.feed("anew", bench.events("anew", 0, 30))
    service.start()
    service.wait_drained(None)
    service.stop()
    bench.kafka_tool("org.apache.kafka.tools.TopicCommand", "--delete", "--topic", "anew-in")
    time.sleep(1)
    bench.broker.create_topic("anew-in", PARTITIONS)
    bench.feed("anew", bench.events("anew", 30, 75))  # with the topic the brokers forgot the group's offsets: it shows when 120 are passed
    expect(run(service), 1, "anew-in", "but 120 was expected next", "If the input topic was made anew, start over with another `app` name")


@case
def offsets_moved_by_a_tool(bench):
    service = bench.service("moved")
    bench.feed("moved", bench.events("moved", 0, 30))
    service.start()
    service.wait_drained(None)
    service.stop()
    time.sleep(7)  # the tool wants an empty group: until the static member's session has ended
    bench.kafka_tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--group", "moved-aggregate", "--reset-offsets",
                     "--to-offset", "999", "--topic", "moved-in", "--execute")
    expect(run(service), 1, "carries metadata that is not ours", "Restore the offsets, or choose another `app` name")


# --- this machine ---

@case
def unwritable_state_directory(bench):
    service = bench.service("unwritable")
    service.state.write_text("a file, where the directory should be\n")
    expect(run(service), 2, f"cannot use state directory {service.state}/one", "set state.path to a directory that has it")


@case
def read_only_state_directory(bench):
    service = bench.service("readonly")
    service.state.mkdir()
    mount_memory(service.state, "ro,size=1m")
    try:
        expect(run(service), 2, f"cannot use state directory {service.state}/one", "Read-only file system", "set state.path")
    finally:
        subprocess.run(["umount", str(service.state)], check=True)


@case
def two_processes_of_one_state_directory(bench):
    service = bench.service("twodirs")
    service.start()
    wait_log(service, " runs: ")
    expect(run(service), 1, "is in use by another process (pid ", "instance name or state.path of its own")
    service.stop()


@case
def two_processes_of_one_instance(bench):
    """On two machines, that is with two state directories: the later one takes over, the earlier one says so and ends; no alert is lost."""
    earlier, later = bench.service("twins"), bench.service("twins", topics=False, directory="twins-later")
    bench.feed("twins", bench.events("twins", 0, 30))
    earlier.start()
    earlier.wait_drained(None)
    later.start()
    try:
        bench.feed("twins", bench.events("twins", 30, 60))
        process = earlier.processes[0].process
        process.wait(timeout=60)
        expect((process.returncode, earlier.log()), 1, "another process runs with the same `instance`", "give each process a name of its own")
        bench.feed("twins", bench.events("twins", 60, 90))
        check_alerts(bench, later, bench.events("twins", 0, 90), 90)
        later.stop()
    finally:
        earlier.kill()
        later.kill()


def disk_full_case(bench, app, make_small, make_large, *texts):
    """A service whose disk is full ends with a message; with room again it goes on, and nothing is lost."""
    service = bench.service(app, extra="memory: 512MiB", workers=1)
    service.state.mkdir(parents=True, exist_ok=True)
    command = [str(BIN / "tocsin"), "loadgen", "--output", str(bench.work / f"{app}.jsonl"), "--files", str(PARTITIONS), "--for", "60s",
               "--rate", "3000", "--start", "2026-01-01T00:00:00Z", "--operations", "300", "--regions", "20", "--no-trace-ids", "--failures", "10%"]
    subprocess.run(command, check=True, capture_output=True)
    files = sorted(bench.work.glob(f"{app}-*.jsonl"))
    rules = service.directory / "rules.yaml"
    edit(rules, "by: [domain]", "by: [domain, region, operation]")
    bench.feed(app, files)
    limits = make_small(service)
    try:
        expect(run(service, timeout_s=90, **limits), 1, *texts)
        make_large(service)
        service.start()
        tick = service.wait_drained(None, timeout_s=90, quiet_s=3, until=time_of(55))
        service.stop()
        expected = up_to(backtest(rules, files, service.directory / "expected.jsonl", service.config), tick)
        differences = compare_logs(expected, up_to(bench.broker.dump(f"{app}.alerts"), tick))
        if differences or not expected:
            raise Failure(f"{len(expected)} alert events expected; " + "\n".join(differences[:2]))
    finally:
        service.kill()
        subprocess.run(["umount", str(service.state)], capture_output=True)


@case
def disk_full(bench):
    def make_small(service):
        mount_memory(service.state, "size=1500k")
        return {}

    def make_large(service):
        subprocess.run(["mount", "-o", "remount,size=512m", str(service.state)], check=True)

    disk_full_case(bench, "full", make_small, make_large, "no space left", "free some, or move the directory to a larger disk")


def limit_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, 700_000))


@case
def file_size_limit(bench):
    disk_full_case(bench, "fsize", lambda service: {"preexec_fn": limit_files}, lambda service: None, "File too large")


def main():
    chosen = sys.argv[1:] or list(CASES)
    unknown = [name for name in chosen if name not in CASES]
    if unknown:
        print(f"there is no case {', '.join(unknown)}; there are {', '.join(CASES)}")
        return 2
    failed = []
    with tempfile.TemporaryDirectory(prefix="tocsin-bad-input-") as directory, Broker("--sasl") as broker:
        bench = Bench(broker, Path(directory))
        for name in chosen:
            begin = time.monotonic()
            try:
                print(f"--- {name}", flush=True)
                broker.ensure()  # a case that failed may have left it stopped
                CASES[name](bench)
                print(f"    {time.monotonic() - begin:.1f} s", flush=True)
            except Skipped as skipped:
                print(f"    SKIPPED: {skipped}", flush=True)
            except Failure as failure:
                failed.append(name)
                print(f"    FAILED: {failure}", flush=True)
            except Exception:  # the other cases are still worth running
                failed.append(name)
                print(f"    FAILED: {traceback.format_exc()}", flush=True)
    print(f"{len(chosen) - len(failed)} of {len(chosen)} cases passed" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
