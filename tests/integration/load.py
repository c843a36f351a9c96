"""Telemetry that is known beforehand: files of events, one a partition, and a feeder that writes them to a topic at the pace of a clock."""

import atexit
import collections
import subprocess
import threading
import time

from harness import BIN, Failure

DOMAINS = ["chat", "wallet", "api"]


def make_load(work, seconds, seed, rate, partitions, start="2026-03-01T00:00:00Z"):
    """Files of events, one a partition, with incidents; the very bytes that go to the broker."""
    incidents = work / "incidents.yaml"
    kinds = ["latency_factor: 16", "error_rate: 70%"]
    incidents.write_text("".join(f"- {{at: {at}s, for: 4s, domain: {DOMAINS[n % 3]}, {kinds[n % 2]}}}\n"
                                 for n, at in enumerate(range(4, seconds, 6))))
    command = [str(BIN / "tocsin"), "loadgen", "--output", str(work / "load.jsonl"), "--files", str(partitions), "--rate", str(rate),
               "--for", f"{seconds}s", "--format", "json", "--seed", str(seed), "--start", start, "--jitter", "300ms",
               "--domains", ",".join(DOMAINS), "--regions", "eu,us", "--incidents", str(incidents)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return sorted(work.glob("load-*.jsonl"))


class Feed:
    """Writes all files side by side, each to its partition, spread over `seconds` from now on."""

    SLICES_A_SECOND = 10

    def __init__(self, bootstrap, topic, files, seconds):
        self.bootstrap, self.topic, self.seconds = bootstrap, topic, seconds
        self.failures = []
        self.end = time.monotonic() + seconds
        self.threads = [threading.Thread(target=self._one, args=(p, f), daemon=True) for p, f in enumerate(files)]
        for thread in self.threads:
            thread.start()

    def _one(self, partition, path):
        try:
            lines = path.read_bytes().splitlines(keepends=True)
            process = subprocess.Popen([str(BIN / "kafka_feed"), self.bootstrap, self.topic, str(partition)], stdin=subprocess.PIPE,
                                       stdout=subprocess.DEVNULL)
            atexit.register(process.kill)  # it waits for the broker, also for one that the failed test has ended
            slices = max(1, self.seconds * self.SLICES_A_SECOND)
            begin = self.end - self.seconds
            for i in range(slices):
                # After a broker that stood still, what is due by now goes at once.
                time.sleep(max(0, begin + (i + 1) / self.SLICES_A_SECOND - time.monotonic()))
                process.stdin.writelines(lines[len(lines) * i // slices:len(lines) * (i + 1) // slices])
                process.stdin.flush()
            process.stdin.close()
            if process.wait() != 0:
                self.failures.append(f"kafka_feed ended with {process.returncode}")
        except OSError as error:
            self.failures.append(str(error))

    def seconds_left(self):
        return self.end - time.monotonic()

    def wait(self):
        for thread in self.threads:
            thread.join()
        if self.failures:
            raise Failure("; ".join(self.failures))


def check_input(broker, topic, files):
    """The feeder wrote each message once: else no two logs could be the same."""
    fed = collections.Counter(broker.dump_values(topic))
    meant = collections.Counter(line for path in files for line in path.read_bytes().splitlines())
    if fed != meant:
        raise Failure(f"{topic} holds other messages than were meant: {sum((meant - fed).values())} are missing, "
                      f"{sum((fed - meant).values())} doubled")
