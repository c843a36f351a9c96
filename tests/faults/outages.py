"""Brokers that stop, die, stand still; one, or one of three."""

import functools
import signal
import time

from cluster import Brokers, kafka_tool
from harness import wait_until
from run import TWO, Scenario

TRANSACTION_TIMEOUT_S = 10
BROKER_SESSION_S = 2  # deploy/kafka/broker.sh's default


def again_and_again(fault, reserve_s):
    def faults(run):
        run.settle()
        while run.feeding(reserve_s):
            time.sleep(run.chance.random() * 3)
            fault(run)
            run.settle()
    return faults


def restart_in_turn(run):
    """As an upgrade of the brokers does it."""
    for node in run.broker.nodes:
        node.stop()
        node.start()
        run.trial(f"broker {node.directory.name} of three stopped in good order and started")
        wait_until("replicas in step", functools.partial(in_step, run), 120, 1)


def stop_and_start(run):
    run.broker.stop()
    away_s = run.chance.choice([0, 0, 3, 12])
    time.sleep(away_s)
    run.broker.start()
    run.trial(f"broker stopped in good order, away for {away_s} s")


def kill_and_restart(run):
    run.broker.kill()
    away_s = run.chance.choice([0, 0, 3, 12])
    time.sleep(away_s)
    run.broker.start()
    run.trial(f"broker killed with SIGKILL, away for {away_s} s")


def stand_still(run):
    pause(run, TRANSACTION_TIMEOUT_S + 1 + run.chance.random() * 4)


def stand_still_briefly(run):
    """The controller takes the broker for lost, and it says for a moment that there are no brokers at all."""
    pause(run, BROKER_SESSION_S + 0.5 + run.chance.random() * 6)


def pause(run, seconds):
    run.broker.send(signal.SIGSTOP)
    time.sleep(seconds)
    run.broker.send(signal.SIGCONT)
    run.trial(f"broker stood still for {seconds:.1f} s")


def in_step(run):
    """All replicas of all partitions are."""
    text = kafka_tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", run.broker.bootstrap, "--describe",
                      "--under-replicated-partitions")
    return not text.strip()


def lose_one_of_three(run):
    """Its partitions and coordinators move to the others; progress is demanded while it is away."""
    node = run.chance.choice(run.broker.nodes)
    kill = run.chance.random() < 0.6
    before = run.committed()
    node.kill() if kill else node.stop()
    time.sleep(2 + run.chance.random() * 4)
    run.wait_for_progress(before, 90)
    node.start()
    run.hits["broker killed" if kill else "broker stopped"] += 1
    run.trial(f"broker {node.directory.name} of three {'killed' if kill else 'stopped'}; {run.progressed[-1]} alert events meanwhile")
    wait_until("replicas in step", functools.partial(in_step, run), 120, 1)


SCENARIOS = [
    Scenario("rolling-restart", "three brokers stopped in good order and started, one after the other (3 replicas, 2 in step)",
             again_and_again(restart_in_turn, 40), seconds=240, processes=TWO, broker=Brokers, replicas=3),
    Scenario("broker-restart", "the broker stopped in good order, started 0 to 12 s later", again_and_again(stop_and_start, 15), seconds=180,
             processes=TWO),
    Scenario("broker-kill", "the broker killed with SIGKILL, started 0 to 12 s later", again_and_again(kill_and_restart, 15), seconds=180,
             processes=TWO),
    Scenario("broker-stop", "the broker stopped with SIGSTOP for longer than the transaction time-out", again_and_again(stand_still, 20),
             seconds=180, processes=TWO),
    Scenario("broker-pause", "the broker stopped with SIGSTOP for longer than its own session",
             again_and_again(stand_still_briefly, 20), seconds=180, processes=TWO),
    Scenario("three-brokers", "one of three brokers killed or stopped, leaders move (3 replicas, 2 in step)",
             again_and_again(lose_one_of_three, 30), seconds=240, processes=TWO, broker=Brokers, replicas=3, progress=True),
]
