"""Conformance of the Python drivers: cassandra-driver and scylla-driver have the same interface."""

import datetime
import decimal
import ipaddress
import os
import threading
import uuid

from support import (
    HOST, KEYSPACE, PORT, RESTART, THREE_ANSWER, equal, eventually, fails, fault, finish,
    restart_server, start_log, step,
)

start_log()

import cassandra  # noqa: E402  (the log must be there before the driver speaks)
from cassandra import ConsistencyLevel, InvalidRequest, Unavailable  # noqa: E402
from cassandra.cluster import Cluster, EXEC_PROFILE_DEFAULT, ExecutionProfile  # noqa: E402
from cassandra.concurrent import execute_concurrent, execute_concurrent_with_args  # noqa: E402
from cassandra.metadata import Murmur3Token  # noqa: E402
from cassandra.policies import (  # noqa: E402
    ConstantReconnectionPolicy, FallthroughRetryPolicy, RoundRobinPolicy, TokenAwarePolicy,
)
from cassandra.protocol import ConfigurationException, SyntaxException  # noqa: E402
from cassandra.query import (  # noqa: E402
    BatchStatement, BatchType, SimpleStatement, UNSET_VALUE, dict_factory, tuple_factory,
)
from cassandra.util import Date, Duration, OrderedMapSerializedKey, SortedSet, Time  # noqa: E402

SCYLLA = os.environ["CLIENT_NAME"] == "scylla-driver"


def connect(**options):
    profile = ExecutionProfile(
        load_balancing_policy=options.pop("policy", TokenAwarePolicy(RoundRobinPolicy())),
        row_factory=options.pop("row_factory", tuple_factory),
        request_timeout=30,
    )
    keyspace = options.pop("keyspace", None)
    cluster = Cluster(
        [HOST], port=PORT, execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        reconnection_policy=ConstantReconnectionPolicy(0.5, max_attempts=None), **options
    )
    return cluster, cluster.connect(keyspace)


cluster, session = connect()


@step
def connected():
    equal(cluster.protocol_version, 5, "protocol")
    hosts = cluster.metadata.all_hosts()
    equal(len(hosts), 1, "hosts")
    assert hosts[0].is_up and hosts[0].host_id and hosts[0].datacenter and hosts[0].rack
    assert hosts[0].release_version.startswith("5.0"), hosts[0].release_version
    assert cluster.metadata.cluster_name
    row = session.execute("SELECT release_version, key FROM system.local").one()
    equal(row[1], "local")
    assert len(cluster.metadata.token_map.ring) >= 1
    for keyspace in ("system", "system_schema", "system_traces", "system_auth"):
        assert keyspace in cluster.metadata.keyspaces, keyspace
    if not SCYLLA:
        assert "clients" in cluster.metadata.keyspaces["system_views"].tables


@step
def schema():
    session.execute("DROP KEYSPACE IF EXISTS %s" % KEYSPACE)
    session.execute(
        "CREATE KEYSPACE %s WITH replication = "
        "{'class': 'SimpleStrategy', 'replication_factor': 1}" % KEYSPACE
    )
    session.set_keyspace(KEYSPACE)
    session.execute("CREATE TYPE place (name text, at frozen<tuple<double, double>>)")
    session.execute("CREATE TYPE trip (id int, stops frozen<list<frozen<place>>>)")
    session.execute(
        "CREATE TABLE measured (station text, day date, at timestamp, value double, "
        "note text static, tags set<text>, PRIMARY KEY ((station, day), at)) "
        "WITH CLUSTERING ORDER BY (at DESC) AND comment = 'what stations say' "
        "AND gc_grace_seconds = 3600 AND default_time_to_live = 86400"
    )
    session.execute("CREATE TABLE rows_of (part int, at int, text text, PRIMARY KEY (part, at))")
    session.execute("CREATE TABLE counted (id int PRIMARY KEY, hits counter)")
    keyspace = cluster.metadata.keyspaces[KEYSPACE]
    table = keyspace.tables["measured"]
    equal([c.name for c in table.partition_key], ["station", "day"])
    equal([c.name for c in table.clustering_key], ["at"])
    assert table.columns["at"].is_reversed and table.columns["note"].is_static
    equal(table.columns["tags"].cql_type, "set<text>")
    equal(table.options["comment"], "what stations say")
    equal(table.options["gc_grace_seconds"], 3600)
    equal(table.options["default_time_to_live"], 86400)
    assert "CLUSTERING ORDER BY (at DESC)" in table.export_as_string()
    equal(keyspace.user_types["trip"].field_names, ["id", "stops"])
    equal(keyspace.user_types["trip"].field_types[1], "frozen<list<frozen<place>>>")
    equal(keyspace.replication_strategy.name, "SimpleStrategy")
    assert cluster.control_connection.wait_for_schema_agreement()
    session.execute("ALTER TABLE measured ADD extra map<text, int>")
    assert "extra" in cluster.metadata.keyspaces[KEYSPACE].tables["measured"].columns


INT_MAX, LONG_MAX = 2**31 - 1, 2**63 - 1
SCALARS = {
    "ascii": ["", "plain", "~" * 300],
    "bigint": [0, LONG_MAX, -LONG_MAX - 1],
    "blob": [b"", b"\x00\xff", bytes(range(256)) * 300],
    "boolean": [True, False],
    "date": [Date(0), Date("1969-12-31"), Date("9999-12-31"), Date("0001-01-01")],
    "decimal": [decimal.Decimal(x) for x in ("0", "-1.50", "123456789012345678901234567890.123",
                                             "1E-100", "1E+100")],
    "double": [0.0, -1.5, 1.7976931348623157e308, 5e-324, float("inf"), float("-inf")],
    "duration": [Duration(0, 0, 0), Duration(14, 3, 5_000_000_001), Duration(-1, -2, -3),
                 Duration(INT_MAX, INT_MAX, LONG_MAX)],
    "float": [0.0, -1.5, 3.4028234663852886e38, float("inf")],
    "inet": ["127.0.0.1", "0.0.0.0", "::1", "2001:db8::ff00:42:8329"],
    "int": [0, INT_MAX, -INT_MAX - 1],
    "smallint": [0, 32767, -32768],
    "text": ["", "naïve – Zürich 🚂", "x" * 70000, "quote ' \" \n\t\x00"],
    "time": [Time(0), Time("23:59:59.999999999")],
    "timestamp": [datetime.datetime(1970, 1, 1), datetime.datetime(1969, 12, 31, 23, 59, 59, 1000),
                  datetime.datetime(9999, 12, 31, 23, 59, 59),
                  datetime.datetime(1, 1, 1)],
    "timeuuid": [uuid.UUID("8ac6d1dc-fbeb-11e9-8f0b-362b9e155667"), uuid.uuid1()],
    "tinyint": [0, 127, -128],
    "uuid": [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.uuid4()],
    "varchar": ["same as text"],
    "varint": [0, 1, -1, 127, 128, -128, -129, 2**200, -(2**200)],
}


@step
def scalars_both_ways():
    columns = ", ".join("c_%s %s" % (name, name) for name in SCALARS)
    session.execute("CREATE TABLE scalars (id int PRIMARY KEY, %s)" % columns)
    for name, values in SCALARS.items():
        insert = session.prepare("INSERT INTO scalars (id, c_%s) VALUES (?, ?)" % name)
        select = session.prepare("SELECT c_%s FROM scalars WHERE id = ?" % name)
        for value in values:
            session.execute(insert, (1, value))
            equal(session.execute(select, (1,)).one()[0], value, name)
            # As a literal that the driver writes, and a plain statement's answer.
            # (It writes a decimal by way of a float, and durations not at all.)
            if name not in ("duration", "decimal"):
                session.execute("INSERT INTO scalars (id, c_" + name + ") VALUES (2, %s)", (
                    ipaddress.ip_address(value) if name == "inet" else value,))
                found = session.execute("SELECT c_%s FROM scalars WHERE id = 2" % name).one()[0]
                equal(found, value, name + " literal")
        session.execute(insert, (1, None))
        equal(session.execute(select, (1,)).one()[0], None, name + " null")
    nan = session.prepare("INSERT INTO scalars (id, c_double) VALUES (3, ?)")
    session.execute(nan, (float("nan"),))
    found = session.execute("SELECT c_double FROM scalars WHERE id = 3").one()[0]
    assert found != found
    # Primitive columns may hold no bytes at all, which is neither null nor zero.
    session.execute("INSERT INTO scalars (id, c_int) VALUES (4, blob_as_int(0x))")
    equal(session.execute("SELECT c_int FROM scalars WHERE id = 4").one()[0], None)
    raw = session.execute("SELECT int_as_blob(c_int) FROM scalars WHERE id = 4").one()[0]
    equal(raw, b"", "empty int")


@step
def null_and_unset():
    insert = session.prepare("INSERT INTO scalars (id, c_int, c_text) VALUES (?, ?, ?)")
    session.execute(insert, (10, 5, "five"))
    session.execute(insert, (10, UNSET_VALUE, "six"))
    read = "SELECT c_int, c_text FROM scalars WHERE id = 10"
    equal(session.execute(read).one(), (5, "six"))
    session.execute(insert, (10, None, UNSET_VALUE))
    equal(session.execute(read).one(), (None, "six"))
    session.execute(insert, (10,))
    equal(session.execute(read).one(), (None, "six"))
    fails(InvalidRequest, lambda: session.execute(insert, (None, 1, "x")), "null value", "id")
    clustering = session.prepare("INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)")
    fails(InvalidRequest, lambda: session.execute(clustering, (1, UNSET_VALUE, "x")), "unset", "at")


@step
def nested_types_both_ways():
    session.execute(
        "CREATE TABLE nested (id int PRIMARY KEY, l list<int>, s set<text>, m map<text, bigint>, "
        "fl frozen<list<frozen<set<int>>>>, fm map<int, frozen<map<text, frozen<list<int>>>>>, "
        "t tuple<int, text, frozen<list<int>>>, u trip, fu frozen<trip>, lu list<frozen<place>>, "
        "v vector<float, 3>, vi vector<int, 2>, vt vector<text, 2>, d list<duration>)"
    )
    values = {
        "l": [3, 1, 3],
        "s": SortedSet(["a", "ü", ""]),
        "m": {"one": 1, "max": LONG_MAX},
        "fl": [SortedSet([1, 2]), SortedSet([-1])],
        "t": (1, None, [7]),
        "v": [1.0, -0.5, 3.25],
        "vi": [INT_MAX, -1],
        "vt": ["", "zwei"],
        "d": [Duration(1, 2, 3)],
    }
    for name, value in values.items():
        insert = session.prepare("INSERT INTO nested (id, %s) VALUES (1, ?)" % name)
        session.execute(insert, (value,))
        found = session.execute("SELECT %s FROM nested WHERE id = 1" % name).one()[0]
        if isinstance(found, OrderedMapSerializedKey):
            found = dict(found)
        equal(found, value, name)
    place = ("Zürich HB", (47.378, 8.54))
    trip = (5, [place, ("nowhere", None), (None, None)])
    for name, value in (("u", trip), ("fu", trip), ("lu", [place])):
        insert = session.prepare("INSERT INTO nested (id, %s) VALUES (2, ?)" % name)
        session.execute(insert, (value,))
        found = session.execute("SELECT %s FROM nested WHERE id = 2" % name).one()[0]
        if name == "lu":
            equal(tuple(found[0]), place)
        else:
            equal((found.id, [tuple(stop) for stop in found.stops]), trip, name)
    deep = {1: {"a": [1, 2], "b": []}}
    session.execute(session.prepare("INSERT INTO nested (id, fm) VALUES (3, ?)"), (deep,))
    found = session.execute("SELECT fm FROM nested WHERE id = 3").one()[0]
    equal({k: {a: list(b) for a, b in v.items()} for k, v in found.items()}, deep)
    # An empty collection is an absent one; parts of a collection and of a type may be written.
    session.execute("INSERT INTO nested (id, l, s, m) VALUES (4, [], {}, {})")
    equal(session.execute("SELECT l, s, m FROM nested WHERE id = 4").one(), (None, None, None))
    session.execute("UPDATE nested SET l = l + [9], m['x'] = 7, s = s + {'y'}, u.id = 8 WHERE id = 4")
    row = session.execute("SELECT l, s, m['x'], u.id FROM nested WHERE id = 4").one()
    equal((row[0], list(row[1]), row[2], row[3]), ([9], ["y"], 7, 8))
    fails(Exception, lambda: session.execute("UPDATE nested SET v = [1.0, 2.0] WHERE id = 4"), "vector")


@step
def counters():
    add = session.prepare("UPDATE counted SET hits = hits + ? WHERE id = ?")
    for amount in (5, -2, LONG_MAX - 3):
        session.execute(add, (amount, 1))
    equal(session.execute("SELECT hits FROM counted WHERE id = 1").one()[0], LONG_MAX)
    batch = BatchStatement(BatchType.COUNTER)
    for part in range(3):
        batch.add(add, (part + 1, 100 + part))
    session.execute(batch)
    equal(sorted(session.execute("SELECT id, hits FROM counted WHERE id IN (100, 101, 102)")),
          [(100, 1), (101, 2), (102, 3)])


@step
def prepared_statements():
    insert = session.prepare("INSERT INTO rows_of (part, at, text) VALUES (:p, :a, :t)")
    equal([c.name for c in insert.column_metadata], ["p", "a", "t"])
    session.execute(insert, {"p": 1, "a": 1, "t": "named"})
    session.execute("INSERT INTO rows_of (part, at, text) VALUES (%(p)s, %(a)s, %(t)s)",
                    {"p": 1, "a": 2, "t": "written by the driver"})
    select = session.prepare("SELECT text FROM rows_of WHERE part = ? AND at IN ?")
    equal(session.execute(select, (1, [1, 2])).all(), [("named",), ("written by the driver",)])
    equal(list(select.routing_key_indexes), [0])
    two = session.prepare("INSERT INTO measured (value, day, at, station) VALUES (?, ?, ?, ?)")
    equal(list(two.routing_key_indexes), [3, 1])
    limited = session.prepare("SELECT at FROM rows_of WHERE part = ? LIMIT ?")
    equal(session.execute(limited, (1, 1)).all(), [(1,)])
    timed = session.prepare(
        "INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?) USING TIMESTAMP ? AND TTL ?")
    session.execute(timed, (1, 3, "timed", 1_000_000, 500))
    written = "SELECT writetime(text), ttl(text) FROM rows_of WHERE part = 1 AND at = 3"
    found = session.execute(written).one()
    equal(found[0], 1_000_000)
    assert 490 <= found[1] <= 500, found
    nothing = session.prepare("SELECT * FROM rows_of WHERE part = ?")
    equal(session.execute(nothing, (999,)).all(), [])


@step
def prepared_again_after_a_schema_change():
    session.execute("CREATE TABLE changing (id int PRIMARY KEY, a int)")
    insert = session.prepare("INSERT INTO changing (id, a) VALUES (?, ?)")
    select = session.prepare("SELECT * FROM changing WHERE id = ?")
    session.execute(insert, (1, 2))
    equal(session.execute(select, (1,)).one(), (1, 2))
    session.execute("ALTER TABLE changing ADD b text")
    session.execute("UPDATE changing SET b = 'new' WHERE id = 1")
    session.execute(insert, (2, 3))
    eventually(lambda: equal(session.execute(select, (1,)).one(), (1, 2, "new")), "new column")
    session.execute("ALTER TABLE changing DROP a")
    eventually(lambda: equal(session.execute(select, (1,)).one(), (1, "new")), "dropped column")
    fails(InvalidRequest, lambda: session.execute(insert, (3, 4)))


@step
def batches():
    insert = session.prepare("INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)")
    for kind in (BatchType.LOGGED, BatchType.UNLOGGED):
        batch = BatchStatement(kind)
        for at in range(5):
            batch.add(insert, (20, at, "batch"))
        batch.add("INSERT INTO rows_of (part, at, text) VALUES (21, 0, 'plain')")
        batch.add(SimpleStatement("DELETE FROM rows_of WHERE part = %s AND at = %s"), (20, 4))
        session.execute(batch)
    equal(session.execute("SELECT count(*) FROM rows_of WHERE part = 20").one()[0], 4)
    batch = BatchStatement()
    batch.add(SimpleStatement("INSERT INTO rows_of (part, at, text) VALUES (22, 1, 'x')"))
    batch.add(SimpleStatement("DELETE FROM rows_of WHERE part = 22 AND at = 1"))
    session.execute(batch)
    equal(session.execute("SELECT * FROM rows_of WHERE part = 22").all(), [])
    session.execute("BEGIN UNLOGGED BATCH USING TIMESTAMP 77 "
                    "INSERT INTO rows_of (part, at, text) VALUES (23, 1, 'cql'); APPLY BATCH")
    equal(session.execute("SELECT writetime(text) FROM rows_of WHERE part = 23").one()[0], 77)
    mixed = BatchStatement(BatchType.LOGGED)
    mixed.add("UPDATE counted SET hits = hits + 1 WHERE id = 1")
    fails(InvalidRequest, lambda: session.execute(mixed), "counter")


@step
def conditional_writes():
    session.execute("CREATE TABLE accounts (id int, part int, owner text, credit int, "
                    "tags map<text, int>, PRIMARY KEY (id, part))")
    write = "INSERT INTO accounts (id, part, owner, credit) VALUES (?, ?, ?, ?) IF NOT EXISTS"
    insert = session.prepare(write)
    result = session.execute(insert, (1, 1, "ann", 10))
    equal((result.was_applied, result.column_names), (True, ["[applied]"]))
    result = session.execute(insert, (1, 1, "bob", 20))
    equal(result.was_applied, False)
    equal(result.column_names, ["[applied]", "id", "part", "credit", "owner", "tags"])
    equal(result.one(), (False, 1, 1, 10, "ann", None))
    update = session.prepare("UPDATE accounts SET credit = ? WHERE id = 1 AND part = 1 "
                             "IF credit = ? AND owner IN (?, ?)")
    result = session.execute(update, (11, 9, "ann", "bob"))
    equal((result.was_applied, result.one()), (False, (False, 10, "ann")))
    equal(session.execute(update, (11, 10, "ann", "bob")).was_applied, True)
    for serial in (ConsistencyLevel.SERIAL, ConsistencyLevel.LOCAL_SERIAL):
        session.execute(SimpleStatement("UPDATE accounts SET tags['x'] = 1 WHERE id = 1 "
                                        "AND part = 1 IF EXISTS",
                                        serial_consistency_level=serial))
        read = SimpleStatement("SELECT credit, tags FROM accounts WHERE id = 1",
                               consistency_level=serial)
        equal(session.execute(read).one(), (11, {"x": 1}))
    fails(InvalidRequest, lambda: session.execute(SimpleStatement(
        "INSERT INTO accounts (id, part) VALUES (5, 5)",
        consistency_level=ConsistencyLevel.SERIAL)), "serializable writes")
    result = session.execute("DELETE FROM accounts WHERE id = 7 AND part = 7 IF EXISTS")
    equal((result.was_applied, result.one()), (False, (False,)))
    batch = BatchStatement()
    batch.add(insert, (1, 2, "eve", 1))
    batch.add(update, (12, 11, "ann", "x"))
    equal(session.execute(batch).was_applied, True)
    result = session.execute(batch)
    equal(result.was_applied, False)
    equal(sorted(row[2] for row in [*result]), [1, 2], "the rows that stood in the way")
    batch.add(insert, (2, 2, "far", 1))
    fails(InvalidRequest, lambda: session.execute(batch), "span multiple partitions")


@step
def conditional_writes_at_once():
    session.execute("CREATE TABLE contended (id int PRIMARY KEY, n int)")
    session.execute("INSERT INTO contended (id, n) VALUES (1, 0)")
    raise_it = session.prepare("UPDATE contended SET n = ? WHERE id = 1 IF n = ?")

    def work():
        seen = 0
        for _ in range(20):
            while True:
                result = session.execute(raise_it, (seen + 1, seen))
                if result.was_applied:
                    break
                seen = result.one()[1]

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(session.execute("SELECT n FROM contended").one(), (80,))


@step
def json_rows():
    session.execute("""INSERT INTO rows_of JSON '{"part": 40, "at": 1, "text": "a \\"b\\""}'""")
    insert = session.prepare("INSERT INTO rows_of JSON ? DEFAULT UNSET")
    session.execute(insert, ('{"part": 40, "at": 2}',))
    result = session.execute("SELECT JSON at, text FROM rows_of WHERE part = 40")
    equal(result.column_names, ["[json]"])
    equal([row[0] for row in result],
          ['{"at": 1, "text": "a \\"b\\""}', '{"at": 2, "text": null}'])
    read = session.prepare("SELECT to_json(at) FROM rows_of WHERE part = from_json(?)")
    equal([row[0] for row in session.execute(read, ("40",))], ["1", "2"])
    fails(InvalidRequest, lambda: session.execute("INSERT INTO rows_of JSON '{\"part\": \"x\"}'"),
          "part")


@step
def indexes():
    session.execute("CREATE TABLE indexed (id int, at int, colour text, sizes set<int>, "
                    "PRIMARY KEY (id, at))")
    insert = session.prepare("INSERT INTO indexed (id, at, colour, sizes) VALUES (?, ?, ?, ?)")
    colours = ("red", "green", "blue")
    for n in range(60):
        session.execute(insert, (n % 6, n, colours[n % 3], {n, n + 1}))
    session.execute("CREATE INDEX ON indexed (colour)")
    session.execute("CREATE INDEX by_size ON indexed (values(sizes))")
    eventually(lambda: cluster.metadata.keyspaces[KEYSPACE].tables["indexed"].indexes.keys()
               == {"indexed_colour_idx", "by_size"}, "the indexes are known")
    known = cluster.metadata.keyspaces[KEYSPACE].tables["indexed"].indexes["by_size"]
    equal((known.kind, known.index_options), ("COMPOSITES", {"target": "values(sizes)"}))
    read = session.prepare("SELECT at FROM indexed WHERE colour = ?")

    def red():
        read.fetch_size = 7
        return len(list(session.execute(read, ("red",)))) == 20

    eventually(red, "the index is built")
    eventually(lambda: sorted(row[0] for row in session.execute(
        "SELECT at FROM indexed WHERE sizes CONTAINS 7")) == [6, 7], "the set's index is built")
    session.execute("UPDATE indexed SET colour = 'black', sizes = sizes - {7} "
                    "WHERE id = 0 AND at = 6")
    equal(len(list(session.execute(read, ("red",)))), 19)
    equal([row[0] for row in session.execute("SELECT at FROM indexed WHERE sizes CONTAINS 7")], [7])
    session.execute("DROP INDEX by_size")
    fails(InvalidRequest,
          lambda: session.execute("SELECT at FROM indexed WHERE sizes CONTAINS 7"),
          "ALLOW FILTERING")


def fill_pages():
    insert = session.prepare("INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)")
    rows = [(part, at, "row %d" % at) for part in range(1000, 1010) for at in range(23)]
    execute_concurrent_with_args(session, insert, rows, concurrency=50)
    return rows


@step
def paging():
    rows = fill_pages()
    parts = ", ".join(str(part) for part in range(1000, 1010))
    for size in (1, 7, 23, 100, 229, 230, 231):
        read = SimpleStatement("SELECT part, at, text FROM rows_of WHERE part IN (%s)" % parts,
                               fetch_size=size)
        equal(sorted(session.execute(read)), rows, "pages of %d" % size)
    scan = SimpleStatement("SELECT part, at, text FROM rows_of", fetch_size=11)
    equal(sorted(row for row in session.execute(scan) if 1000 <= row[0] < 1010), rows)
    down = session.prepare("SELECT at FROM rows_of WHERE part = ? AND at > ? ORDER BY at DESC")
    down.fetch_size = 4
    equal([row[0] for row in session.execute(down, (1003, 5))], list(range(22, 5, -1)))
    limited = session.prepare("SELECT at FROM rows_of WHERE part = ? LIMIT 10")
    limited.fetch_size = 3
    equal(len(session.execute(limited, (1003,)).all()), 10)
    first = session.prepare("SELECT part FROM rows_of PER PARTITION LIMIT 1")
    first.fetch_size = 2
    found = [row[0] for row in session.execute(first)]
    equal(len(found), len(set(found)), "one row a partition")
    # A page at a time, each continued from its state alone, in another session.
    other_cluster, other = connect(keyspace=KEYSPACE)
    found, state = [], None
    while True:
        page = other.execute(SimpleStatement(scan.query_string, fetch_size=50), paging_state=state)
        found += page.current_rows
        state = page.paging_state
        if state is None:
            break
    other_cluster.shutdown()
    equal(sorted(row for row in found if 1000 <= row[0] < 1010), rows)


@step
def foreign_paging_state():
    # The driver closes a connection on which it was told of a protocol error.
    other_cluster, other = connect(keyspace=KEYSPACE)
    with fault():
        fails(Exception, lambda: other.execute(
            SimpleStatement("SELECT * FROM rows_of", fetch_size=5), paging_state=b"not a state"))
        eventually(lambda: other.execute("SELECT key FROM system.local").one(), "a new connection")
        other_cluster.shutdown()
    session.execute("SELECT key FROM system.local")


@step
def pages_by_callback():
    done, found, failure = threading.Event(), [], []
    future = session.execute_async(
        SimpleStatement("SELECT at FROM rows_of WHERE part = 1005", fetch_size=4))

    def page(rows):
        found.extend(row[0] for row in rows)
        if future.has_more_pages:
            future.start_fetching_next_page()
        else:
            done.set()

    def failed(error):
        failure.append(error)
        done.set()

    future.add_callbacks(page, failed)
    assert done.wait(30) and not failure, failure
    equal(found, list(range(23)))


@step
def concurrent_requests():
    insert = session.prepare("INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)")
    select = session.prepare("SELECT text FROM rows_of WHERE part = ? AND at = ?")
    keys = [(2000 + n % 50, n) for n in range(1500)]
    for ok, result in execute_concurrent(
            session, [(insert, key + ("value %d" % key[1],)) for key in keys], concurrency=200):
        assert ok, result
    found = execute_concurrent_with_args(session, select, keys, concurrency=200)
    for key, (ok, rows) in zip(keys, found):
        assert ok and rows.one()[0] == "value %d" % key[1], (key, rows)


@step
def token_aware_routing():
    insert = session.prepare("INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)")
    bound = insert.bind((1, 2, "x"))
    equal(bound.routing_key, b"\x00\x00\x00\x01")
    metadata = cluster.metadata
    equal(len(metadata.get_replicas(KEYSPACE, bound.routing_key)), 1, "replicas")
    two = session.prepare("SELECT value FROM measured WHERE station = ? AND day = ?")
    key = two.bind(("Säntis", Date("2024-02-29"))).routing_key
    session.execute("INSERT INTO measured (station, day, at, value) "
                    "VALUES ('Säntis', '2024-02-29', 0, 1.5)")
    token = session.execute("SELECT token(station, day) FROM measured WHERE station = 'Säntis' "
                            "AND day = '2024-02-29'").one()[0]
    equal(Murmur3Token.from_key(key).value, token, "the driver's token and the server's")
    for part in (0, 1, -1, INT_MAX, 12345):
        session.execute(insert, (part, 0, "token"))
        key = insert.bind((part, 0, "")).routing_key
        read = "SELECT token(part) FROM rows_of WHERE part = %s"
        equal(session.execute(read, (part,)).one()[0], Murmur3Token.from_key(key).value)
    plan = TokenAwarePolicy(RoundRobinPolicy())
    plan.populate(cluster, metadata.all_hosts())
    equal(len(list(plan.make_query_plan(KEYSPACE, bound))), 1)


@step
def errors():
    fails(SyntaxException, lambda: session.execute("SELEKT 1"), "line 1")
    with fault():  # the driver logs what it can't prepare
        fails(SyntaxException, lambda: session.prepare("SELECT * FORM rows_of"), "line 1")
    fails(InvalidRequest, lambda: session.execute("SELECT * FROM absent"), "absent")
    fails(InvalidRequest, lambda: session.execute("SELECT * FROM nowhere.absent"), "nowhere")
    fails(InvalidRequest, lambda: session.execute("SELECT no_column FROM rows_of"), "no_column")
    fails(InvalidRequest, lambda: session.execute("SELECT * FROM rows_of WHERE text = 'x'"),
          "ALLOW FILTERING")
    fails(InvalidRequest, lambda: session.execute("INSERT INTO rows_of (part) VALUES (1)"), "at")
    fails(InvalidRequest, lambda: session.execute("INSERT INTO rows_of (part, at) VALUES ('x', 1)"))
    error = fails(cassandra.AlreadyExists,
                  lambda: session.execute("CREATE TABLE rows_of (a int PRIMARY KEY)"))
    equal((error.keyspace, error.table), (KEYSPACE, "rows_of"))
    error = fails(cassandra.AlreadyExists, lambda: session.execute(
        "CREATE KEYSPACE %s WITH replication = {'class': 'SimpleStrategy', "
        "'replication_factor': 1}" % KEYSPACE))
    equal(error.keyspace, KEYSPACE)
    fails(ConfigurationException, lambda: session.execute(
        "CREATE KEYSPACE other WITH replication = {'class': 'NoSuchStrategy'}"))
    fails(InvalidRequest, lambda: session.execute("USE nowhere"), "nowhere")
    wide = SimpleStatement("SELECT * FROM rows_of WHERE part = 1",
                           consistency_level=ConsistencyLevel.THREE,
                           retry_policy=FallthroughRetryPolicy())
    if THREE_ANSWER:
        session.execute(wide)
    else:
        error = fails(Unavailable, lambda: session.execute(wide))
        equal((error.required_replicas, error.alive_replicas), (3, 1))
    for level in (ConsistencyLevel.ANY, ConsistencyLevel.ONE, ConsistencyLevel.QUORUM,
                  ConsistencyLevel.ALL, ConsistencyLevel.LOCAL_QUORUM, ConsistencyLevel.LOCAL_ONE,
                  ConsistencyLevel.EACH_QUORUM):
        session.execute(SimpleStatement("INSERT INTO rows_of (part, at) VALUES (30, 1)",
                                        consistency_level=level))


@step
def warnings_of_the_server():
    future = session.execute_async("SELECT count(*) FROM rows_of")
    future.result()
    assert any("without partition key" in text for text in future.warnings or []), future.warnings
    future = session.execute_async("SELECT count(*) FROM rows_of WHERE part IN (1, 2)")
    future.result()
    assert any("multiple partition keys" in text for text in future.warnings or []), future.warnings


@step
def tracing():
    future = session.execute_async("SELECT * FROM rows_of WHERE part = 1000", trace=True)
    future.result()
    trace = future.get_query_trace(max_wait=20)
    assert trace.request_type and trace.duration is not None and trace.coordinator
    assert len(trace.events) >= 1
    for event in trace.events:
        assert event.description and event.source


@step
def keyspace_of_a_request():
    statement = SimpleStatement("SELECT part FROM rows_of WHERE part = 1000 LIMIT 1",
                                keyspace=KEYSPACE)
    other_cluster, other = connect()
    equal(other.execute(statement).one()[0], 1000)
    prepared = other.prepare("SELECT part FROM rows_of WHERE part = ? LIMIT 1", keyspace=KEYSPACE)
    equal(other.execute(prepared, (1001,)).one()[0], 1001)
    fails(InvalidRequest, lambda: other.execute("SELECT part FROM rows_of"), "keyspace")
    equal(session.execute("SELECT part, at FROM rows_of WHERE part = 1000 LIMIT 1",
                          execution_profile=session.execution_profile_clone_update(
                              EXEC_PROFILE_DEFAULT, row_factory=dict_factory)).one(),
          {"part": 1000, "at": 0})
    other_cluster.shutdown()


@step
def schema_events():
    other_cluster, other = connect(keyspace=KEYSPACE)
    metadata = cluster.metadata
    other.execute("CREATE TABLE seen (id int PRIMARY KEY)")
    eventually(lambda: "seen" in metadata.keyspaces[KEYSPACE].tables, "event: table created")
    other.execute("ALTER TABLE seen ADD more text")
    eventually(lambda: "more" in metadata.keyspaces[KEYSPACE].tables["seen"].columns, "altered")
    other.execute("CREATE TYPE seen_type (a int)")
    eventually(lambda: "seen_type" in metadata.keyspaces[KEYSPACE].user_types, "type created")
    other.execute("DROP TYPE seen_type")
    eventually(lambda: "seen_type" not in metadata.keyspaces[KEYSPACE].user_types, "type dropped")
    other.execute("DROP TABLE seen")
    eventually(lambda: "seen" not in metadata.keyspaces[KEYSPACE].tables, "table dropped")
    second = KEYSPACE + "_second"
    other.execute("DROP KEYSPACE IF EXISTS " + second)
    other.execute("CREATE KEYSPACE %s WITH replication = {'class': 'SimpleStrategy', "
                  "'replication_factor': 1} AND durable_writes = false" % second)
    eventually(lambda: not metadata.keyspaces[second].durable_writes, "keyspace created")
    other.execute("ALTER KEYSPACE %s WITH durable_writes = true" % second)
    eventually(lambda: metadata.keyspaces[second].durable_writes, "keyspace altered")
    other.execute("DROP KEYSPACE " + second)
    eventually(lambda: second not in metadata.keyspaces, "keyspace dropped")
    other_cluster.shutdown()


@step
def every_version_and_compression():
    text = "compress me " * 5000
    for version in (3, 4, 5):
        for compression in (False, "lz4", "snappy"):
            if (version, compression) == (5, "snappy"):
                continue  # version 5 knows LZ4 alone
            other_cluster, other = connect(
                protocol_version=version, compression=compression, keyspace=KEYSPACE)
            what = "v%d %s" % (version, compression)
            insert = other.prepare("INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)")
            other.execute(insert, (3000, version, text))
            read = "SELECT text FROM rows_of WHERE part = 3000 AND at = %s"
            equal(other.execute(read, (version,)).one()[0], text, what)
            execute_concurrent_with_args(other, insert, [(3001, at, text) for at in range(20)])
            rows = other.execute(SimpleStatement(
                "SELECT at, text FROM rows_of WHERE part = 3001", fetch_size=6)).all()
            equal(rows, [(at, text) for at in range(20)], what)
            duration = other.execute("SELECT d FROM nested WHERE id = 1").one()[0]
            equal(list(duration), [Duration(1, 2, 3)], what)
            equal(list(other.execute("SELECT v FROM nested WHERE id = 1").one()[0]),
                  [1.0, -0.5, 3.25], what)
            found = other.execute("SELECT u FROM nested WHERE id = 2").one()[0]
            equal(found.stops[0].name, "Zürich HB", what)
            batch = BatchStatement(BatchType.UNLOGGED)
            for at in range(3):
                batch.add(insert, (3002, at, text))
            other.execute(batch)
            other_cluster.shutdown()


@step
def many_rows_of_many_bytes():
    session.execute("CREATE TABLE large (id int, at int, body blob, PRIMARY KEY (id, at))")
    insert = session.prepare("INSERT INTO large (id, at, body) VALUES (?, ?, ?)")
    body = bytes(range(256)) * 4096  # 1 MiB: spans many segments
    for at in range(6):
        session.execute(insert, (1, at, body))
    rows = session.execute("SELECT at, body FROM large WHERE id = 1").all()
    equal([row[0] for row in rows], list(range(6)))
    assert all(row[1] == body for row in rows)


@step
def object_mapper():
    from cassandra.cqlengine import columns, connection
    from cassandra.cqlengine.management import sync_table
    from cassandra.cqlengine.models import Model
    from cassandra.cqlengine.usertype import UserType

    os.environ["CQLENG_ALLOW_SCHEMA_MANAGEMENT"] = "1"
    connection.register_connection("mapped", hosts=[HOST], default=True, cluster_options={
        "port": PORT, "protocol_version": 5})

    class Address(UserType):
        street = columns.Text()
        number = columns.Integer()

    class Person(Model):
        __keyspace__ = KEYSPACE
        town = columns.Text(partition_key=True)
        name = columns.Text(primary_key=True, clustering_order="DESC")
        born = columns.Date()
        tags = columns.Set(columns.Text)
        home = columns.UserDefinedType(Address)

    sync_table(Person)
    sync_table(Person)
    Person.create(town="Chur", name="Ann", born=datetime.date(1980, 1, 2), tags={"a"},
                  home=Address(street="Gasse", number=3))
    Person.create(town="Chur", name="Bea")
    people = list(Person.objects.filter(town="Chur"))
    equal([person.name for person in people], ["Bea", "Ann"])
    equal(people[1].home.street, "Gasse")
    Person.objects(town="Chur", name="Ann").update(tags__add={"b"})
    equal(Person.get(town="Chur", name="Ann").tags, {"a", "b"})
    connection.unregister_connection("mapped")


def batch_sql():
    """Joins and the like behind the word SQL, over the native protocol."""
    session.execute("CREATE TABLE sold (part int, at int, price decimal, PRIMARY KEY (part, at))")
    session.execute("CREATE TABLE named (part int PRIMARY KEY, name text)")
    insert = session.prepare("INSERT INTO sold (part, at, price) VALUES (?, ?, ?)")
    execute_concurrent_with_args(session, insert, [
        (number % 10, number, decimal.Decimal(number) / 4) for number in range(1_200)])
    for part in range(10):
        session.execute("INSERT INTO named (part, name) VALUES (%s, %s)", (part, "p%d" % part))
    found = session.execute(
        "SQL SELECT n.name, count(*) AS sold, sum(s.price) AS price FROM sold s "
        "JOIN named n ON s.part = n.part WHERE n.part < 2 GROUP BY n.name ORDER BY n.name").all()
    equal(found, [("p%d" % part, 120, decimal.Decimal(120 * part + 10 * 7140) / 4)
                  for part in range(2)], "simple")
    query = session.prepare(
        "SQL SELECT s.at, n.name, lag(s.at) OVER (ORDER BY s.at) FROM sold s "
        "JOIN named n ON s.part = n.part WHERE n.name = ? AND s.at < ? ORDER BY s.at")
    equal(session.execute(query, ("p3", 30)).all(),
          [(3, "p3", None), (13, "p3", 3), (23, "p3", 13)], "prepared")
    equal(session.execute(query, ("p4", 10)).all(), [(4, "p4", None)], "with other values")
    paged = SimpleStatement("SQL SELECT s.at, n.name FROM sold s JOIN named n ON s.part = n.part "
                            "ORDER BY s.at", fetch_size=100)
    page = session.execute(paged)
    equal(len(page.current_rows), 100, "a page")
    assert page.has_more_pages
    equal([tuple(row) for row in page],
          [(number, "p%d" % (number % 10)) for number in range(1_200)], "all pages")
    session.execute("CREATE TABLE sums (part int PRIMARY KEY, price decimal)")
    session.execute("SQL INSERT INTO sums SELECT part, sum(price) FROM sold GROUP BY part")
    equal(session.execute("SELECT price FROM sums WHERE part = 9").one()[0],
          decimal.Decimal(120 * 9 + 10 * 7140) / 4, "INSERT … SELECT")
    fails(InvalidRequest, lambda: session.execute("SQL SELECT nothing FROM sold"), "nothing")
    equal(len(session.execute("SELECT * FROM sold WHERE part = 1").all()), 120, "and CQL again")


# Batch SQL is ours alone.
if THREE_ANSWER:
    step(batch_sql)


def restart():
    insert = session.prepare("INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)")
    select = session.prepare("SELECT part, at, text FROM rows_of WHERE part IN (?, ?)")
    select.fetch_size = 10
    session.execute(insert, (4000, 1, "before the restart"))
    page = session.execute(select, (1001, 1002))
    found, state = list(page.current_rows), page.paging_state
    assert state
    with fault():
        restart_server()
        read = "SELECT text FROM rows_of WHERE part = 4000 AND at = 1"
        eventually(lambda: equal(session.execute(read).one(), ("before the restart",)), "back", 60)
        eventually(lambda: cluster.refresh_schema_metadata() is None
                   and cluster.metadata.all_hosts()[0].is_up, "control connection", 60)
    # Prepared before, unknown to the new process: prepared again without anyone's doing.
    session.execute(insert, (4000, 2, "after the restart"))
    while state is not None:
        page = session.execute(select, (1001, 1002), paging_state=state)
        found += page.current_rows
        state = page.paging_state
    equal(sorted(found), [(part, at, "row %d" % at) for part in (1001, 1002) for at in range(23)])
    equal(session.execute("SELECT count(*) FROM rows_of WHERE part = 4000").one()[0], 2)
    session.execute("CREATE TABLE after_restart (id int PRIMARY KEY)")
    assert "after_restart" in cluster.metadata.keyspaces[KEYSPACE].tables


if RESTART:
    step(restart)


@step
def leave():
    session.execute("DROP KEYSPACE " + KEYSPACE)
    eventually(lambda: KEYSPACE not in cluster.metadata.keyspaces, "keyspace dropped")
    cluster.shutdown()


finish()
