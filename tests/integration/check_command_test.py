#!/usr/bin/env python3
"""`tocsin check` as a script would use it: exit codes, the line of totals, and the standard input."""

import subprocess
import sys
import tempfile
from pathlib import Path

from harness import BIN

SOUND = "groups: [{name: g, rules: [{alert: A, expr: 'count[5m] > 5'}]}]\n"
WARNED = SOUND.replace("count[5m] > 5", "max[5m] > 500")
WRONG = SOUND.replace("count", "cuont")
NO_ERRORS = "0 configurations, 1 rule file with 1 rule: 0 errors"

# files, options, standard input -> exit code, what stdout ends with, what stderr holds
CASES = {
    "sound": ({"r.yaml": SOUND}, ["r.yaml"], "", 0, f"{NO_ERRORS}, 0 warnings\n", ""),
    "warning": ({"r.yaml": WARNED}, ["r.yaml"], "", 0, f"{NO_ERRORS}, 1 warning\n", ""),
    "warning, strict": ({"r.yaml": WARNED}, ["--strict", "r.yaml"], "", 1, f"{NO_ERRORS}, 1 warning\n", ""),
    "error": ({"r.yaml": WRONG}, ["r.yaml"], "", 1, "0 configurations, 1 rule file with 0 rules: 1 error, 0 warnings\n", ""),
    "configuration": ({"tocsin.yaml": "rules: [r.yaml]\ninstance: one\n", "r.yaml": WRONG}, ["tocsin.yaml"], "", 1,
                      "1 configuration, 1 rule file with 0 rules: 1 error, 0 warnings\n", ""),
    "standard input": ({}, ["-"], WRONG, 1, "1 error, 0 warnings\n", ""),
    "unreadable": ({"r.yaml": SOUND}, ["r.yaml", "none.yaml", "nor-this.yaml"], "", 2, "",
                   "tocsin: none.yaml: the file cannot be read: No such file or directory\ntocsin: nor-this.yaml: the file cannot be read"),
    "no file": ({}, [], "", 2, "", "FILE is required"),
    "unknown flag": ({"r.yaml": SOUND}, ["--frob", "r.yaml"], "", 2, "", "--frob"),
}


def main():
    failed = 0
    for name, (files, arguments, given, code, out, err) in CASES.items():
        with tempfile.TemporaryDirectory(prefix="tocsin-check-") as directory:
            for file, text in files.items():
                (Path(directory) / file).write_text(text)
            done = subprocess.run([str(BIN / "tocsin"), "check", *arguments], cwd=directory, input=given, capture_output=True, text=True)
        if done.returncode != code or not done.stdout.endswith(out) or err not in done.stderr:
            failed += 1
            print(f"FAILED: {name}: exit code {done.returncode}, expected {code}, {out!r}, {err!r}\n{done.stdout}{done.stderr}")
    print(f"{len(CASES) - failed} of {len(CASES)} cases passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
