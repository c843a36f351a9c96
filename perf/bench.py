#!/usr/bin/env python3
"""The reference job on a real broker: what an event costs `tocsin run`, beside a consumer that only adds up payload lengths.

usage: bench.py [drain] [--events N] [--encoding json|protobuf|both] [--rules 1|p99|2|1000|1000-close ...] [--repeat N]
                [--workers N] [--cpus N] [--out FILE] [--profile] [--keep]

A run counts only if its alert log equals that of `tocsin backtest` over the same events. docs/benchmarks.md says what is measured and how.
Standard library only.
"""

import argparse
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/integration"))
import harness  # noqa: E402  the broker, the backtest and the comparison of alert logs are those of the tests
import job  # noqa: E402
import measure  # noqa: E402

# What is run unless the options say otherwise: encoding, events, sets of rules (job.py).
JOBS = [("protobuf", 20_000_000, ["1", "p99", "2", "1000", "1000-close"]), ("json", 10_000_000, ["2"])]
END_MS = 3000  # before the end of event time the last tick may be: jitter, out-of-orderness and the interval of the rules
BARE = {"bare": "bare_consumer", "bare_mimalloc": "bare_consumer_mimalloc"}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench", description="The reference job on a real broker; docs/benchmarks.md describes it.")
    parser.add_argument("what", nargs="?", default="drain", choices=["drain"])
    parser.add_argument("--events", type=int, metavar="N", help="how many; default: as docs/benchmarks.md has it")
    parser.add_argument("--encoding", default="both", choices=["json", "protobuf", "both"])
    parser.add_argument("--rules", nargs="+", metavar="1|p99|2|1000|1000-close", choices=list(job.RULES),
                        help="an error rate, a p99, one of each, or 500 of each; default: 2, with protobuf all of them")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="measure each so often and show medians [1]")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="aggregate.workers [2]")
    parser.add_argument("--cpus", type=int, default=2, metavar="N", help="broker and engine share so many processors [2]")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the results as JSON")
    parser.add_argument("--profile", action="store_true",
                        help="record profiles of the engine with Linux perf (slower: not for results); implies --keep")
    parser.add_argument("--keep", action="store_true", help="keep logs, configurations and alert logs, and say where")
    options = parser.parse_args(arguments)
    if options.events is not None and options.events < 10 * job.RATE:
        parser.error(f"--events: at least {10 * job.RATE}, ten seconds of event time")
    if options.profile and not shutil.which("perf"):
        parser.error("--profile needs Linux perf; on Debian: apt-get install linux-perf")
    options.keep |= options.profile
    return options


def jobs_of(options):
    """(encoding, events, sets of rules) as the options have it."""
    encodings = ("protobuf", "json") if options.encoding == "both" else (options.encoding,)
    return [(encoding, options.events or events, options.rules or rules) for encoding, events, rules in JOBS if encoding in encodings]


def say(text):
    print(f"[{datetime.now():%H:%M:%S}] {text}", flush=True)


def checked(*command, **kwargs):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **kwargs)
    if done.returncode != 0:
        raise measure.Failure(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def git(*arguments):
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True).stdout.strip()


def description_of_machine():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": cpu, "processors": os.cpu_count(), "memory_bytes": memory, "kernel": platform.release(),
            "load_average_before": os.getloadavg()[0]}


class Bench:
    """One broker, one directory, and the results so far."""

    def __init__(self, broker, directory, options):
        self.broker, self.directory, self.options = broker, directory, options
        self.broker_pid = int((broker.directory / "broker.pid").read_text())
        self.results = []
        self.backtests = {}  # alert logs by application

    def load(self, encoding, events):
        """The same messages into a topic and into files, one for each partition."""
        topic = f"bench-{encoding}-{events}"
        incidents = self.directory / f"incidents-{topic}.yaml"
        incidents.write_text(job.incidents(events))
        flags = job.load_flags(encoding, events, incidents)
        files = self.directory / f"{topic}{job.SUFFIX[encoding]}"
        self.broker.create_topic(topic, job.PARTITIONS)
        to_files = subprocess.Popen([str(harness.BIN / "tocsin"), "loadgen", *flags, "--output", str(files)], stdout=subprocess.DEVNULL)
        try:
            say(checked(harness.BIN / "tocsin", "loadgen", *flags, "--bootstrap", self.broker.bootstrap, "--topic", topic).strip())
        except BaseException:
            to_files.kill()
            to_files.wait()
            raise
        if to_files.wait() != 0:
            raise measure.Failure(f"tocsin loadgen --output {files}: exit code {to_files.returncode}")
        return topic, [files.with_name(f"{files.stem}-{p}{files.suffix}") for p in range(job.PARTITIONS)]

    def bare(self, encoding, events, topic):
        for name, program in BARE.items():
            before, machine = measure.cpu_seconds(self.broker_pid), measure.machine_busy_seconds()
            found = json.loads(checked(harness.BIN / program, self.broker.bootstrap, topic, job.PARTITIONS, events // job.BATCH[encoding]))
            broker = measure.cpu_seconds(self.broker_pid) - before
            self.add({"run": name, "encoding": encoding, "events": events, "wall_s": found["wall_s"], "cpu_s": found["cpu_s"],
                      "events_per_s": events / found["wall_s"], "cpu_s_per_million": found["cpu_s"] / events * 1e6,
                      "broker_cpu_s_per_million": broker / events * 1e6, "peak_rss_bytes": found["peak_rss_bytes"],
                      "other_cpu_s": measure.machine_busy_seconds() - machine - broker - found["cpu_s"],
                      "payload_bytes_per_event": found["bytes"] / events})

    def engine(self, encoding, events, topic, files, rules, repetition):
        app = f"{topic}-{rules}-{repetition}"
        directory = self.directory / app
        directory.mkdir()
        (directory / "rules.yaml").write_text(job.rules(rules))
        port, config = free_port(), directory / "tocsin.yaml"
        config.write_text(job.config(app, topic, self.broker.bootstrap, directory, port, self.options.workers))
        checked(harness.BIN / "tocsin", "topics", "--config", config, "--create")
        cost = measure.drain([str(harness.BIN / "tocsin"), "run", "--config", str(config)], directory / "engine.log", port, self.broker_pid,
                             events, job.due_ms(events) - END_MS, self.profiler(directory) if self.options.profile else None)
        if cost["repeated_events"]:
            say(f"note: {cost['repeated_events']} events were read twice, since a transaction was rolled back: not what a drain costs")
        expected = self.backtest(directory / "rules.yaml", files, rules)
        alerts = self.compare(app, directory, expected, rules, job.text_of(cost["evaluated_ms"]))
        self.add({"run": "tocsin", "encoding": encoding, "rules": rules, "alert_events": alerts, **cost})

    @staticmethod
    def profiler(directory):
        """Starts a profile of a process, by processor time; read it with `perf report -i`."""
        command = ["perf", "record", "--event", "cpu-clock", "--freq", "499", "--call-graph", "fp",
                   "--output", str(directory / "perf.data"), "--pid"]
        return lambda pid: subprocess.Popen([*command, str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def backtest(self, rules_path, files, rules):
        """The alert log of a backtest, made once for all runs of a job."""
        key = (files[0], rules)
        if key not in self.backtests:
            began = time.monotonic()
            self.backtests[key] = harness.backtest(rules_path, files, rules_path.with_name("backtest.jsonl"))
            say(f"backtest: {len(self.backtests[key])} alert events, {time.monotonic() - began:.1f} s")
        return self.backtests[key]

    def compare(self, app, directory, expected, rules, tick):
        """The alert log of the run up to that tick against that of a backtest; the number of alert events that were compared."""
        actual = self.broker.dump(f"{app}.alerts")
        (directory / "alerts.jsonl").write_text("".join(json.dumps(alert) + "\n" for alert in actual))
        expected = harness.up_to(expected, tick)
        shows_estimates = [name for name, expression in job.RULES[rules] if "p99" in expression]
        differences = harness.compare_logs(expected, harness.up_to(actual, tick), shows_estimates)
        if differences or not expected:
            raise measure.Failure(f"{app}: the alert log is not that of the backtest ({len(actual)} and {len(expected)} alert events):\n" +
                                  "\n".join(differences[:3]))
        return len(expected)

    def add(self, result):
        self.results.append(result)
        say(line_of(result, self.results))

    def run(self, encoding, events, sets_of_rules):
        events -= events % job.BATCH[encoding]
        topic, files = self.load(encoding, events)
        for repetition in range(self.options.repeat):
            self.bare(encoding, events, topic)
            for rules in sets_of_rules:
                self.engine(encoding, events, topic, files, rules, repetition)
        for file in files:
            file.unlink()


def bare_of(results, result, name):
    """What the bare consumer used for the same topic, as a median."""
    same = [r for r in results if r["run"] == name and (r["encoding"], r["events"]) == (result["encoding"], result["events"])]
    return statistics.median(r["cpu_s_per_million"] for r in same) if same else None


def medians_of(results):
    """Of each measurement the repetition whose CPU time is the median (of an even number the lower one)."""
    repeated = {}
    for result in results:
        repeated.setdefault((result["encoding"], result["events"], result["run"], result.get("rules")), []).append(result)
    return [sorted(same, key=lambda r: r["cpu_s_per_million"])[(len(same) - 1) // 2] for same in repeated.values()]


HEADER = ("job", "M events", "M events/s", "CPU-s/M", "x bare", "x bare mimalloc", "broker CPU-s/M", "others CPU-s", "peak RSS MB")


def cells_of(result, results):
    bare = [bare_of(results, result, name) for name in BARE]
    ratio = [f"{result['cpu_s_per_million'] / b:.2f}" if b else "" for b in bare]
    name = result["run"] if result["run"] in BARE else f"{result['run']}, rules {result['rules']}"
    return (f"{result['encoding']}: {name}", f"{result['events'] / 1e6:g}", f"{result['events_per_s'] / 1e6:.2f}",
            f"{result['cpu_s_per_million']:.3f}",
            *ratio, f"{result['broker_cpu_s_per_million']:.3f}", f"{result['other_cpu_s']:.1f}", f"{result['peak_rss_bytes'] / 1e6:.0f}")


def line_of(result, results):
    return ", ".join(f"{name} {cell}" if n else cell for n, (name, cell) in enumerate(zip(HEADER, cells_of(result, results))) if cell)


def table_of(results):
    rows = [HEADER, *(cells_of(result, results) for result in medians_of(results))]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEADER))]
    lines = ["  ".join(cell.ljust(w) if n == 0 else cell.rjust(w) for n, (cell, w) in enumerate(zip(row, widths))) for row in rows]
    return "\n".join(lines)


def main(arguments):
    options = parse(arguments)
    # All that is measured shares these processors: broker, engine and bare consumer inherit them.
    allowed = sorted(os.sched_getaffinity(0))[:options.cpus]
    os.sched_setaffinity(0, allowed)
    report = {"date": datetime.now(timezone.utc).isoformat(timespec="seconds"), "commit": git("rev-parse", "HEAD"),
              "modified": bool(git("status", "--porcelain", "--untracked-files=no")), "command": " ".join(["./dev bench", *arguments]),
              "machine": description_of_machine(), "processors_used": allowed}
    directory = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    began = time.monotonic()
    try:
        with harness.Broker("--heap", "1g", "--session", "9000") as broker:
            bench = Bench(broker, directory, options)
            for encoding, events, rules in jobs_of(options):
                bench.run(encoding, events, rules)
        report["results"] = bench.results
        if options.out:
            options.out.write_text(json.dumps(report, indent=1) + "\n")
        print(f"\n{table_of(bench.results)}\n")
        say(f"every alert log equals that of a backtest; {time.monotonic() - began:.0f} s in all")
        return 0
    except (measure.Failure, harness.Failure) as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        options.keep = True
        return 1
    finally:
        if options.keep:
            say(f"kept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
