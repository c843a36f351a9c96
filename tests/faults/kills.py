"""kill -9 of processes, at random moments and at those at which most can go wrong."""

import threading
import time

from harness import Process, Service
from run import IN_GAP, IN_RESTORE, IN_TRANSACTION, TWO, Scenario

AIMS = [None, IN_TRANSACTION, IN_GAP, None, IN_RESTORE]
AWAY_S = 9  # longer than a session: the others take the partitions over, and hand them back


def kill_one(run, n):
    """One kill, at a random moment or in the phase that is its turn."""
    aim = AIMS[n % len(AIMS)]
    running = [p for p in run.service.processes if p.alive()]
    if aim is None:
        hit = run.chance.choice(running)
        hit.kill()
        return hit
    if aim == IN_RESTORE:
        able = [p for p in running if p.role != "aggregate"]
        hit = run.chance.choice(able or running)
        hit.kill()
        hit.start()
    return run.aim(aim, 2, Process.kill)


def random_kills(run):
    several = len(run.service.processes) > 1
    while run.feeding():
        time.sleep(run.chance.choice([0.1, 0.4, 1] if several else [0.3, 0.8, 2]) + run.chance.random() / (2 if several else 1))
        run.service.check_alive()
        if not any(p.alive() for p in run.service.processes):
            continue
        process = kill_one(run, run.trials)
        phases = run.note_kill(process)
        away = several and run.trials % 10 == 9
        run.trial(f"kill -9 of {process.instance}: {phases}" + (f"; away for {AWAY_S} s" if away else ""))
        if not away:
            process.start()
            continue
        run.service.away.add(process)
        threading.Timer(AWAY_S, run.service.away.discard, [process]).start()
    run.service.away.clear()
    run.service.check_alive()


SCENARIOS = [
    Scenario("kill", "kill -9 of the one process", random_kills, seconds=240),
    Scenario("kill-four", "kill -9 of one of four processes (two of each role), which may stay away", random_kills, seconds=420,
             quick_seconds=46, processes=Service.TWO_OF_EACH_ROLE),
    Scenario("kill-idle", "kill -9 of one of two processes under the default `idle_timeout`", random_kills, seconds=120, processes=TWO,
             exact=False),
]
