"""Results: a line of JSON for each run, and a table of all of them."""

import collections
import json
from pathlib import Path

from verdict import VIOLATIONS


def result_of(run, verdict, took_s):
    return {"scenario": run.scenario.name, "seed": run.seed, "seconds": round(took_s), "load_s": run.seconds, "trials": run.trials,
            "alerts": verdict.alerts, "rolled_back": verdict.rolled_back, "hits": dict(run.hits), "progress": run.progressed,
            "recoveries": run.recoveries,
            "ended": {str(code): count for code, count in run.service.ended.items()},
            "violations": {kind: verdict.counts[kind] for kind in VIOLATIONS}}


def append(path, result):
    with open(path, "a") as out:
        out.write(json.dumps(result) + "\n")


def line_of(result):
    hits = ", ".join(f"{count} {name}" for name, count in sorted(result["hits"].items()))
    violations = sum(result["violations"].values())
    text = (f"{result['scenario']}: {result['trials']} faults, {result['alerts']} alert events, {violations} violations, "
            f"{result['seconds']} s")
    text += (f"; {hits}" if hits else "") + (f"; progress {result['progress']}" if result["progress"] else "")
    return text + (f"; works again after {result['recoveries']} s" if result["recoveries"] else "")


def table(path, scenarios):
    """Markdown, a row for each scenario that was run."""
    results = collections.defaultdict(list)
    for line in Path(path).read_text().splitlines():
        result = json.loads(line)
        results[result["scenario"]].append(result)
    rows = ["| scenario | faults | alert events compared | violations | 95 % upper bound a fault | duration | of the faults | command |",
            "|---|---|---|---|---|---|---|---|"]
    for scenario in scenarios:
        runs = results.get(scenario.name)
        if not runs:
            continue
        trials = sum(r["trials"] for r in runs)
        violations = sum(sum(r["violations"].values()) for r in runs)
        hits = sum((collections.Counter(r["hits"]) for r in runs), collections.Counter())
        points = {name: hits.pop(name) for name in list(hits) if "_" in name}
        details = [f"{len(points)} points, each of them {min(points.values())} to {max(points.values())} times"] if points else []
        details += [f"{count} {name}" for name, count in sorted(hits.items())]
        if progress := [p for r in runs for p in r["progress"]]:
            details.append(f"progress in {sum(p > 0 for p in progress)} of {len(progress)}")
        if recoveries := [s for r in runs for s in r.get("recoveries", [])]:
            details.append(f"alerts again after {max(recoveries):.0f} s at most")
        rows.append(f"| {scenario.what} | {trials} | {sum(r['alerts'] for r in runs)} | {violations} | "
                    f"{f'{3 / trials:.2g}' if trials and not violations else '-'} | {duration(sum(r['seconds'] for r in runs))} | "
                    f"{', '.join(details)} | {command_of(runs)} |")
    return "\n".join(rows)


def command_of(runs):
    longest = max(runs, key=lambda r: r["load_s"])
    command = f"`./dev faults {longest['scenario']} --seconds {longest['load_s']} --seed {longest['seed']}`"
    return command + (f", and {len(runs) - 1} shorter" if len(runs) > 1 else "")


def duration(seconds):
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
