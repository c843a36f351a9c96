"""Death at a named point: SIGKILL from within, the N-th time that it is passed (engine/base/test_switches.h)."""

import contextlib
import shutil
import signal
import time

from cluster import FAULTS_BIN, ProxiedBroker
from harness import Failure, Process, Service, first_in
from run import IN_TRANSACTION, SESSION_S, Scenario

PATIENCE_S = 120

# Points by what has to happen so that a process comes by. Those of transactions are tried in both roles.
AT_WORK = {"transaction_begin": "both", "transaction_records": "both", "transaction_offsets": "both", "transaction_committed": "both",
           "aggregate_flush": "aggregate", "evaluate_seal": "evaluate", "evaluate_committed": "evaluate",
           "evaluate_partition_stored": "evaluate", "evaluate_stored": "evaluate"}
AT_START = {"aggregate_assigned": "aggregate", "restore_batch": "evaluate", "restore_caught_up": "evaluate", "restore_done": "evaluate"}
WITHOUT_STATE = {"restore_emptied": "evaluate"}
ON_REBALANCE = {"aggregate_revoked": "aggregate", "aggregate_given_up": "aggregate", "evaluate_revoked": "evaluate",
                "evaluate_given_up": "evaluate"}
AFTER_REFUSAL = {"transaction_aborted": "both"}
IN_DOUBT = {"producer_replaced": "both"}
AFTER_FAILURE = {"aggregate_rewind": "aggregate", "evaluate_rewind": "evaluate"}
ALL = AT_WORK | AT_START | WITHOUT_STATE | ON_REBALANCE | AFTER_REFUSAL | IN_DOUBT | AFTER_FAILURE


def arm(run, process, point, times):
    process.binary = FAULTS_BIN / "tocsin"
    process.environment = {"TOCSIN_FAILPOINT": f"{point}:{times}"}
    process.start()


def wait_for_death(process, point, meanwhile):
    end = time.monotonic() + PATIENCE_S
    while process.alive() and time.monotonic() < end:
        meanwhile()
    if process.alive():
        raise Failure(f"{process.instance} has not come to the failpoint {point} within {PATIENCE_S} s")
    if process.process.returncode != -signal.SIGKILL:
        raise Failure(f"{process.instance} ended with {process.process.returncode} instead of at {point}:\n{process.log()[-3000:]}")


def die_at(run, point, role):
    """One process of `role` dies at the point, and is started again without it."""
    process, other = [p for p in run.service.processes if p.role == role]
    if process.alive():
        process.kill()
    if point in WITHOUT_STATE:
        shutil.rmtree(run.service.state / process.instance, ignore_errors=True)
    times = 1 if point not in AT_WORK else run.chance.randint(1, 12)
    arm(run, process, point, times)
    if point in ON_REBALANCE:
        wait_for_death(process, point, lambda: restart(other))
    elif point in AFTER_REFUSAL:
        wait_for_death(process, point, lambda: outlive_session(process))
    elif point in IN_DOUBT:
        wait_for_death(process, point, lambda: lose_answers(run, process, ()))
    elif point in AFTER_FAILURE:  # the group's requests are answered: the worker keeps its partitions, and goes back in them
        wait_for_death(process, point, lambda: lose_answers(run, process, ("Produce", "AddPartitionsToTxn")))
    else:
        wait_for_death(process, point, lambda: time.sleep(0.05))
    phases = run.note_kill(process)
    process.environment = {}
    process.start()
    run.hits[point] += 1
    run.trial(f"{process.instance} died at {point}:{times} ({phases})")


def restart(other):
    """The other process of the role goes for longer than a session and comes back: each time the group rebalances."""
    time.sleep(2)
    if other.alive():
        with contextlib.suppress(Failure):
            other.stop()
    time.sleep(SESSION_S + 1)
    other.start()
    time.sleep(3)


def outlive_session(process):
    """Stopped in a transaction for longer than its session and shorter than the transaction may take: its offsets are refused."""
    time.sleep(2)
    if first_in([process], IN_TRANSACTION, 5, Process.pause):
        time.sleep(SESSION_S + 1.5)
        process.resume()
        time.sleep(2)


def lose_answers(run, process, names):
    """Answers vanish, to requests of these names or (none) to all, until the transaction's time is over; then connections begin anew."""

    def swallow(_):
        if names:
            run.proxy.swallow_answers_to = names
        else:
            run.proxy.swallow_answers = True

    # On a busy machine the group takes longer than a few seconds to work again after the last time.
    first_in([process], IN_TRANSACTION, 15, swallow)
    swallow(process)
    time.sleep(13)
    run.proxy.swallow_answers, run.proxy.swallow_answers_to = False, ()
    run.proxy.cut_all()
    time.sleep(3)


def named_points(run):
    run.settle()
    todo = [(point, role) for point, roles in ALL.items() for role in (("aggregate", "evaluate") if roles == "both" else (roles,))]
    run.chance.shuffle(todo)
    for point, role in todo:
        if not run.feeding(20):
            raise Failure(f"the load ended before {point} was tried: give it more --seconds")
        die_at(run, point, role)
        run.service.check_alive()
    while run.feeding(15):
        die_at(run, *run.chance.choice([(p, r) for p, r in todo if p in AT_WORK | AT_START]))


SCENARIOS = [
    Scenario("failpoints", f"SIGKILL at each of {len(ALL)} named points", named_points, seconds=420, processes=Service.TWO_OF_EACH_ROLE,
             broker=ProxiedBroker, proxied=True, with_failpoints=True),
]
