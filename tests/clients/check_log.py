"""Judges a client's log: check_log.py LOG BASELINE… [--write].

The log has a line a record: PHASE LEVEL LOGGER MESSAGE. The baseline is what the same script made
the same client log against Apache Cassandra 5.0, warnings and worse, with numbers, addresses and
identifiers replaced. An error fails unless the baseline has it for the phase `fault` (the script
provoked it, the server was down on purpose); so does a warning that the baseline lacks. `--write`
adds to the first baseline (what a client says of a lost connection varies from run to run); the
others are of clients that this one is made of.
"""

import os
import re
import sys

BAD = ("WARN", "WARNING", "ERROR", "CRITICAL", "FATAL")

# In this order: what is longer and more particular goes first.
SHAPES = [
    (re.compile(r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b0x[0-9a-f]+\b"), "<address>"),
    (re.compile(r"/(?:[\w.@+-]+/)+(?=[\w.-]+)"), "<path>/"),
    (re.compile(r"(?i)\b(?:localhost|ip6-localhost)?/?(?:127\.0\.0\.1|\[?::1\]?)(?::\d+)?"), "<node>"),
    (re.compile(r"\b[0-9a-f]{8,}\b"), "<hex>"),
    (re.compile(r"\d+(?:\.\d+)*"), "<n>"),
    # How a connection ends is the operating system's choice.
    (re.compile(r"(?i)(?:(?:dial|read|write) tcp <node>(?:-><node>)?: (?:connect|read|write): )?"
                r"(?:connection refused|connection reset by peer|\bEOF\b|broken pipe|"
                r"\b(?:connect|read|write) E(?:CONNREFUSED|CONNRESET|PIPE)\b)"), "<lost>"),
    (re.compile(r"(Last connection failed with|last_connection_error): .*"), r"\1: <lost>"),
]


def shape(line):
    for pattern, name in SHAPES:
        line = pattern.sub(name, line)
    return line


def known(baselines):
    lines = set()
    for baseline in baselines:
        if os.path.exists(baseline):
            with open(baseline, encoding="utf-8") as file:
                lines.update(shape(line) for line in file.read().splitlines())
    return lines


def main():
    write = sys.argv[-1] == "--write"
    log, *baselines = sys.argv[1:-1] if write else sys.argv[1:]
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            lines = [line.rstrip("\n") for line in file if line.strip()]
    except FileNotFoundError:
        sys.exit("the client wrote no log: %s" % log)
    if not lines:
        sys.exit("the client's log is empty: %s" % log)
    for line in lines:
        if line.split(" ", 1)[0] not in ("run", "fault"):
            sys.exit("not a line of a client's log: %s" % line)
    noted = {}
    for line in lines:
        if line.split(" ", 2)[1] in BAD:
            noted.setdefault(shape(line), line)
    if write:
        lines = sorted(known(baselines[:1]) | set(noted))
        with open(baselines[0], "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
    allowed = known(baselines)
    faults = []
    for line, example in noted.items():
        phase, level, _ = line.split(" ", 2)
        error = level not in ("WARN", "WARNING")
        if line not in allowed or (error and phase == "run"):
            faults.append(example)
    for fault in faults:
        print("in the log: " + fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
