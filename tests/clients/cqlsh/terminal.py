"""A person at cqlsh: a pseudo-terminal, what is typed, and what appears until the next prompt."""

import os
import pty
import re
import select
import signal
import time

PROMPT = re.compile(r"(?:^|\n)(?:\S+@)?cqlsh(?::\S+)?> $")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x07")


class Terminal:
    def __init__(self, command, environment):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, environment)
        self.transcript = ""
        self.shown = ""
        self.until(PROMPT)

    def until(self, pattern, seconds=60):
        """What appears up to and with the pattern."""
        end = time.monotonic() + seconds
        while True:
            found = pattern.search(self.shown)
            if found:
                text, self.shown = self.shown[: found.end()], self.shown[found.end():]
                return text
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.terminal], [], [], left)[0]:
                raise AssertionError("no %r in %r" % (pattern.pattern, self.shown[-2000:]))
            try:
                data = os.read(self.terminal, 65536)
            except OSError:
                raise AssertionError("cqlsh ended: %r" % self.shown[-2000:]) from None
            text = ESCAPES.sub("", data.decode("utf-8", "replace")).replace("\r", "")
            self.shown += text
            self.transcript += text

    def keys(self, text):
        os.write(self.terminal, text.encode())

    def type(self, line, pattern=PROMPT, seconds=60):
        """Types a line; answers what appeared after its echo and before the prompt."""
        self.keys(line + "\n")
        text = self.until(pattern, seconds)
        return pattern.sub("", text).partition("\n")[2].rstrip("\n")

    def close(self):
        self.keys("exit\n")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                if select.select([self.terminal], [], [], 0.1)[0]:
                    os.read(self.terminal, 65536)
            except OSError:
                pass
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                os.close(self.terminal)
                return
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError("cqlsh did not leave")
