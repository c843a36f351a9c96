"""Connections that fail at chosen requests, black holes and delays, by a proxy between service and broker."""

import time

from cluster import ProxiedBroker
from harness import wait_until
from proxy import Cut
from run import TWO, Scenario

STAGES = (b"-aggregate-", b"-evaluate-")
OTHERS = ("Produce", "AddPartitionsToTxn", "AddOffsetsToTxn", "TxnOffsetCommit", "Heartbeat", "Fetch", "InitProducerId")
PATIENCE_S = 10
GIVEN_UP, GIVE_UP_S = "starting a new producer", 25  # the transaction's time-out is 10 s


def cut_one(run, api, delivered, needle):
    cut = run.proxy.arm(Cut(api, delivered, needle))
    happened = cut.done.wait(PATIENCE_S)
    run.proxy.disarm()
    if not happened:
        return
    what = f"{api} delivered" if delivered else f"{api} not delivered"
    run.hits[what] += 1
    run.trial(f"connection cut: {what}" + (f", of {needle.decode().strip('-')}" if needle else ""))


def cut_at_end_of_transactions(run):
    """Exactly between EndTxn and its answer, or just before: both stages, in turn."""
    n = 0
    while run.feeding():
        run.service.check_alive()
        cut_one(run, "EndTxn", n % 2 == 0, STAGES[n // 2 % 2])
        n += 1
        time.sleep(run.chance.random())


def cut_anywhere(run):
    n = 0
    while run.feeding():
        run.service.check_alive()
        if n % 9 == 8:
            run.proxy.cut_all()
            run.trial("all connections cut")
        else:
            api = run.chance.choice(OTHERS)
            if api == "InitProducerId":  # asked for after a cut whose outcome is unknown, or at a start
                process = run.chance.choice([p for p in run.service.processes if p.alive()])
                process.kill()
                process.start()
            cut_one(run, api, run.chance.random() < 0.5, b"")
        n += 1
        time.sleep(run.chance.random())


def black_holes(run):
    """Bytes of one direction vanish while connections stay open; for longer than a transaction may take, too."""
    while run.feeding(25):
        to_broker = run.chance.random() < 0.5
        seconds = run.chance.choice([1, 3, 7, 12]) + run.chance.random()
        run.trial(f"what goes {'to' if to_broker else 'from'} the broker vanishes for {seconds:.1f} s")
        run.hits["requests swallowed" if to_broker else "answers swallowed"] += 1
        run.proxy.swallow_requests, run.proxy.swallow_answers = to_broker, not to_broker
        time.sleep(seconds)
        run.proxy.swallow_requests = run.proxy.swallow_answers = False
        # No network loses a part of what a connection carries and goes on with it: what was held up comes, or the connection ends. (Kept
        # open, a member whose answer to JoinGroup is missing waits for it for librdkafka's five minutes.)
        run.proxy.cut_all()
        run.settle()


def unanswered_end(run):
    """No EndTxn is answered while everything else is: whoever waits has to give up by the transaction's time-out, and to go on afterwards."""
    run.settle()
    while run.feeding(35):
        said = len(run.service.log())
        run.proxy.swallow_answers_to = ("EndTxn",)
        begin = time.monotonic()
        wait_until("a producer gives up", lambda: GIVEN_UP in run.service.log()[said:], GIVE_UP_S, 0.2)
        seconds = time.monotonic() - begin
        time.sleep(run.chance.random() * 8)
        run.proxy.swallow_answers_to = ()
        run.trial(f"no EndTxn was answered; given up after {seconds:.1f} s")
        run.settle()


def slow_and_cut(run):
    n = 0
    while run.feeding():
        run.service.check_alive()
        run.proxy.delay_s = run.chance.choice([0.005, 0.02, 0.1])
        cut_one(run, "EndTxn", n % 2 == 0, STAGES[n // 2 % 2])
        n += 1
        time.sleep(1)
    run.proxy.delay_s = 0


SCENARIOS = [
    Scenario("cut-end-txn", "connection cut between EndTxn and its answer, or just before EndTxn", cut_at_end_of_transactions, seconds=120,
             quick_seconds=16, processes=TWO, broker=ProxiedBroker, proxied=True),
    Scenario("cut-anywhere", "connections cut at other requests of transactions and groups, or all at once", cut_anywhere, seconds=120,
             processes=TWO, broker=ProxiedBroker, proxied=True),
    Scenario("black-hole", "one direction swallowed for 1 to 13 s on open connections", black_holes, seconds=150, processes=TWO,
             broker=ProxiedBroker, proxied=True),
    Scenario("lost-end-txn", "answers to EndTxn swallowed until producers give up", unanswered_end, seconds=120, processes=TWO,
             broker=ProxiedBroker, proxied=True),
    Scenario("slow-network", "5 to 100 ms delay in each direction, and cuts at EndTxn", slow_and_cut, seconds=90, processes=TWO,
             broker=ProxiedBroker, proxied=True),
]
