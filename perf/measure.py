"""What processes cost, as the kernel accounts for it, and the drain of a topic by `tocsin run`, sampled from outside."""

import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

TICK_MS = 250  # time.resolution
HERTZ = os.sysconf("SC_CLK_TCK")
SAMPLE_S = 0.5
FIRST_S = 0.05  # until the first event: the drain may begin as soon as the page is there
QUIET_S = 1.0   # without any progress, after the last event: the drain is over
STOP_S = 60
STALLED_S = 60  # without any progress, before that: it has failed


class Failure(Exception):
    pass


def cpu_seconds(pid):
    """User and system time of a process with all its threads, those that have ended included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / HERTZ


def machine_busy_seconds():
    """Of all processors together: everything but idling and waiting for disks; what the hypervisor took is not in it."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8])
    return (user + nice + system + irq + softirq) / HERTZ


def peak_rss_bytes(pid):
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) * 1024


class Samples:
    """The course of a drain: what the engine said of itself, and what it and the broker had used by then."""

    def __init__(self):
        self.rows = []

    def take(self, engine_pid, broker_pid, metrics):
        evaluation = [value for name, value in metrics if name.startswith("tocsin_evaluation_delay_seconds{")]
        total = dict(metrics)
        self.rows.append({
            "at": time.monotonic(), "events": total.get("tocsin_events_total", 0), "engine": cpu_seconds(engine_pid),
            "broker": cpu_seconds(broker_pid), "machine": machine_busy_seconds(), "evaluated": time.time() - max(evaluation, default=1e12),
            "work": tuple(total.get(f"tocsin_{name}_total", 0) for name in ("events", "frames_written", "frames_applied", "ticks"))})
        return self.rows[-1]

    def last_before_any(self):
        before = [row for row in self.rows if row["events"] == 0]
        if not before:
            raise Failure("the drain had begun before it could be looked at for the first time; run it again")
        return before[-1]

    def last_progress(self):
        return next(row for row in self.rows if row["work"] == self.rows[-1]["work"])

    def evaluated_ms(self):
        """The last tick evaluated. A delay is a little too short for the moment at which we have read it: the least estimate of those that
        were made since the last progress is nearest, and ticks are further apart than that."""
        least = min(row["evaluated"] for row in self.rows if row["work"] == self.rows[-1]["work"])
        return int(least * 1000) // TICK_MS * TICK_MS

    def whole(self, events):
        """From the last row at which no event had been counted to the first at which nothing was left to do."""
        begin, end = self.last_before_any(), self.last_progress()
        wall, engine, broker = (end[key] - begin[key] for key in ("at", "engine", "broker"))
        return {"events": events, "wall_s": wall, "cpu_s": engine, "events_per_s": events / wall,
                "cpu_s_per_million": engine / events * 1e6, "broker_cpu_s_per_million": broker / events * 1e6,
                "other_cpu_s": end["machine"] - begin["machine"] - engine - broker}


def read_metrics(port):
    """Pairs of name (with labels) and value; none while the server is not there yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, ConnectionError):
        return []
    return [(name, float(value)) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
            if "_bucket{" not in name]


def stop(process, log_path):
    process.terminate()
    try:
        code = process.wait(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        code = f"still running {STOP_S} s after SIGTERM"
    if code != 0:
        raise Failure(f"tocsin did not end in good order ({code}):\n{log_path.read_text(errors='replace')[-3000:]}")


def drain(command, log_path, port, broker_pid, events, until_ms, recorder_of=None):
    """Runs the engine until it has read `events` and evaluated up to `until_ms`; returns what that cost. `recorder_of`, called with the
    engine's pid when it has begun to work, starts a process that ends by itself with the engine."""
    recorder = None
    samples = Samples()
    with open(log_path, "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        changed = time.monotonic()
        while True:
            time.sleep(SAMPLE_S if samples.rows and samples.rows[-1]["events"] else FIRST_S)
            if process.poll() is not None:
                raise Failure(f"tocsin ended with {process.returncode}:\n{log_path.read_text(errors='replace')[-3000:]}")
            metrics = read_metrics(port)
            if not metrics:
                if time.monotonic() - changed > STALLED_S:
                    raise Failure(f"no metrics on 127.0.0.1:{port} for {STALLED_S} s; see {log_path}")
                continue
            row = samples.take(process.pid, broker_pid, metrics)
            if recorder_of and recorder is None and row["events"] > 0:
                recorder = recorder_of(process.pid)
            if len(samples.rows) < 2 or row["work"] != samples.rows[-2]["work"]:
                changed = row["at"]
            complete = row["events"] >= events and row["evaluated"] * 1000 >= until_ms
            if row["at"] - changed > (QUIET_S if complete else STALLED_S):
                break
        if not complete:
            raise Failure(f"only {row['events']:.0f} of {events} events within {STALLED_S} s without progress; see {log_path}")
        rss = peak_rss_bytes(process.pid)
        stop(process, log_path)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
    workers = {role: sum(int(value) for name, value in metrics if name.startswith(f'tocsin_workers{{role="{role}"'))
               for role in ("aggregate", "evaluate")}
    if recorder:
        recorder.wait(timeout=60)
    repeated = int(samples.rows[-1]["events"]) - events  # after a transaction that was rolled back; the log says why
    return {**samples.whole(events), "repeated_events": repeated, "peak_rss_bytes": rss, "workers": workers,
            "evaluated_ms": samples.evaluated_ms()}
