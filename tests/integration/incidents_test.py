#!/usr/bin/env python3
"""`tocsin backtest --incidents`: the numbers of a scenario that was counted out by hand."""

import json
import subprocess
import sys

from harness import BIN, Failure, exit_code_of

RULES = """groups:
  - name: g
    interval: 1s
    rules:
      - alert: Errors
        expr: errors[5s] >= 3
        by: [domain]
        resolve: errors[5s] == 0
      - alert: Quiet
        expr: count[5s] > 1000
"""
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
SECONDS = 300
# Second of the first failed event -> domain. Each burst is three failures, one a second, at :100 ms: the third is seen by the tick 3 s
# after the burst's first second, so the alert starts then.
BURSTS = {30: "chat", 60: "wallet", 100: "chat", 150: "chat", 200: "wallet"}
INCIDENTS = f"""name,start,end,domain,rule
chat down,{START_MS + 30_000},{START_MS + 50_000},chat,
"wallet, slow",2026-01-01T00:00:55Z,2026-01-01T00:01:20Z,wallet,Errors
wrong domain,2026-01-01T00:01:40Z,2026-01-01T00:02:00Z,wallet,
in the grace,2026-01-01T00:02:20Z,2026-01-01T00:02:30Z,,
nothing happened,2026-01-01T00:04:00Z,2026-01-01T00:04:30Z,chat,
"""
EXPECTED = {
    # rule: firings, matching, precision, incidents, detected, recall, median, max. Delays: 3 s, 8 s; with the grace 13 s too.
    "0s": {"Errors": "5 2 40.0 % 5 2 40.0 % 3s 8s", "Quiet": "0 0 - 4 0 0.0 % - -", "all rules": "5 2 40.0 % 5 2 40.0 % 3s 8s"},
    "3s": {"Errors": "5 3 60.0 % 5 3 60.0 % 8s 13s", "Quiet": "0 0 - 4 0 0.0 % - -", "all rules": "5 3 60.0 % 5 3 60.0 % 8s 13s"},
}
MISSED = ["missed: wrong domain from 2026-01-01T00:01:40.000Z to 2026-01-01T00:02:00.000Z domain=wallet",
          "missed: nothing happened from 2026-01-01T00:04:00.000Z to 2026-01-01T00:04:30.000Z domain=chat"]


def events():
    for second in range(SECONDS):
        for domain in ("chat", "wallet"):
            failed = any(burst <= second < burst + 3 and of == domain for burst, of in BURSTS.items())
            yield {"timestamp_ms": START_MS + second * 1000 + 100, "domain": domain, "success": not failed}


def tocsin(work, *options):
    command = [str(BIN / "tocsin"), "backtest", "--rules", str(work / "rules.yaml"), "--events", str(work / "events.jsonl"), *options]
    return subprocess.run(command, capture_output=True, text=True)


def check(condition, text):
    if not condition:
        raise Failure(text)


def run(work):
    (work / "rules.yaml").write_text(RULES)
    (work / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events()))
    incidents = work / "incidents.csv"
    incidents.write_text(INCIDENTS)
    for grace, expected in EXPECTED.items():
        done = tocsin(work, "--incidents", str(incidents), "--incident-grace", grace)
        check(done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}")
        table = done.stdout[done.stdout.index("PRECISION"):]
        for rule, numbers in expected.items():
            lines = [line for line in table.splitlines() if line.startswith(rule)]
            check(lines and " ".join(lines[0][len(rule):].split()) == numbers,
                  f"grace {grace}, {rule}: expected {numbers} in\n{done.stdout}")
        for line in MISSED:
            check(line in table.splitlines(), f"no line '{line}' in\n{done.stdout}")
    incidents.write_text("start,end,rule\n1,2,Errrors\n")
    done = tocsin(work, "--incidents", str(incidents))
    check(done.returncode == 2 and "incidents.csv:2: there is no enabled rule 'Errrors'" in done.stderr and
          "did you mean 'Errors'?" in done.stderr, f"a rule that is not there: {done.returncode}\n{done.stderr}")
    incidents.write_text("start,end,pod\n1,2,x\n")
    done = tocsin(work, "--incidents", str(incidents))
    check(done.returncode == 0 and "no rule has a label 'pod'" in done.stderr,
          f"a column that is no label: {done.returncode}\n{done.stderr}")
    done = tocsin(work, "--incidents", str(work / "none.csv"))
    check(done.returncode == 2 and "none.csv: the file cannot be read" in done.stderr, f"no file: {done.returncode}\n{done.stderr}")


if __name__ == "__main__":
    sys.exit(exit_code_of("incidents", run))
