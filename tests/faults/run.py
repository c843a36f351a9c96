"""One run of a scenario: known telemetry is written at the pace of the clock, faults happen meanwhile, then all is drained and judged."""

import collections
import contextlib
import datetime
import math
import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from cluster import Supervised, nodes_of
from harness import PHASES, Broker, Failure, Service, first_in, wait_until
from load import Feed, make_load
from verdict import judge

RATE = 400
PARTITIONS = 4
BAD_EVERY = 400  # messages: one that nobody can decode
DRAIN_S = 240
SKIPPED_MARKERS = "these partitions are likely deleted already and hence can be skipped"
APP = "faults"
RULES = Path(__file__).with_name("load_rules.yaml")
EXACT_TIME = "time: {idle_timeout: never, max_future_skew: 365d}"
IDLE_TIME = "time: {max_future_skew: 365d}"
TWO = {"one": None, "two": None}
THREE = {"one": None, "two": None, "three": None}
SESSION_S = 6  # of group members
IN_TRANSACTION, IN_GAP, IN_RESTORE = PHASES[2], PHASES[3], PHASES[4]


@dataclass
class Scenario:
    name: str
    what: str                 # one line of the table
    faults: object            # function of a Run; ends when run.feeding() does
    seconds: int = 120        # of load
    quick_seconds: int = 0    # 0: not part of --quick
    processes: dict = None
    broker: object = Broker  # makes it; of the run's proxy, if it takes one
    proxied: bool = False
    replicas: int = 1
    exact: bool = True        # False: what is evaluated depends on arrival, so only what holds of every log is checked
    progress: bool = False    # the fault leaves others at work: alerts have to be committed meanwhile
    with_failpoints: bool = False


class Run:
    def __init__(self, scenario, seed, seconds, work):
        self.scenario, self.seconds, self.work = scenario, seconds, work
        self.chance = random.Random(seed)
        self.seed = seed
        self.trials = 0
        self.hits = collections.Counter()   # kills by what they hit, and other things worth counting
        self.progressed = []                # alert events committed during each fault that others survive
        self.recoveries = []                # seconds from the end of a fault until alert events were committed again
        self.proxy = self.broker = self.service = self.feed = None
        self.rules = RULES

    # --- what scenarios use ---

    def feeding(self, reserve_s=5):
        """There is load for another fault."""
        return self.feed.seconds_left() > reserve_s

    def say(self, text):
        print(f"  {time.strftime('%H:%M:%S')} {self.trials + 1}: {text}", flush=True)

    def trial(self, text):
        """One fault has happened."""
        self.say(text)
        self.trials += 1

    def note_kill(self, process):
        """After a kill -9: what its workers were doing."""
        phases = set(process.flight())
        self.hits.update(phases)
        return ", ".join(sorted(phases)) or "before its workers ran"

    def committed(self):
        """Alert events that a read_committed reader sees now."""
        seen = []

        def read():
            try:
                seen.append(len(self.broker.dump_values(f"{APP}.alerts")))
            except Failure as failure:  # a broker that has just come back may not answer yet
                print(f"note: {failure}", flush=True)
            return seen

        return wait_until("the alert log can be read", read, 120, 1)[0]

    def wait_for_progress(self, before, timeout_s=60):
        """Alert events have come since there were `before`."""
        wait_until("progress while others were away", lambda: self.committed() > before, timeout_s, 0.5)
        self.progressed.append(self.committed() - before)

    def settle(self, timeout_s=240):
        """The service is at work: alerts are committed that were not there before. How long that took is noted."""
        self.service.check_alive()
        begin = time.monotonic()
        before = self.committed()

        def moves():
            self.service.check_alive()
            return self.committed() > before or not self.feeding(1)

        wait_until("the service works", moves, timeout_s, 0.5)
        if self.trials:
            self.recoveries.append(round(time.monotonic() - begin, 1))

    def aim(self, phase, patience_s, act):
        """Does `act` to a process that is in that phase, or after a while to any that runs."""
        running = [p for p in self.service.processes if p.alive() and p not in self.service.away]
        able = [p for p in running if phase == IN_TRANSACTION or p.role != "aggregate"]
        self.chance.shuffle(able)
        with contextlib.suppress(Failure):  # a process that has not come as far as to have a flight file
            hit = first_in(able, phase, patience_s, act)
            if hit:
                return hit
        hit = self.chance.choice(running)
        act(hit)
        return hit

    # --- the course ---

    def go(self):
        """Returns the verdict."""
        options = (self.proxy,) if self.scenario.proxied else ()
        with self.scenario.broker(*options) as self.broker:
            try:
                self.set_up()
                self.scenario.faults(self)
                verdict = self.finish()
                if verdict.violations():
                    self.keep_logs()
                return verdict
            except BaseException:
                self.keep_logs()
                raise
            finally:
                self.service and self.service.kill()

    def set_up(self):
        processes = self.scenario.processes or Service.ONE
        self.service = Supervised(self.broker, self.work / "service", APP, self.rules, EXACT_TIME if self.scenario.exact else IDLE_TIME,
                                  partitions=3, processes=processes, replicas=self.scenario.replicas,
                                  bootstrap=self.proxy.address if self.proxy else None)
        self.broker.create_topic(f"{APP}-in", PARTITIONS)
        self.service.create_topics()
        self.service.start()
        self.start = math.ceil(time.time()) + 2
        start = datetime.datetime.fromtimestamp(self.start, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.files = make_load(self.work, self.seconds, self.seed, RATE, PARTITIONS, start)
        self.spoil()
        time.sleep(max(0, self.start - time.time()))
        self.feed = Feed(self.broker.bootstrap, f"{APP}-in", self.files, self.seconds)

    def spoil(self):
        """Puts messages in between that nobody can decode, each of them once."""
        for path in self.files:
            lines = path.read_bytes().splitlines(keepends=True)
            for n in range(0, len(lines), BAD_EVERY):
                lines[n] += f"not telemetry: {path.name} {n}\n".encode()
            path.write_bytes(b"".join(lines))

    def finish(self):
        self.feed.wait()
        # All of it but the last moments: a log compared up to where evaluation got stuck would show nothing.
        end = datetime.datetime.fromtimestamp(self.start + self.seconds - 3, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        if self.scenario.exact:
            tick = self.service.wait_drained(None, timeout_s=DRAIN_S, quiet_s=3, until=end)
        else:  # time goes on by itself
            tick = wait_until("everything read and evaluated", lambda: self.evaluated_after(end), DRAIN_S, 1)
        self.service.stop()
        return judge(self, tick)

    def evaluated_after(self, end):
        self.service.check_alive()
        status = self.service.last_status()
        return status.get("ready") and status.get("lag") == 0 and status.get("evaluatedAt", "") > end and status["evaluatedAt"]

    def keep_logs(self):
        nodes = nodes_of(self.broker)
        for node in nodes:
            log = node.directory / "server.log"
            if log.exists():
                shutil.copy(log, self.work / f"broker-{node.directory.name}.log")
                if (skipped := log.read_text(errors="replace").count(SKIPPED_MARKERS)) and len(nodes) == 1:
                    print(f"  the broker left out the end of {skipped} transactions while it led nothing: "
                          "see docs/delivery-guarantees.md", flush=True)


