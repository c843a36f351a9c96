#!/usr/bin/env python3
"""The `tocsin` binary used wrongly: closed and full outputs, numbers and times out of range. What it answers, and with which exit code."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from harness import BIN

RULES = "groups: [{name: g, rules: [{alert: A, expr: 'count[1s] > 0', by: [domain]}]}]\n"
LAST_MS = 253402300799999  # of the year 9999
FULL = "the standard output cannot be written: No space left on device"
CLOSED = "the standard output cannot be written: Bad file descriptor"


class Failure(Exception):
    pass


class Bench:
    def __init__(self, directory):
        self.directory = Path(directory)
        (self.directory / "r.yaml").write_text(RULES)
        (self.directory / "wrong.yaml").write_text(RULES.replace("count", "cuont"))
        (self.directory / "e.jsonl").write_text('{"timestamp_ms":1767225600000,"domain":"x"}\n')

    def run(self, *arguments, shell="", env=None):
        """Exit code, standard output, standard error; `shell` redirects."""
        command = ["bash", "-c", f'exec "$@" {shell}', "bash", str(BIN / "tocsin"), *arguments]
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                              env={**os.environ, **(env or {})})
        return done.returncode, done.stdout, done.stderr

    def expect(self, code, text, *arguments, **more):
        actual, out, err = self.run(*arguments, **more)
        if actual != code or text not in err:
            raise Failure(f"{arguments} {more}: exit code {actual}, expected {code} and {text!r}\n{out}{err}")
        return out


def an_answer_that_cannot_be_written_is_a_failure(bench):
    backtest = ("backtest", "--rules", "r.yaml", "--events", "e.jsonl")
    for arguments in (backtest, ("check", "r.yaml")):
        bench.expect(1, FULL, *arguments, shell=">/dev/full")
        bench.expect(1, CLOSED, *arguments, shell=">&-")
    for arguments in (("--help",), ("--version",)):
        bench.expect(1, "the standard output cannot be written", *arguments, shell=">/dev/full")
        bench.expect(1, "the standard output cannot be written", *arguments, shell=">&-")
    bench.expect(2, "tocsin: nope.yaml", "check", "nope.yaml", shell=">&-")


def messages_that_cannot_be_written_change_nothing(bench):
    for shell in ("2>/dev/full", "2>&-"):
        bench.expect(2, "", "check", "nope.yaml", shell=shell)
        bench.expect(2, "", shell=shell)
        bench.expect(0, "", "check", "r.yaml", shell=shell)


def what_is_opened_takes_no_closed_output(bench):
    """The alert log would get the number of the standard output, and the summary."""
    bench.expect(1, CLOSED, "backtest", "--rules", "r.yaml", "--events", "e.jsonl", "--alerts", "a.jsonl", shell=">&-")
    log = (bench.directory / "a.jsonl").read_text()
    if "RULE" in log or log.count("\n") != 1:
        raise Failure(f"the alert log holds\n{log}")


def counts_are_not_negative(bench):
    for flag in ("--events", "--rate", "--seed", "--actors", "--success-weight"):
        bench.expect(2, f"{flag}: -3 is negative", "loadgen", "--output", "x.jsonl", "--for", "1s", flag, "-3")
    bench.expect(2, "--rate: -3 is negative", "demo", "--for", "30s", "--rate", "-3")


def times_beyond_the_year_9999_are_refused(bench):
    bench.expect(2, "--start 253402300800000: neither", "loadgen", "--output", "x.jsonl", "--events", "1", "--start", str(LAST_MS + 1))
    bench.expect(2, "--until 253402300800000: neither", "backtest", "--rules", "r.yaml", "--events", "e.jsonl", "--until", str(LAST_MS + 1))
    bench.expect(2, "--incident-grace 15250284452w: longer", "backtest", "--rules", "r.yaml", "--events", "e.jsonl", "--incidents", "i.csv",
                 "--incident-grace", "15250284452w")


def an_event_at_the_end_of_time_is_a_dead_letter(bench):
    """Its alert would have to name an instant that RFC 3339 cannot."""
    (bench.directory / "late.jsonl").write_text(f'{{"timestamp_ms":{LAST_MS},"domain":"x"}}\n')
    out = bench.expect(0, "", "backtest", "--rules", "r.yaml", "--events", "late.jsonl")
    if "1 dead: timestamp_ms is beyond the year 8999" not in out:
        raise Failure(out)


def files_that_cannot_be_made_are_named(bench):
    bench.expect(2, "cannot create none/x.jsonl: No such file or directory", "loadgen", "--output", "none/x.jsonl", "--events", "1")
    bench.expect(2, "cannot make a directory like /none/tocsin-demo", "demo", "--for", "30s", env={"TMPDIR": "/none"})
    bench.expect(1, "--alerts /dev/full: the file cannot be written: No space left", "backtest", "--rules", "r.yaml", "--events", "e.jsonl",
                 "--alerts", "/dev/full")
    bench.expect(2, "--domains: a name is not UTF-8", "loadgen", "--output", "x.jsonl", "--events", "1", "--domains", b"\xff")


def each_line_of_a_message_bears_the_name(bench):
    bench.expect(2, "tocsin: --set a: unknown key 'a'\ntocsin: --set b: unknown key 'b'\n", "backtest", "--rules", "r.yaml", "--events", "e.jsonl",
                 "--set", "a=1", "--set", "b=1")


def rules_are_found_below_any_directory(bench):
    """The directory's name is no pattern."""
    odd = bench.directory / "a[1]*"
    odd.mkdir()
    (odd / "tocsin.yaml").write_text("rules: [r.yaml]\ninstance: one\n")
    (odd / "r.yaml").write_text(RULES)
    bench.expect(0, "", "check", "a[1]*/tocsin.yaml")


def the_service_stops_whatever_signals_came_before(bench):
    """SIGUSR1 is none of its own, but one that it blocks."""
    (bench.directory / "t.yaml").write_text("rules: [r.yaml]\ninstance: one\nkafka: {bootstrap.servers: '127.0.0.1:1'}\n")
    service = subprocess.Popen([str(BIN / "tocsin"), "run", "--config", "t.yaml"], cwd=bench.directory, stderr=subprocess.PIPE, text=True)
    patience = threading.Timer(30, service.kill)
    patience.start()
    try:
        said = ""
        while "127.0.0.1:1" not in said:  # it looks for its broker: the signals have their watcher
            said = service.stderr.readline() or "127.0.0.1:1"
        service.send_signal(signal.SIGUSR1)
        service.send_signal(signal.SIGTERM)
        if not any("stopping: committing what is open" in line for line in service.stderr):
            raise Failure("it did not stop at SIGTERM")
    finally:
        patience.cancel()
        service.kill()
        service.communicate()


TESTS = [an_answer_that_cannot_be_written_is_a_failure, messages_that_cannot_be_written_change_nothing,
         what_is_opened_takes_no_closed_output, counts_are_not_negative, times_beyond_the_year_9999_are_refused,
         an_event_at_the_end_of_time_is_a_dead_letter, files_that_cannot_be_made_are_named, each_line_of_a_message_bears_the_name,
         rules_are_found_below_any_directory, the_service_stops_whatever_signals_came_before]


def main():
    failed = 0
    for test in TESTS:
        with tempfile.TemporaryDirectory(prefix="tocsin-command-line-") as directory:
            try:
                test(Bench(directory))
            except Failure as failure:
                failed += 1
                print(f"FAILED: {test.__name__}: {failure}")
    print(f"{len(TESTS) - failed} of {len(TESTS)} tests passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
