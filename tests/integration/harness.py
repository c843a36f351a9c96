"""Drives the real thing: a Kafka broker of its own, the `tocsin` binary, and files of events. Standard library only."""

import atexit
import contextlib
import datetime
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("TOCSIN_BIN", ROOT / "build/release/bin"))
SKIPPED = 77  # ctest's SKIP_RETURN_CODE


def shared():
    """The folder with conformance scenarios and traces, or None: tests that need it are then skipped, by name."""
    path = Path(os.environ.get("TOCSIN_SHARED", ROOT.parent / "shared"))
    return path if (path / "conformance").is_dir() else None


class Failure(Exception):
    pass


def exit_code_of(name, test):
    """Runs `test` on a directory of its own, which goes with it. A Failure is printed and makes the code 1."""
    with tempfile.TemporaryDirectory(prefix=f"tocsin-{name}-") as directory:
        try:
            test(Path(directory))
        except Failure as failure:
            print(f"FAILED: {failure}")
            return 1
    return 0


def wait_until(what, condition, timeout_s, interval_s=0.1):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(interval_s)
    raise Failure(f"{what}: not within {timeout_s} s")


class Broker:
    """A real broker in a directory of its own, on a free port; ends with the `with` block."""

    def __init__(self, *options):
        self.options = options  # of deploy/kafka/broker.sh

    def __enter__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="tocsin-broker-"))
        self.start("--port", "0")
        self.bootstrap = (self.directory / "bootstrap").read_text().strip()
        return self

    def __exit__(self, *_):
        self.kill()  # whatever state it is in; nobody wants its files
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, *options):
        """Again after stop() or kill(): on the same port, with the same data."""
        self._script("start", *options, *self.options)

    def stop(self):
        self._script("stop")

    def ensure(self):
        """Starts it if it does not run."""
        command = [str(ROOT / "deploy/kafka/broker.sh"), "status", "--dir", str(self.directory)]
        if subprocess.run(command, capture_output=True).returncode != 0:
            self.start()

    def kill(self):
        self._script("kill")

    def _script(self, *arguments):
        command = [str(ROOT / "deploy/kafka/broker.sh"), arguments[0], "--dir", str(self.directory), *arguments[1:]]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")

    def send(self, number):
        """A signal to the broker's process, such as SIGSTOP."""
        os.kill(int((self.directory / "broker.pid").read_text()), number)

    def create_topic(self, name, partitions):
        done = subprocess.run([str(ROOT / "deploy/kafka/topics.sh"), "--bootstrap-server", self.bootstrap, "--create", "--topic", name,
                               "--partitions", str(partitions), "--config", "retention.ms=-1"], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"cannot create topic {name}:\n{done.stdout}{done.stderr}")

    def feed(self, topic, partition, path):
        opened = gzip.open(path, "rb") if str(path).endswith(".gz") else open(path, "rb")
        with opened as content:
            subprocess.run([str(BIN / "kafka_feed"), self.bootstrap, topic, str(partition)], input=content.read(), check=True,
                           stdout=subprocess.DEVNULL)

    def dump_values(self, topic, *options):
        """Values of all committed records of a topic, as bytes; or what kafka_dump's `options` make of them."""
        done = subprocess.run([str(BIN / "kafka_dump"), *options, self.bootstrap, topic], capture_output=True)
        if done.returncode != 0:
            raise Failure(f"cannot read {topic} (exit code {done.returncode}): {done.stderr.decode(errors='replace')}")
        return done.stdout.split(b"\n")[:-1]

    def dump(self, topic):
        """The same, of JSON."""
        return [json.loads(value) for value in self.dump_values(topic)]


PHASES = {1: "between transactions", 2: "in a transaction", 3: "between commit and state write", 4: "in a restore"}


class Process:
    """One `tocsin run`."""

    def __init__(self, service, instance, role):
        self.service, self.instance, self.role = service, instance, role
        self.log_path = service.directory / f"{instance}.log"
        self.process = None
        self.binary = BIN / "tocsin"
        self.environment = {}  # in addition to ours
        self.started_at = ""  # as statuses write times
        atexit.register(lambda: self.alive() and self.kill())  # also if the test failed half way

    def start(self):
        command = [str(self.binary), "run", "--config", str(self.service.config), "--set", f"instance={self.instance}"]
        command += ["--role", self.role] if self.role else []
        self.started_at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | self.environment)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def check_alive(self):
        if not self.alive():
            raise Failure(f"tocsin ({self.instance}) ended with {self.process.returncode}:\n{self.log()[-4000:]}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        """SIGTERM; returns the seconds it took."""
        begin = time.monotonic()
        self.process.terminate()
        code = self.process.wait(timeout=30)
        if code != 0:
            raise Failure(f"tocsin ({self.instance}) did not end in good order: {code}\n{self.log()[-4000:]}")
        return time.monotonic() - begin

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def flight(self):
        """What each worker was doing when the process died (engine/runtime/flight_recorder.h)."""
        path = self.service.state / self.instance / "flight"
        return [PHASES[byte] for byte in path.read_bytes() if byte in PHASES] if path.exists() else []


def first_in(processes, phase, patience_s, act):
    """Does `act` to the first of them that has a worker in that phase, at once. Returns which; None if there was none within `patience_s`."""
    wanted = next(byte for byte, name in PHASES.items() if name == phase)
    end = time.monotonic() + patience_s
    with contextlib.ExitStack() as stack:
        flights = []
        for process in processes:
            path = process.service.state / process.instance / "flight"
            wait_until("flight file", path.exists, patience_s, 0.01)
            flights.append((process, stack.enter_context(open(path, "rb", buffering=0)).fileno()))
        hit = None
        while hit is None and time.monotonic() < end and all(process.alive() for process in processes):
            hit = next((process for process, flight in flights if wanted in os.pread(flight, 512, 0)), None)
        if hit:
            act(hit)
    return hit


def kill_in(processes, phase, patience_s):
    """kill -9 of the first of them that has a worker in that phase; of any after `patience_s`. Returns which."""
    hit = first_in(processes, phase, patience_s, Process.kill)
    for process in processes:
        if process is not hit:
            process.check_alive()
    if hit is None:
        hit = processes[-1]
        hit.kill()
    return hit


class Service:
    """The processes of one application, with a configuration and a state directory that they share."""

    ONE = {"one": None}
    TWO_OF_EACH_ROLE = {"aggregate-1": "aggregate", "aggregate-2": "aggregate", "evaluate-1": "evaluate", "evaluate-2": "evaluate"}

    def __init__(self, broker, directory, app, rules, time_section="", partitions=4, extra="", processes=None, workers=2, max_series=None,
                 replicas=1, bootstrap=None):
        self.broker, self.directory, self.app = broker, Path(directory), app
        self.directory.mkdir(parents=True, exist_ok=True)
        self.config = self.directory / "tocsin.yaml"
        self.state = self.directory / "state"
        self.processes = [Process(self, instance, role) for instance, role in (processes or self.ONE).items()]
        shutil.copy(rules, self.directory / "rules.yaml")
        self.config.write_text(
            f"app: {app}\ninstance: one\nkafka: {{bootstrap.servers: \"{bootstrap or broker.bootstrap}\"}}\n"
            f"input: {{topics: [{app}-in], start: earliest}}\ntopics: {{partitions: {partitions}, replication_factor: {replicas}}}\n"
            f"rules: [rules.yaml]\nstate: {{path: {self.state}}}\naggregate: {{workers: {workers}{f', max_series: {max_series}' if max_series else ''}}}\n{time_section}\n{extra}\n")

    def create_topics(self):
        self.tocsin("topics", "--config", str(self.config), "--create")

    def tocsin(self, *arguments):
        done = subprocess.run([str(BIN / "tocsin"), *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"tocsin {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self):
        for process in self.processes:
            process.start()

    def check_alive(self):
        for process in self.processes:
            process.check_alive()

    def kill(self):
        for process in self.processes:
            if process.alive():
                process.kill()

    def stop(self):
        """SIGTERM to one after the other; returns the most seconds that one took."""
        return max(process.stop() for process in self.processes)

    def log(self):
        return "\n".join(process.log() for process in self.processes)

    def last_statuses(self):
        """The newest status of each process; none of one that has not sent any since it was started: what an earlier run of it said last might
        pass for quiet."""
        try:
            signals = self.broker.dump(f"{self.app}.signals")
        except Failure as failure:  # polled many times a second: one failed look is said, and looked again
            print(f"note: {failure}", flush=True)
            return []
        started_at = {process.instance: process.started_at for process in self.processes}
        newest = {s["instance"]: s for s in signals if s.get("type") == "status"}
        return [s for s in newest.values() if s["time"] >= started_at.get(s["instance"], "")]

    def last_status(self):
        """The newest statuses summed up: counts added, the least `evaluatedAt`. Empty until each process has sent one."""
        statuses = self.last_statuses()
        if len(statuses) < len(self.processes):
            return {}
        total = {name: sum(s.get(name, 0) for s in statuses) for name in ("events", "lag", "alerts", "groups", "series")}
        evaluated = [s["evaluatedAt"] for s in statuses if "evaluatedAt" in s]
        # A worker that restores a partition says nothing of its ticks.
        return total | {"ready": not any("notReady" in s for s in statuses)} | ({"evaluatedAt": min(evaluated)} if evaluated else {})

    def wait_drained(self, events, timeout_s=60, quiet_s=1.5, until=""):
        """Waits until that many events of this run were read, ticks up to `until` evaluated, and evaluation no longer moves; returns the last
        tick evaluated."""
        seen = {"at": None, "since": time.monotonic()}

        def quiet():
            self.check_alive()
            status = self.last_status()
            mark = (status.get("evaluatedAt"), status.get("lag"), status.get("events"))
            if mark != seen["at"]:
                seen.update(at=mark, since=time.monotonic())
                return None
            done = status.get("ready") and status.get("lag") == 0 and (events is None or status.get("events", 0) >= events) and status.get("evaluatedAt", "") > until
            return status["evaluatedAt"] if done and time.monotonic() - seen["since"] >= quiet_s else None

        try:
            return wait_until("everything read and evaluated", quiet, timeout_s, 0.3)
        except Failure as failure:
            told = [f"{process.instance}: ...{process.log()[-3000:]}" for process in self.processes]
            raise Failure(f"{failure}\n" + "\n".join([*map(str, self.last_statuses()), *told])) from None


def backtest(rules, events, out, config=None, until=None):
    command = [str(BIN / "tocsin"), "backtest", "--rules", str(rules), "--events", *map(str, events), "--alerts", str(out)]
    command += ["--config", str(config)] if config else []
    command += ["--until", until] if until else []
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return read_log(out)


def read_log(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines() if line.strip()]


# What SPEC 5 exempts from being a function of the input log and the rules.
EXEMPT = {"offsets", "watermark", "slowestPartition", "completeness", "detectionMs", "p50", "p95", "p99", "contributors", "samples"}


def canonical(alert):
    alert = dict(alert)
    if "evidence" in alert:
        alert["evidence"] = {k: v for k, v in alert["evidence"].items() if k not in EXEMPT}
    return json.dumps(alert, sort_keys=True, ensure_ascii=False)


def up_to(alerts, tick):
    return [a for a in alerts if tick is None or a["evaluatedAt"] <= tick]


def compare_logs(expected, actual, loose_values=()):
    """Per fingerprint and in order; every field, `value` and texts made of it only where they are no estimate. A list of differences."""
    def grouped(alerts):
        groups = {}
        for alert in alerts:
            groups.setdefault(alert["fingerprint"], []).append(alert)
        return groups

    wanted, found = grouped(expected), grouped(actual)
    differences = []
    for fingerprint in sorted(set(wanted) | set(found)):
        left, right = wanted.get(fingerprint, []), found.get(fingerprint, [])
        for n in range(max(len(left), len(right))):
            a = left[n] if n < len(left) else None
            b = right[n] if n < len(right) else None
            if a is not None and b is not None and a["rule"] in loose_values:
                a, b = ({k: v for k, v in x.items() if k not in ("value", "annotations")} for x in (a, b))
            if a is None or b is None or canonical(a) != canonical(b):
                differences.append(f"{fingerprint} #{n + 1}:\n  expected {a and canonical(a)}\n  actual   {b and canonical(b)}")
                break
    return differences


def check_same_alerts(expected, actual, tick, loose_values=()):
    """`expected` is the backtest's log, `actual` the broker's, both up to `tick`; an empty one would show nothing."""
    differences = compare_logs(expected, actual, loose_values)
    print(f"{len(expected)} alert events of the backtest up to {tick}, {len(actual)} on the broker, {len(differences)} instances differ",
          flush=True)
    if not expected:
        raise Failure("the load raised no alerts: nothing was shown")
    if differences:
        raise Failure("\n".join(differences[:3]))


def quantile_rules(rules_path):
    """Names of rules that show a quantile: their values are estimates."""
    text = Path(rules_path).read_text()
    names = []
    for block in re.split(r"\n\s*- alert:", text)[1:]:
        name = block.splitlines()[0].strip().strip("'\"")
        if re.search(r"\bp(50|90|95|99|999)\b|quantile", block):
            names.append(name)
    return names
