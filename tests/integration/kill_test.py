#!/usr/bin/env python3
"""kill -9 at random moments under load, on a real broker: the alert log must equal the backtest's.

usage: kill_test.py [--kills N] [--two] [--wipe] [--seed S]

Telemetry of several partitions is written while the service is killed and started again and again: its one process, or with --two any of
four (two of each role), which then sometimes stays away until the others have taken over. With --wipe the state directory is deleted at half
time. Prints what each kill hit (engine/runtime/flight_recorder.h).
"""

import argparse
import collections
import datetime
import random
import shutil
import sys
import time

from harness import Broker, Failure, Service, backtest, check_same_alerts, exit_code_of, kill_in, quantile_rules, up_to
from load import Feed, check_input, make_load

RULES = """groups:
  - name: kill
    interval: 250ms
    rules:
      - alert: Errors
        expr: error_rate[5s] > 20%
        by: [domain, region]
      - alert: Slow
        expr: p95[10s] > 400ms
        by: [domain]
        for: 1s
        min_events: 20
      - alert: Quiet
        expr: count{region="eu"}[2s] < 650
        by: [domain]
      - alert: Everything
        expr: rate[1s] > 1900 and error_rate[1s] >= 2%
      - alert: Flapping
        expr: count[1s] > 115
        by: [domain, region, operation]
"""
PARTITIONS = 4
RATE = 2000
IN_TRANSACTION, IN_GAP, IN_RESTORE = "in a transaction", "between commit and state write", "in a restore"
AIMS = [None, IN_TRANSACTION, IN_GAP, None, IN_RESTORE]
EXTRA_KILLS = 6
TIME = "time: {idle_timeout: never, max_future_skew: 365d}"


def kill_once(service, aim, chance):
    """Kills one process, at a random moment or in the phase aimed at. Returns the process."""
    # Random: long enough to get into work, short enough to hit restores too.
    time.sleep(chance.choice([0.3, 0.8, 2, 3]) + chance.random())
    service.check_alive()
    able = [p for p in service.processes if aim in (None, IN_TRANSACTION) or p.role != "aggregate"]
    chance.shuffle(able)
    if aim is None:
        able[0].kill()
        return able[0]
    if aim == IN_RESTORE:
        able = able[:1]
        able[0].kill()
        able[0].start()
    # Of two that could be hit one may have no partitions, so all are watched.
    return kill_in(able, aim, patience_s=3)


def missed_phases(hits, kills):
    return [phase for phase in (IN_TRANSACTION, IN_GAP, IN_RESTORE) if kills >= len(AIMS) and not hits[phase]]


def kill_again_and_again(service, kills, wipe, chance):
    """Returns how many kills hit which phase. A few more than `kills`, if some phase was missed by all."""
    hits = collections.Counter()
    for n in range(kills + EXTRA_KILLS):
        aim = AIMS[n % len(AIMS)]
        if n >= kills:
            missed = missed_phases(hits, kills)
            if not missed:
                break
            aim = missed[0]
        process = kill_once(service, aim, chance)
        phases = set(process.flight())
        hits.update(phases)
        # Longer than a session: the other process takes the partitions over, and hands them back.
        away_s = chance.choice([0, 0, 0, 9]) if len(service.processes) > 1 else 0
        print(f"kill {n + 1}: {process.instance}: {', '.join(sorted(phases)) or 'before its workers ran'}"
              f"{f'; away for {away_s} s' if away_s else ''}", flush=True)
        if wipe and n == kills // 2:
            shutil.rmtree(service.state / process.instance)
            print("state directory deleted", flush=True)
        time.sleep(away_s)
        process.start()
    return hits


def run(kills, two, wipe, seed, work):
    seconds = 20 + 4 * kills + (2 * EXTRA_KILLS if kills >= len(AIMS) else 0)
    files = make_load(work, seconds, seed, RATE, PARTITIONS)
    rules = work / "rules.yaml"
    rules.write_text(RULES)
    with Broker() as broker:
        service = Service(broker, work / "service", "kill", rules, TIME, partitions=3,
                          processes=Service.TWO_OF_EACH_ROLE if two else None)
        broker.create_topic("kill-in", PARTITIONS)
        service.create_topics()
        feed = Feed(broker.bootstrap, "kill-in", files, seconds)
        service.start()
        hits = kill_again_and_again(service, kills, wipe, random.Random(seed))
        feed.wait()
        # All of it but the last moments: a log compared up to where evaluation got stuck would show nothing.
        end = datetime.datetime(2026, 3, 1) + datetime.timedelta(seconds=seconds - 3)
        tick = service.wait_drained(None, timeout_s=120, quiet_s=3, until=end.isoformat())
        service.stop()
        actual = up_to(broker.dump("kill.alerts"), tick)
        check_input(broker, "kill-in", files)
    expected = up_to(backtest(rules, files, work / "expected.jsonl", service.config), tick)
    print(f"{kills} kills, of which hit at least one worker: " + ", ".join(f"{name} {count}" for name, count in sorted(hits.items())))
    check_same_alerts(expected, actual, tick, quantile_rules(rules))
    if missed := missed_phases(hits, kills):
        raise Failure(f"no kill hit a worker {' or '.join(missed)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--two", action="store_true")
    parser.add_argument("--wipe", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    return exit_code_of("kill", lambda work: run(arguments.kills, arguments.two, arguments.wipe, arguments.seed, work))


if __name__ == "__main__":
    sys.exit(main())
