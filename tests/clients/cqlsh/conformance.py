"""Conformance of cqlsh: every command typed at a terminal, and its options for scripts."""

import csv
import gzip
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support import (  # noqa: E402
    HOST, KEYSPACE, LOG, PORT, RESTART, SCRATCH, THREE_ANSWER, equal, eventually, fault,
    finish, restart_server, step,
)
from terminal import Terminal  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
FLIGHTS = os.path.join(os.environ["CLIENT_ROOT"], "sql/examples/data/flights.csv.gz")
FLIGHTS_MAX = 20_000
COMMAND = [sys.executable, os.path.join(HERE, "logged.py"), HOST, str(PORT), "--no-color"]
BUILT_AGAINST = re.compile(r"\AWARNING: cqlsh was built against .*\n")
ENVIRONMENT = dict(os.environ, HOME=SCRATCH, TZ="UTC", TERM="dumb", INPUTRC="/dev/null",
                   COLUMNS="200", LC_ALL="C.UTF-8", PYTHONIOENCODING="utf-8")


def note_warnings(text, phase="run"):
    """What cqlsh tells its user belongs to its log too."""
    lines = text.splitlines()
    with open(LOG, "a", encoding="utf-8") as log:
        for at, line in enumerate(lines):
            if line.startswith("Warnings :"):
                line = "Warnings : " + " ".join(lines[at + 1:at + 2])
            # (What DESCRIBE says of virtual tables stands in a comment.)
            if line.upper().startswith("WARNING") and lines[at - 1:at] != ["/*"]:
                log.write("%s WARNING cqlsh %s\n" % (phase, line))


def cqlsh(*options, code=0, stdin=None):
    done = subprocess.run(COMMAND + list(options), env=ENVIRONMENT, timeout=120, input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    if done.returncode != code:
        raise AssertionError("exit code %d: %s %s" % (done.returncode, done.stdout, done.stderr))
    note_warnings(done.stdout)
    note_warnings(done.stderr)
    if code == 0 and done.stderr and "arning" not in done.stderr:
        raise AssertionError("on standard error: " + done.stderr)
    # (cqlsh has a word to say on releases other than the one that it was built with.)
    shown = BUILT_AGAINST.sub("", done.stdout)
    return shown if code == 0 else done.stderr


def has(text, *parts):
    for part in parts:
        found = part.search(text) if isinstance(part, re.Pattern) else part in text
        if not found:
            raise AssertionError("%r lacks %r" % (text, part))


cqlsh("-e", "DROP KEYSPACE IF EXISTS " + KEYSPACE)


@step
def file_of_statements():
    cqlsh("-f", os.path.join(HERE, "schema.cql"))
    has(cqlsh("-e", "SELECT count(*) FROM %s.airlines" % KEYSPACE), " 2", "(1 rows)")


@step
def execute_option():
    has(cqlsh("-e", "SHOW VERSION"), "[cqlsh 6.2.2 | Cassandra 5.0.", "| CQL spec 3.4.7 |",
        "Native protocol v5]")
    equal(cqlsh("-k", KEYSPACE, "-e", "SELECT * FROM airlines WHERE carrier = 'ZÜ'"),
          "\n carrier | name\n---------+----------------\n      ZÜ | Zürich – \"Air\"\n\n(1 rows)\n")
    equal(cqlsh("-k", KEYSPACE, stdin="SELECT hits FROM counted;\nSELECT hits FROM counted;\n"),
          "\n hits\n------\n   42\n\n(1 rows)\n" * 2)
    has(cqlsh("-e", "SELECT * FROM absent.t", code=2), "InvalidRequest", "code=2200",
        "eyspace absent does not exist")
    has(cqlsh("-e", "SELEKT 1", code=2), "SyntaxException", "line 1:0 no viable alternative")
    has(cqlsh("--protocol-version", "4", "-k", KEYSPACE, "-e", "SHOW VERSION; SELECT v, du FROM "
              "every_type WHERE id = 1"), "Native protocol v4", "[1, -0.5, 3.25] | 1mo2d3h")


@step
def every_type_is_shown():
    shown = cqlsh("-k", KEYSPACE, "-e", "EXPAND ON; SELECT * FROM every_type WHERE id = 1")
    found = dict(re.findall(r"(?m)^ *(\w+) *\| (.*)$", shown))
    equal(found, {
        "id": "1", "a": "plain", "bi": "9223372036854775807", "bl": "0x00ff", "bo": "True",
        "da": "2024-02-29", "de": "-1.50", "db": "0.1", "du": "1mo2d3h", "fl": "1.5",
        "ip": "2001:db8::1", "i": "-2147483648", "si": "-32768", "t": "naïve 🚂",
        "ti": "23:59:59.999999999", "ts": "2024-02-29 12:34:56.789000+0000",
        "tu": "8ac6d1dc-fbeb-11e9-8f0b-362b9e155667", "ty": "-128",
        "u": "550e8400-e29b-41d4-a716-446655440000", "vi": "123456789012345678901234567890",
        "l": "[3, 1, 3]", "s": "{'a', 'b'}", "m": "{'one': 1, 'two': 2}",
        "fr": "{1: ['x', 'y']}", "tp": "(1, 'two')",
        "ud": "{id: 5, stops: [{name: 'Zürich HB', at: (47.378, 8.54)}]}", "v": "[1, -0.5, 3.25]",
    })
    shown = cqlsh("-k", KEYSPACE, "-e", "SELECT t, l, i FROM every_type WHERE id = 2")
    has(shown, re.compile(r"\n +\| null \| null\n"))


def described(what, *options):
    return cqlsh(*options, "-e", "DESCRIBE " + what)


@step
def describe_in_all_its_forms():
    has(described("KEYSPACES"), KEYSPACE, "system_schema", "system_auth", "system_traces",
        "system_views", "system_virtual_schema")
    has(described("CLUSTER"), "Cluster: ", "Partitioner: Murmur3Partitioner", "Snitch: ")
    has(described("CLUSTER", "-k", KEYSPACE), "Range ownership:")
    has(described("TABLES", "-k", KEYSPACE), "airlines", "flights", '"MixedCase"', "every_type")
    has(described("TABLES"), "Keyspace system\n", "Keyspace " + KEYSPACE)
    has(described("TYPES", "-k", KEYSPACE), "place", "trip")
    described("FUNCTIONS", "-k", KEYSPACE)
    described("AGGREGATES", "-k", KEYSPACE)
    has(described("TYPE trip", "-k", KEYSPACE),
        "CREATE TYPE %s.trip (\n    id int,\n    stops frozen<list<frozen<place>>>\n);" % KEYSPACE)
    table = described("TABLE flights", "-k", KEYSPACE)
    has(table, "CREATE TABLE %s.flights (" % KEYSPACE,
        "PRIMARY KEY ((origin, month, day), sched_dep_time, carrier, flight)",
        "WITH CLUSTERING ORDER BY (sched_dep_time DESC, carrier ASC, flight ASC)",
        "AND comment = 'it''s the timetable'", "AND default_time_to_live = 86400000",
        "AND compression = {'chunk_length_in_kb': '64', "
        "'class': 'org.apache.cassandra.io.compress.LZ4Compressor'}")
    equal(described("%s.flights" % KEYSPACE), table)
    equal(described("flights", "-k", KEYSPACE), table)
    equal(cqlsh("-k", KEYSPACE, "-e", "desc columnfamily flights"), table)
    has(described('TABLE "MixedCase"', "-k", KEYSPACE), '"a""b" text', 'fixed text static',
        'PRIMARY KEY ("Key", at)')
    has(described(KEYSPACE), "CREATE KEYSPACE %s WITH replication = {'class': 'SimpleStrategy', "
        "'replication_factor': '1'}  AND durable_writes = true;" % KEYSPACE)
    has(described("SCHEMA"), "CREATE KEYSPACE " + KEYSPACE, "CREATE TABLE %s.counted" % KEYSPACE)
    assert "CREATE TABLE system." not in described("SCHEMA")
    has(described("FULL SCHEMA"), "system_schema", "system_traces")
    has(described("TABLE system.local"), "cluster_name text")
    has(described("TABLE system_views.clients"), "VIRTUAL TABLE system_views.clients")
    has(cqlsh("-k", KEYSPACE, "-e", "DESCRIBE TABLE absent", code=2), "absent", "not found")
    has(cqlsh("-e", "DESCRIBE absent", code=2), "absent", "not found")


@step
def described_schema_makes_the_same_schema():
    before = described("KEYSPACE " + KEYSPACE)
    path = os.path.join(SCRATCH, "described.cql")
    with open(path, "w", encoding="utf-8") as file:
        file.write(before.replace(KEYSPACE, KEYSPACE + "_again"))
    cqlsh("-e", "DROP KEYSPACE IF EXISTS %s_again" % KEYSPACE)
    cqlsh("-f", path)
    after = described("KEYSPACE %s_again" % KEYSPACE)
    equal(after.replace(KEYSPACE + "_again", KEYSPACE), before)
    cqlsh("-e", "DROP KEYSPACE %s_again" % KEYSPACE)


def write_flights():
    path = os.path.join(SCRATCH, "flights.csv")
    with gzip.open(FLIGHTS, "rt", encoding="utf-8") as source, open(path, "w") as target:
        for _, line in zip(range(FLIGHTS_MAX + 1), source):
            target.write(line)
    return path


def rows_of(path, columns):
    with open(path, newline="", encoding="utf-8") as file:
        return {tuple(row[name] for name in columns) for row in csv.DictReader(file)}


@step
def copy_from_and_to():
    source = write_flights()
    with open(source, encoding="utf-8") as file:
        columns = file.readline().strip().split(",")
    names = ", ".join(columns)
    options = "HEADER = true AND NULL = 'NA' AND DATETIMEFORMAT = '%Y-%m-%dT%H:%M:%SZ'"
    shown = cqlsh("-k", KEYSPACE, "-e",
                  "COPY flights (%s) FROM '%s' WITH %s" % (names, source, options))
    has(shown, "%d rows imported from 1 files" % FLIGHTS_MAX, "(0 skipped)")
    has(cqlsh("-k", KEYSPACE, "-e", "SELECT count(*) FROM flights"), str(FLIGHTS_MAX))
    target = os.path.join(SCRATCH, "flights_out.csv")
    shown = cqlsh("-k", KEYSPACE, "-e",
                  "COPY flights (%s) TO '%s' WITH PAGESIZE = 500 AND %s" % (names, target, options))
    has(shown, "%d rows exported to 1 files" % FLIGHTS_MAX)
    expected, found = rows_of(source, columns), rows_of(target, columns)
    equal(len(found), FLIGHTS_MAX)
    equal(sorted(found - expected)[:3], [], "rows that were not imported")
    out = cqlsh("-k", KEYSPACE, "-e", "COPY airlines TO STDOUT WITH HEADER = true")
    has(out, "carrier,name", "AA,American Airlines Inc.", 'ZÜ,Zürich – \\"Air\\"')
    # (cqlsh itself can't import durations and user-defined types.)
    columns = ("id, a, bi, bl, bo, da, db, de, fl, fr, i, ip, l, m, s, si, t, ti, tp, ts, tu, ty, "
               "u, v, vi")
    path = os.path.join(SCRATCH, "types.csv")
    read = "SELECT %s FROM every_type WHERE id = 1" % columns
    cqlsh("-k", KEYSPACE, "-e", "COPY every_type (%s) TO '%s'" % (columns, path))
    before = cqlsh("-k", KEYSPACE, "-e", read)
    cqlsh("-k", KEYSPACE, "-e", "TRUNCATE every_type")
    has(cqlsh("-k", KEYSPACE, "-e", "COPY every_type (%s) FROM '%s'" % (columns, path)),
        "2 rows imported")
    equal(cqlsh("-k", KEYSPACE, "-e", read), before)


person = Terminal(COMMAND, ENVIRONMENT)


@step
def typed_statements():
    has(person.transcript, "Connected to ", "[cqlsh 6.2.2 | Cassandra 5.0.", "Use HELP for help.")
    person.type("USE %s;" % KEYSPACE)
    has(person.type("SELECT carrier,", re.compile(r"\.\.\. $")), "")
    has(person.type("name FROM airlines WHERE carrier = 'AA';"), "American Airlines Inc.", "(1 rows)")
    has(person.type("SELECT nothing FROM airlines;"), "InvalidRequest", "code=2200",
        "Undefined column name nothing")
    has(person.type("INSERT INTO airlines (carrier) VALUES (1);"), "InvalidRequest")
    equal(person.type("INSERT INTO airlines (carrier, name) VALUES ('XX', 'x');"), "")
    equal(person.type("BEGIN BATCH DELETE FROM airlines WHERE carrier = 'XX'; APPLY BATCH;"), "")
    has(person.type("SELECT * FROM airlines WHERE carrier = 'XX';"), "(0 rows)")
    has(person.type("CREATE TABLE airlines (a int PRIMARY KEY);"), "AlreadyExists",
        "Table '%s.airlines' already exists" % KEYSPACE)
    person.keys("DESCRIBE TABLE airl\t")
    person.until(re.compile(r"DESCRIBE TABLE airlines"), 20)
    has(person.type(";"), "CREATE TABLE %s.airlines" % KEYSPACE)


@step
def tracing():
    has(person.type("TRACING ON;"), "TRACING set to ON")
    shown = person.type("SELECT * FROM airlines WHERE carrier = 'AA';")
    has(shown, "American Airlines", "Tracing session: ", "activity", "Request complete")
    traced = re.search(r"Tracing session: (\S+)", shown).group(1)
    has(person.type("TRACING OFF;"), "TRACING set to OFF")
    has(person.type("SHOW SESSION %s" % traced), "Tracing session: " + traced, "activity")
    assert "Tracing session" not in person.type("SELECT * FROM airlines;")


@step
def expand_and_paging():
    has(person.type("EXPAND ON;"), "EXPAND set to ON")
    has(person.type("SELECT * FROM airlines WHERE carrier = 'AA';"), "@ Row 1",
        re.compile(r"carrier +\| AA"))
    has(person.type("EXPAND OFF;"), "EXPAND set to OFF")
    has(person.type("PAGING 3;"), "Page size: 3")
    where = "WHERE origin = 'EWR' AND month = 1 AND day = 1"
    person.type("SELECT flight FROM flights %s LIMIT 8;" % where, re.compile(r"---MORE---"))
    person.type("", re.compile(r"---MORE---"))
    has(person.type(""), "(8 rows)")
    has(person.type("PAGING OFF;"), "PAGING set to OFF")
    has(person.type("SELECT flight FROM flights %s LIMIT 8;" % where), "(8 rows)")
    has(person.type("PAGING ON;"), "PAGING set to ON")
    has(person.type("PAGING;"), "PAGING is ON")


@step
def consistency():
    has(person.type("CONSISTENCY;"), "Current consistency level is ONE.")
    for level in ("QUORUM", "ALL", "LOCAL_ONE", "ANY", "ONE"):
        has(person.type("CONSISTENCY %s;" % level), "Consistency level set to %s." % level)
        if level != "ANY":
            has(person.type("SELECT * FROM airlines WHERE carrier = 'AA';"), "(1 rows)")
    person.type("CONSISTENCY THREE;")
    has(person.type("SELECT * FROM airlines WHERE carrier = 'AA';"),
        "(1 rows)" if THREE_ANSWER else "Cannot achieve consistency level THREE")
    person.type("CONSISTENCY ONE;")
    has(person.type("SERIAL CONSISTENCY;"), "Current serial consistency level is SERIAL.")
    has(person.type("SERIAL CONSISTENCY LOCAL_SERIAL;"),
        "Serial consistency level set to LOCAL_SERIAL.")
    person.type("SERIAL CONSISTENCY SERIAL;")


@step
def source_capture_and_show():
    script = os.path.join(SCRATCH, "source.cql")
    with open(script, "w", encoding="utf-8") as file:
        file.write("INSERT INTO airlines (carrier, name) VALUES ('SR', 'sourced');\n"
                   "SELECT name FROM airlines WHERE carrier = 'SR';\n")
    has(person.type("SOURCE '%s'" % script), "sourced", "(1 rows)")
    # (cqlsh 6.2.2 doesn't understand its own CAPTURE OFF: another session captures.)
    captured = os.path.join(SCRATCH, "captured.txt")
    other = Terminal(COMMAND + ["-k", KEYSPACE], ENVIRONMENT)
    has(other.type("CAPTURE '%s'" % captured), "Now capturing query output to")
    equal(other.type("SELECT name FROM airlines WHERE carrier = 'SR';"), "")
    has(other.type("CAPTURE;"), "Currently capturing query output to")
    other.close()
    with open(captured, encoding="utf-8") as file:
        has(file.read(), "sourced", "(1 rows)")
    has(person.type("SHOW VERSION"), "[cqlsh 6.2.2 | Cassandra 5.0.")
    has(person.type("SHOW HOST"), "Connected to ", " at %s:%d" % (HOST, PORT))
    has(person.type("HELP;"), "Documented shell commands")


@step
def schema_change_of_another_session():
    cqlsh("-k", KEYSPACE, "-e", "CREATE TABLE by_another (id int PRIMARY KEY)")
    has(person.type("DESCRIBE TABLE by_another;"), "CREATE TABLE %s.by_another" % KEYSPACE)
    eventually(lambda: "(0 rows)" in person.type("SELECT * FROM by_another;"), "the new table")
    person.type("DROP TABLE by_another;")


def restart():
    with fault():
        restart_server()
        read = "SELECT name FROM airlines WHERE carrier = 'AA';"
        eventually(lambda: "American" in person.type(read), "the session's recovery", 60)
    has(person.type("SELECT count(*) FROM flights WHERE origin = 'EWR' AND month = 1 AND day = 1;"),
        "(1 rows)")
    has(cqlsh("-k", KEYSPACE, "-e", "SELECT count(*) FROM flights"), str(FLIGHTS_MAX))


if RESTART:
    step(restart)


@step
def leave():
    with open(os.path.join(SCRATCH, "transcript.txt"), "w", encoding="utf-8") as file:
        file.write(person.transcript)
    person.close()
    note_warnings(person.transcript)
    cqlsh("-e", "DROP KEYSPACE " + KEYSPACE)


finish()
