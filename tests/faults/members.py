"""Members of the groups that stand still until others have taken over, and those that come and go."""

import re
import signal
import time

from harness import Failure, Process, wait_until
from run import IN_TRANSACTION, SESSION_S, THREE, TWO, Scenario

# The last: one that had nothing open may join anew without a word, and is given partitions.
FOUND_OUT = re.compile(r"fenced|session timed out|outcome unknown|not committed|joining anew|another process|restored:", re.IGNORECASE)


def zombies(run):
    """SIGSTOP in a transaction until another process has taken over, then SIGCONT: what it had open must not count."""
    run.settle()
    while run.feeding(18):
        zombie = run.aim(IN_TRANSACTION, 3, Process.pause)
        phase = IN_TRANSACTION if IN_TRANSACTION in zombie.flight() else "elsewhere"
        stopped_at = time.monotonic()
        run.service.away.add(zombie)
        time.sleep(SESSION_S + 1)
        before = run.committed()
        run.wait_for_progress(before)
        time.sleep(run.chance.choice([0, 0, 5]))  # beyond the transaction's time-out, too
        said = len(zombie.log())
        seconds = time.monotonic() - stopped_at
        zombie.resume()
        wait_until("the zombie has found out", lambda: not zombie.alive() or FOUND_OUT.search(zombie.log()[said:]), 60, 0.2)
        outcome = f"ended with {zombie.process.poll()}" if not zombie.alive() else "joined anew"
        run.hits[f"stopped {phase}"] += 1
        run.hits[f"zombie {outcome}"] += 1
        run.trial(f"{zombie.instance} stopped ({phase}) for {seconds:.1f} s; {run.progressed[-1]} alert events by the others; "
                  f"then it {outcome}")
        run.service.away.discard(zombie)
        run.settle()


def stop_at_any_moment(process):
    """Also before it has come as far as to end in good order."""
    process.process.terminate()
    code = process.process.wait(timeout=60)
    if code not in (0, -signal.SIGTERM):
        raise Failure(f"{process.instance} ended with {code} when it was stopped:\n{process.log()[-3000:]}")


def storms(run):
    """Three instances, of which some are stopped in good order and started at any moment; at least one works."""
    run.settle()
    while run.feeding(8):
        running = [p for p in run.service.processes if p.alive()]
        idle = [p for p in run.service.processes if not p.alive()]
        out = len(running) > 1 and (not idle or run.chance.random() < 0.5)
        if out:
            process = run.chance.choice(running)
            run.service.away.add(process)
            stop_at_any_moment(process)
        else:
            process = run.chance.choice(idle)
            run.service.away.discard(process)
            process.start()
        run.hits["scaled in" if out else "scaled out"] += 1
        run.trial(f"{process.instance} {'stopped' if out else 'started'}; {len(running) + (-1 if out else 1)} run")
        time.sleep(run.chance.choice([0, 0.3, 1.5, 4]))
        if run.trials % 4 == 0:
            run.wait_for_progress(run.committed())
    run.service.away.clear()
    run.service.check_alive()


SCENARIOS = [
    Scenario("zombie", "a process stopped with SIGSTOP until another has taken over, then continued", zombies, seconds=200,
             quick_seconds=34, processes=TWO, progress=True),
    Scenario("scale-storm", "instances stopped and started at random, 1 to 3 of them", storms, seconds=180, processes=THREE, progress=True),
]
