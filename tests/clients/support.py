"""What the conformance scripts in Python share: their surroundings, steps and log.

The harness (tools/clients) says in the environment where the server listens and where the log
goes. Every log line begins with its phase: `run`, or `fault` while the script provokes what a client
rightly complains about, such as a server that is down.
"""

import contextlib
import logging
import os
import subprocess
import sys
import time
import traceback

HOST = os.environ["CLIENT_HOST"]
PORT = int(os.environ["CLIENT_PORT"])
LOG = os.environ["CLIENT_LOG"]
SCRATCH = os.environ["CLIENT_SCRATCH"]
# Every replica of helenus is the one machine; Cassandra, alone, lacks two of three.
THREE_ANSWER = os.environ["CLIENT_SERVER"] == "helenus"
RESTART = os.environ.get("CLIENT_RESTART", "")
KEYSPACE = "conformance_" + os.environ["CLIENT_NAME"].replace("-", "_")

# There while the phase is `fault`: a client may consist of several processes.
_FAULT = os.path.join(SCRATCH, "fault")
_failed = []


class _OneLine(logging.Formatter):
    def format(self, record):
        text = record.getMessage()
        if record.exc_info:
            text += " | " + repr(record.exc_info[1])
        phase = "fault" if os.path.exists(_FAULT) else "run"
        return "%s %s %s %s" % (phase, record.levelname, record.name, text.replace("\n", "\\n"))


def start_log():
    """Everything from INFO upward goes to the log."""
    handler = logging.FileHandler(LOG, mode="a", encoding="utf-8")
    handler.setFormatter(_OneLine())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)


def step(function):
    """Runs a step at once and says how it went; the first line that begins with FAIL counts."""
    began = time.monotonic()
    try:
        function()
    except Exception:  # any fault of a step is a finding, and the next step still runs
        _failed.append(function.__name__)
        print("FAIL %s\n%s" % (function.__name__, traceback.format_exc()), flush=True)
    else:
        print("ok %s %.1fs" % (function.__name__, time.monotonic() - began), flush=True)
    return function


def finish():
    sys.exit(1 if _failed else 0)


@contextlib.contextmanager
def fault():
    """While the script provokes what the client has to complain about."""
    with open(_FAULT, "w", encoding="utf-8"):
        pass
    try:
        yield
    finally:
        os.remove(_FAULT)


def restart_server():
    """Kills the server and starts it again; returns when it listens."""
    subprocess.run([RESTART], check=True)


def eventually(condition, what, seconds=30):
    """Waits for something that the client does by itself, such as taking note of an event."""
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
            error = None
        except Exception as raised:
            error = raised
        if time.monotonic() > end:
            raise AssertionError("%s: not within %d s: %r" % (what, seconds, error)) from error
        time.sleep(0.05)


def equal(found, expected, what=""):
    if found != expected:
        raise AssertionError("%s: found %r, expected %r" % (what, found, expected))
    return True


def fails(kind, function, *words):
    """The call must raise `kind`, with these words in its message."""
    try:
        function()
    except kind as error:
        for word in words:
            if word not in str(error):
                raise AssertionError("%r lacks %r" % (str(error), word)) from error
        return error
    raise AssertionError("nothing raised, expected %s" % (kind,))
