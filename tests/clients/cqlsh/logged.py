"""cqlsh with its driver's log in a file: the same command line, in the same process."""

import sys

from support import start_log

start_log()

from cqlshlib.__main__ import main  # noqa: E402  (the log must be there first)

sys.argv[0] = "cqlsh"
sys.exit(main())
