"""Upgrades under load: processes of a later version, which writes state, frames and offset metadata of a higher number, beside older ones.

The later version is the build `faults` with TOCSIN_FORMATS_AHEAD (engine/base/test_switches.h): its numbers are higher and its encodings
the same, so what is tried is who reads what of whom, and what the others do meanwhile; not a conversion, of which there is none yet."""

import signal
import time

from cluster import FAULTS_BIN
from harness import Failure, Service, wait_until
from run import SESSION_S, Scenario

REFUSAL = "a newer version"


def make_version(process, ahead):
    """From its next start on."""
    process.binary = FAULTS_BIN / "tocsin"
    process.environment = {"TOCSIN_FORMATS_AHEAD": str(ahead)} if ahead else {}


def stop(process):
    """In good order, unless it has just begun, or is just ending because of what a newer one wrote."""
    process.process.terminate()
    code = process.process.wait(timeout=60)
    if code not in (0, -signal.SIGTERM) and not (code == 1 and REFUSAL in process.log()[-3000:]):
        raise Failure(f"{process.instance} ended with {code} when it was stopped:\n{process.log()[-3000:]}")


def replace(run, process, ahead):
    """Stops one process, in good order or not, and starts it in that version, at once or when the others have its partitions."""
    run.service.away.add(process)
    if process.alive() and run.chance.random() < 0.5:
        stop(process)
    elif process.alive():
        process.kill()
    time.sleep(run.chance.choice([0, 0, SESSION_S + 2]))
    make_version(process, ahead)
    process.start()
    run.service.away.discard(process)


def of_role(run, role):
    processes = [p for p in run.service.processes if p.role == role]
    run.chance.shuffle(processes)
    return processes


def refusals(run):
    return sum(process.log().count("--- ended by itself with 1;") for process in run.service.processes)


def check_why_they_ended(run):
    """An older process ends because of what a newer one wrote, and says so; for no other reason."""
    for process in run.service.processes:
        for life in process.log().split("--- ended by itself with 1; started again ---")[:-1]:
            last = life[-3000:]
            if REFUSAL not in last:
                raise Failure(f"{process.instance} ended with 1, and not because of {REFUSAL}:\n{last}")


def upgrade(run, ahead, order):
    """All processes, one after the other, by role in the order given; the service works before, and afterwards."""
    before = refusals(run)
    for role in order:
        for process in of_role(run, role):
            replace(run, process, ahead)
            run.hits[f"{role} process replaced"] += 1
            run.trial(f"{process.instance} is of version {ahead} now; {refusals(run) - before} refusals in this upgrade")
            time.sleep(run.chance.choice([0, 1, 4]))
            run.service.check_alive()
    run.settle()
    run.hits["upgrade " + ("in the order of the docs" if order[0] == "evaluate" else "in the wrong order")] += 1


def go_back(run, ahead):
    """One process of each role is started in the version before, and has to refuse what it is given; then in the right one again. The other
    one is away meanwhile: where it has a worker for each partition, this one would be given none."""
    for role in ("evaluate", "aggregate"):
        process, other = of_role(run, role)
        said = len(process.log())
        run.service.away.update((process, other))
        stop(other)
        replace(run, process, ahead - 1)
        run.service.away.add(process)
        wait_until(f"{process.instance} refuses to go back", lambda: not process.alive(), 90, 0.2)
        other.start()
        run.service.away.difference_update((process, other))
        if REFUSAL not in process.log()[said:]:
            raise Failure(f"{process.instance}, gone back, ended with {process.process.returncode}:\n{process.log()[-3000:]}")
        make_version(process, ahead)
        process.start()
        run.hits["refused to go back"] += 1
        run.trial(f"{process.instance} refused to go back to version {ahead - 1}")
    run.settle()


def upgrades(run):
    for process in run.service.processes:
        process.kill()
        make_version(process, 0)
        process.start()
    run.settle()
    ahead = 0
    while run.feeding(60):
        ahead += 1
        upgrade(run, ahead, ("aggregate", "evaluate") if ahead % 3 == 0 else ("evaluate", "aggregate"))
        go_back(run, ahead)
    check_why_they_ended(run)
    run.hits["older process ended by what it refused"] += refusals(run)


SCENARIOS = [
    Scenario("upgrade", "processes replaced one by one by those of a version with higher format numbers, and back", upgrades, seconds=300,
             processes=Service.TWO_OF_EACH_ROLE, with_failpoints=True),
]
