#!/usr/bin/env python3
"""The documents held against what they describe: README.md, ARCHITECTURE.md, docs/ and the README.md of folders.

Forward: every flag, command, configuration key, path, function, metric and link that a document names exists, a name that stands before
a file, as `name` (`file`), is in that file, and every YAML block of configuration or rules passes `tocsin check`. docs/ROADMAP.md may name
commands, flags and keys that are not there yet.
Backward: docs/commands.md has a section for each command with each of its flags; docs/operations.md has each configuration key;
docs/metrics.md each metric that another document names.

What counts as a name is what stands in a code span or a code block. Standard library only.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("TOCSIN_BIN", ROOT / "build/release/bin"))
TOP = ("cmake", "deploy", "docs", "engine", "operators", "perf", "proto", "state", "tests")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
A_RULE = "groups: [{name: g, rules: [{alert: Any, expr: 'count[5m] > 5'}]}]\n"


class Document:
    """A Markdown file as code and links, each with its line."""

    def __init__(self, path):
        self.path = path
        self.name = str(path.relative_to(ROOT))
        self.not_yet = path.name == "ROADMAP.md"
        self.code = []    # (line, text): a code span, or a logical line of a block
        self.blocks = []  # (line, language, text)
        self.places = []  # (line, name, file): `name` (`file`)
        self.links = []   # (line, target)
        self.headings = []
        self.sections = {}  # heading -> code in it
        self._read(path.read_text())

    def _read(self, text):
        fence, block, begin, prose, prose_begin = None, [], 0, [], 0

        def end_prose():
            if prose:
                self._read_prose("\n".join(prose), prose_begin)
                prose.clear()

        for number, line in enumerate(text.splitlines(), 1):
            if fence is None and (match := re.match(r"\s*(```+|~~~+)(\S*)", line)):
                end_prose()
                fence, language, block, begin = match[1], match[2], [], number + 1
            elif fence is not None and line.strip() == fence:
                self._read_block(begin, language, block)
                fence = None
            elif fence is not None:
                block.append(line)
            elif not line.strip():
                end_prose()
            else:
                if not prose or line.startswith("#"):
                    end_prose()
                    prose_begin = number
                prose.append(line)
                if line.startswith("#"):
                    self.headings.append(line.lstrip("#").strip())
                    end_prose()
        end_prose()

    def _add(self, line, text):
        self.code.append((line, text))
        if self.headings:
            self.sections.setdefault(self.headings[-1], []).append(text)

    def _read_block(self, begin, language, lines):
        self.blocks.append((begin, language, "\n".join(lines) + "\n"))
        joined, start = "", begin
        for number, line in enumerate(lines, begin):
            start = start if joined else number
            joined += re.sub(r"(^|\s)#.*", "", line)
            if joined.endswith("\\"):
                joined = joined[:-1] + " "
                continue
            self._add(start, joined)
            joined = ""

    def _read_prose(self, text, begin):
        for match in re.finditer(r"(`+)(.+?)\1(?!`)", text, re.DOTALL):
            self._add(begin + text.count("\n", 0, match.start()), " ".join(match[2].split()))
        for match in re.finditer(r"`([A-Za-z_]\w*(?:::\w+)*)(?:\(\))?`,?\s\(?`([\w/]+\.(?:h|cc|proto|py))`", text):
            self.places.append((begin + text.count("\n", 0, match.start()), match[1], match[2]))
        for match in re.finditer(r"\]\(([^)\s]+)\)", re.sub(r"(`+)(.+?)\1(?!`)", lambda m: "x" * len(m[0]), text)):
            self.links.append((begin + text.count("\n", 0, match.start()), match[1]))


class Truth:
    """What there is: commands and flags of the binary and the scripts, keys, files."""

    def __init__(self):
        self.commands = {}
        for name in re.findall(r"^  ([a-z]+) ", self._help().split("Subcommands:")[1], re.MULTILINE):
            options = re.findall(r"^ {2,4}(-.*?)(?:  |$)", self._help(name), re.MULTILINE)
            self.commands[name] = {flag for option in options for flag in FLAG.findall(option.split(" Needs:")[0])}
        dev = subprocess.run([str(ROOT / "dev"), "help"], capture_output=True, text=True, check=True).stdout
        self.dev_commands = set(re.findall(r"^([a-z]+)(?: |$)", dev, re.MULTILINE)) - {"usage", "environment"}
        scripts = {str(path.relative_to(ROOT)): path.read_text() for path in ROOT.glob("deploy/**/*.sh")}
        self.script_flags = {name: set(FLAG.findall(text)) for name, text in scripts.items()}
        kafka_tools = {"--create", "--list", "--describe", "--topic", "--partitions", "--from-beginning", "--bootstrap-server"}
        for name in ("deploy/kafka/topics.sh", "deploy/kafka/console-consumer.sh"):
            self.script_flags[name] |= kafka_tools
        self.dev_flags = set(FLAG.findall(dev)).union(*(self.script_flags[f"deploy/{s}.sh"] for s in ("demo/demo", "kafka/broker")))
        # Tests take options, too.
        tests = set().union(*(FLAG.findall(path.read_text()) for path in ROOT.glob("tests/**/*_test.py")))
        self.flags = set().union(*self.commands.values(), self.dev_flags, *self.script_flags.values(), tests, {"--help", "--version"})
        self.keys = set(re.findall(r'Key\{"([a-z_.]+)"', (ROOT / "engine/config/schema.cc").read_text()))
        self.sections = {key.split(".")[0] for key in self.keys if "." in key}
        self.files = [path.relative_to(ROOT) for top in TOP for path in (ROOT / top).rglob("*")]
        self.sources = {path: path.read_text() for top in ("engine", "operators", "state", "tests") for path in (ROOT / top).rglob("*")
                        if path.suffix in (".h", ".cc")}

    @staticmethod
    def _help(*command):
        return subprocess.run([str(BIN / "tocsin"), *command, "--help"], capture_output=True, text=True, check=True).stdout


def flags_in(truth, text):
    """(flag, whether it exists where it stands) for a span or a line of shell."""
    for part in re.split(r"&&|\|\||[|;]", text):
        known = truth.flags
        if match := re.search(r"(?:^|\s|/)tocsin ([a-z]+)\b", part):
            known = truth.commands.get(match[1], set()) | {"--help"}
        elif match := re.search(r"\./dev\b", part):
            known = truth.dev_flags
        elif match := re.search(r"(deploy/[\w/.-]+\.sh)\b", part):
            known = truth.script_flags.get(match[1], set())
        for flag in FLAG.findall(part):
            yield flag, flag in known


def check_flags(truth, document):
    for line, text in document.code:
        for flag, exists in flags_in(truth, text):
            if not exists and not document.not_yet:
                yield line, f"there is no flag {flag} as in `{text.strip()}`"


def check_commands(truth, document):
    for line, text in document.code:
        for match in re.finditer(r"(?:^|[|&;]\s*)(?:build/release/bin/)?tocsin ([a-z]+)\b", text.strip()):
            if match[1] not in truth.commands and not document.not_yet:
                yield line, f"there is no command `tocsin {match[1]}`"
        for match in re.finditer(r"\./dev ([a-z]+)\b", text):
            if match[1] not in truth.dev_commands:
                yield line, f"there is no command `./dev {match[1]}`"


def check_keys(truth, document):
    for line, text in document.code:
        for match in re.finditer(r"(?<![\w./<-])([a-z_]+)((?:\.[a-z_]+)+)(?![\w(])", text):
            section, key = match[1], match[1] + match[2]
            if section not in truth.sections or re.search(r"\.(h|cc|md|proto|py|sh|yaml|jsonl|csv)$", key):
                continue
            if key not in truth.keys and not document.not_yet:
                yield line, f"there is no configuration key {key}"


def check_paths(truth, document):
    names = {str(path) for path in truth.files}
    for line, text in document.code:
        for token in re.findall(r"[\w./*-]+", text):
            path = token.strip(".").removeprefix("/").rstrip("/.") if not token.startswith("./") else token[2:]
            first = path.split("/")[0]
            if "/" in token and first in TOP and not token.startswith("/"):
                found = any(Path(name).match(path) for name in names) if "*" in path else (ROOT / path).exists()
                if not found and not (ROOT / f"{path}.h").exists():  # a pair of files, named by its stem
                    yield line, f"there is no path {path}"
            elif re.fullmatch(r"[\w/-]+\.(h|cc|proto)", path) and not any(name.endswith("/" + path) for name in names):
                if any(re.search(rf"#include <[\w/]*{re.escape(path)}>", source) for source in truth.sources.values()):
                    continue  # of a library
                yield line, f"there is no file {path}"


def check_functions(truth, document):
    for line, text in document.code:
        for owner, member in re.findall(r"\b([A-Z]\w+)::([a-z]\w+)", text):
            if not any(re.search(rf"\b{owner}\b", source) and re.search(rf"\b{member}\b", source) for source in truth.sources.values()):
                yield line, f"there is no {owner}::{member}"


def check_places(_, document):
    for line, name, file in document.places:
        path = ROOT / file
        # A file that is not there is check_paths' affair.
        if path.is_file() and not re.search(rf"\b{name.split('::')[-1]}\b", path.read_text()):
            yield line, f"{file} does not have {name}"


def slug(heading):
    return re.sub(r"[^\w -]", "", heading.replace("`", "").lower()).replace(" ", "-")


def check_links(_, document):
    for line, target in document.links:
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (document.path.parent / name).resolve() if name else document.path
        if not path.exists():
            yield line, f"the link {target} leads nowhere"
        elif anchor and anchor not in {slug(h) for h in Document(path).headings}:
            yield line, f"there is no heading for the link {target}"


def check_metrics(truth, document):
    path = ROOT / "docs/metrics.md"
    listed = path.read_text()
    for line, text in document.code:
        for metric in re.findall(r"\btocsin_[a-z0-9_]+\b", text):
            base = re.sub(r"_(bucket|sum|count|total)$", "", metric)
            if document.path == path:
                if not any(name in source for source in truth.sources.values() for name in (base, base.removeprefix("tocsin_"))):
                    yield line, f"no source has the metric {metric}"
            elif base not in listed:
                yield line, f"docs/metrics.md has no metric {metric}"


def check_yaml_blocks(_, document):
    for line, language, text in document.blocks:
        if language != "yaml" or document.not_yet:
            continue
        if re.match(r"# \S+\.yml\n", text):  # another program's file, as its first line says
            continue
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "rules").mkdir()
            (Path(directory) / "rules" / "any.yaml").write_text(A_RULE)
            file = Path(directory) / "block.yaml"
            file.write_text(text)
            done = subprocess.run([str(BIN / "tocsin"), "check", str(file)], capture_output=True, text=True,
                                  env={**os.environ, "HOSTNAME": "host-1"})
            if done.returncode != 0:
                yield line, "tocsin check says of this block: " + done.stdout.replace(str(file), "block").strip()


def check_everything_is_documented(truth, documents):
    by_name = {document.name: document for document in documents}
    commands = by_name.get("docs/commands.md")
    for name, flags in truth.commands.items():
        code = commands.sections.get(f"`tocsin {name}`") if commands else None
        if code is None:
            yield "docs/commands.md", f"has no section `tocsin {name}`"
            continue
        documented = {flag for text in code for flag in FLAG.findall(text)}
        for flag in sorted(flags - documented - {"--help"}):
            yield "docs/commands.md", f"the section of `tocsin {name}` does not tell of {flag}"
        for flag in sorted(documented - flags - {"--help"}):
            yield "docs/commands.md", f"the section of `tocsin {name}` tells of {flag}, which it does not have"
    code = "\n".join(text for _, text in by_name["docs/operations.md"].code)
    for key in sorted(truth.keys):
        if not re.search(rf"(?<![\w.]){re.escape(key)}(?![\w])", code):
            yield "docs/operations.md", f"does not tell of the configuration key {key}"


def main():
    paths = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("tests/**/README.md"))]
    documents = [Document(path) for path in paths]
    truth = Truth()
    if len(truth.commands) < 5 or len(truth.keys) < 20 or not truth.dev_commands:
        print("FAILED: this test no longer understands the help texts or engine/config/schema.cc")
        return 1
    if sum(len(document.places) for document in documents) < 20:
        print("FAILED: this test no longer understands where documents say that a name is")
        return 1
    checks = (check_flags, check_commands, check_keys, check_paths, check_functions, check_places, check_links, check_metrics,
              check_yaml_blocks)
    mistakes = [f"{document.name}:{line}: {text}" for document in documents for check in checks for line, text in check(truth, document)]
    mistakes += [f"{name}: {text}" for name, text in check_everything_is_documented(truth, documents)]
    for mistake in mistakes:
        print(mistake)
    pieces, links = sum(len(d.code) for d in documents), sum(len(d.links) for d in documents)
    print(f"{len(documents)} documents, {pieces} pieces of code, {links} links, {len(mistakes)} mistakes")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
