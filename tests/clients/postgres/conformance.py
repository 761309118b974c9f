"""Conformance of the PostgreSQL door: psycopg, SQLAlchemy and pandas."""

import datetime
import decimal
import logging
import os
import threading
import time
import uuid

from support import HOST, KEYSPACE, RESTART, equal, eventually, fails, fault, finish
from support import restart_server, start_log, step

start_log()

import pandas  # noqa: E402  (the log must be there before the client speaks)
import psycopg  # noqa: E402
import sqlalchemy  # noqa: E402

PORT = int(os.environ["CLIENT_PG_PORT"])
ORDERS = 1_200
CUSTOMERS = [(number, "customer %d" % number) for number in range(20)]


def connect(**options):
    return psycopg.connect(host=HOST, port=PORT, user="ann", dbname=KEYSPACE, autocommit=True,
                           connect_timeout=10, **options)


connection = connect()
# psycopg itself is silent unless something is amiss.
logging.getLogger("conformance").info("connected to %s", connection.info.server_version)
engine = sqlalchemy.create_engine(
    "postgresql+psycopg://ann@%s:%d/%s" % (HOST, PORT, KEYSPACE))


def rows(text, *values):
    return connection.execute(text, values).fetchall()


@step
def connected():
    equal(connection.info.status, psycopg.pq.ConnStatus.OK)
    assert connection.info.server_version >= 100_000, connection.info.server_version
    equal(rows("SELECT 1 + 1"), [(2,)])
    equal(connection.info.encoding, "utf-8")


@step
def schema_and_rows():
    global connection
    connection.execute("DROP KEYSPACE IF EXISTS %s" % KEYSPACE)
    connection.execute("CREATE KEYSPACE %s WITH replication = "
                       "{'class': 'SimpleStrategy', 'replication_factor': 1}" % KEYSPACE)
    # The database's name is that of unqualified tables if the keyspace exists as one connects.
    connection.close()
    connection = connect()
    connection.execute("CREATE TABLE customers (id int PRIMARY KEY, name text)")
    connection.execute(
        "CREATE TABLE orders (customer int, day date, number int, total decimal, "
        "tags list<text>, PRIMARY KEY (customer, day, number))")
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO customers (id, name) VALUES (%s, %s)", CUSTOMERS)
        cursor.executemany(
            "INSERT INTO orders (customer, day, number, total) VALUES (%s, %s, %s, %s)",
            [(number % 20, datetime.date(2024, 1, 1 + number % 28), number,
              decimal.Decimal(number) / 4) for number in range(ORDERS)])
    equal(rows("SELECT count(*) FROM orders"), [(ORDERS,)])
    equal(rows("SELECT name FROM customers WHERE id = %s", 7), [("customer 7",)])


@step
def types_both_ways():
    connection.execute(
        "CREATE TABLE every_type (id int PRIMARY KEY, bo boolean, ty tinyint, si smallint, "
        "bi bigint, fl float, db double, de decimal, vi varint, t text, bl blob, u uuid, da date, "
        "ti time, ts timestamp, l list<int>)")
    values = {
        "bo": True, "ty": -128, "si": -32768, "bi": 2**63 - 1, "fl": 1.5, "db": 0.1,
        "de": decimal.Decimal("-1.50"), "vi": decimal.Decimal(2**100), "t": "naïve 🚂 ' \" \n",
        "bl": b"\x00\xff", "u": uuid.UUID(int=5), "da": datetime.date(2024, 2, 29),
        "ti": datetime.time(23, 59, 59, 999_999),
        "ts": datetime.datetime(2024, 2, 29, 12, 34, 56, 789_000, datetime.timezone.utc),
    }
    names = list(values)
    connection.execute("INSERT INTO every_type (id, %s) VALUES (1%s)" % (
        ", ".join(names), ", %s" * len(names)), [values[name] for name in names])
    connection.execute("INSERT INTO every_type (id, l) VALUES (2, [3, 1, 2])")
    for binary in (False, True):
        with connection.cursor(binary=binary) as cursor:
            for name in names:
                found = cursor.execute("SELECT %s FROM every_type WHERE id = 1" % name).fetchone()
                equal(found, (values[name],), "%s, binary %s" % (name, binary))
            found = cursor.execute("SELECT l, t FROM every_type WHERE id = 2").fetchone()
            equal(found, ([3, 1, 2], None), "list and null")


@step
def joins_windows_groups():
    for prepare in (False, True):
        found = connection.execute(
            "SELECT c.name, count(*) AS orders, sum(o.total) AS spent FROM orders o "
            "JOIN customers c ON o.customer = c.id WHERE c.id < %s GROUP BY c.name "
            "HAVING sum(o.total) > %s ORDER BY c.name", (3, decimal.Decimal("8850")),
            prepare=prepare).fetchall()
        # Customer n has the orders n, n + 20, …: 60 of them.
        equal(found, [("customer %d" % n, 60, decimal.Decimal(60 * n + 20 * 1770) / 4)
                      for n in range(3) if (60 * n + 20 * 1770) / 4 > 8850], "groups")
    found = rows(
        "SELECT number, row_number() OVER (ORDER BY number DESC) AS place, "
        "lag(number) OVER (ORDER BY number) FROM orders WHERE customer = %s "
        "ORDER BY number LIMIT %s", 5, 3)
    equal(found, [(5, 60, None), (25, 59, 5), (45, 58, 25)], "window")
    found = rows("WITH big AS (SELECT * FROM orders WHERE total >= %s) SELECT count(*) FROM big "
                 "WHERE customer IN (SELECT id FROM customers WHERE name = %s)",
                 decimal.Decimal("200"), "customer 4")
    equal(found, [(len([n for n in range(ORDERS) if n % 20 == 4 and n / 4 >= 200]),)], "CTE")
    with connection.cursor() as cursor:
        numbers = [row[0] for row in cursor.stream("SELECT number FROM orders ORDER BY number")]
    equal(numbers, list(range(ORDERS)), "streamed")


@step
def written_back():
    connection.execute("CREATE TABLE totals (customer int PRIMARY KEY, total decimal)")
    written = connection.execute(
        "INSERT INTO totals SELECT customer, sum(total) FROM orders GROUP BY customer")
    equal(written.rowcount, 20, "rows written")
    equal(rows("SELECT count(*), sum(total) FROM totals"),
          [(20, decimal.Decimal(sum(range(ORDERS))) / 4)])


@step
def errors_and_after():
    text = "SELECT count(*) FROM orders WHERE nothing = 1"
    error = fails(psycopg.errors.UndefinedColumn, lambda: rows(text), "nothing")
    equal(error.diag.sqlstate, "42703")
    error = fails(psycopg.errors.SyntaxError, lambda: rows("SELECT name FRUM orders x y"))
    equal(error.diag.sqlstate, "42601")
    equal(error.diag.statement_position is not None, True, "a position")
    error = fails(psycopg.errors.UndefinedTable, lambda: rows("SELECT * FROM absent a JOIN "
                                                              "orders o ON a.x = o.number"))
    equal(error.diag.sqlstate, "42P01")
    fails(psycopg.errors.DivisionByZero, lambda: rows("SELECT 1 / (id - id) FROM customers"))
    equal(rows("SELECT count(*) FROM customers"), [(20,)], "the same connection")
    with connect() as careful:
        careful.autocommit = False
        fails(psycopg.Error, lambda: careful.execute("SELECT * FROM absent"))
        fails(psycopg.errors.InFailedSqlTransaction, lambda: careful.execute("SELECT 1"))
        careful.rollback()
        equal(careful.execute("SELECT 1").fetchall(), [(1,)], "after ROLLBACK")


@step
def cancelled():
    endless = ("SELECT sum(a.number * b.number + c.number) FROM orders a, orders b, orders c "
               "WHERE a.number + b.number > c.number")
    began = time.monotonic()
    timer = threading.Timer(1, connection.cancel_safe)
    timer.start()
    error = fails(psycopg.errors.QueryCanceled, lambda: rows(endless))
    timer.join()
    equal(error.diag.sqlstate, "57014")
    assert time.monotonic() - began < 10, time.monotonic() - began
    equal(rows("SELECT 2"), [(2,)], "the same connection")


@step
def inspector():
    seen = sqlalchemy.inspect(engine)
    equal(seen.get_schema_names(), [KEYSPACE, "information_schema"])
    equal(sorted(seen.get_table_names(schema=KEYSPACE)),
          ["customers", "every_type", "orders", "totals"])
    columns = seen.get_columns("orders", schema=KEYSPACE)
    types = {column["name"]: type(column["type"]).__name__ for column in columns}
    equal(types, {"customer": "INTEGER", "day": "DATE", "number": "INTEGER", "total": "NUMERIC",
                  "tags": "ARRAY"})
    key = seen.get_pk_constraint("orders", schema=KEYSPACE)
    equal(key["constrained_columns"], ["customer", "day", "number"])
    equal(seen.get_foreign_keys("orders", schema=KEYSPACE), [])
    assert seen.has_table("orders", schema=KEYSPACE)
    assert not seen.has_table("absent", schema=KEYSPACE)
    equal(seen.get_view_names(schema=KEYSPACE), [])


@step
def core_of_sqlalchemy():
    metadata = sqlalchemy.MetaData()
    orders = sqlalchemy.Table(
        "orders", metadata, sqlalchemy.Column("customer", sqlalchemy.Integer, primary_key=True),
        sqlalchemy.Column("number", sqlalchemy.Integer, primary_key=True), schema=KEYSPACE)
    customers = sqlalchemy.Table(
        "customers", metadata, sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
        sqlalchemy.Column("name", sqlalchemy.Text), schema=KEYSPACE)
    text = (sqlalchemy.select(customers.c.name, sqlalchemy.func.count().label("orders"))
            .join_from(orders, customers, orders.c.customer == customers.c.id)
            .where(orders.c.number < 30).group_by(customers.c.name)
            .order_by(customers.c.name).limit(2))
    with engine.connect() as asked:
        equal([tuple(row) for row in asked.execute(text)], [("customer 0", 2), ("customer 1", 2)])
        asked.execute(sqlalchemy.insert(customers).values(id=100, name="by SQLAlchemy"))
        asked.commit()
    equal(rows("SELECT name FROM customers WHERE id = 100"), [("by SQLAlchemy",)])


@step
def data_frames():
    with engine.connect() as asked:
        frame = pandas.read_sql(
            sqlalchemy.text("SELECT day, count(*) AS orders FROM orders WHERE number < :most "
                            "GROUP BY day ORDER BY day"), asked, params={"most": 280},
            parse_dates=["day"])
        equal(frame.shape, (28, 2))
        equal(frame["orders"].tolist(), [10] * 28)
        equal(frame["day"].iloc[0], pandas.Timestamp(2024, 1, 1))
        chunks = list(pandas.read_sql(sqlalchemy.text("SELECT number FROM orders"), asked,
                                      chunksize=500))
        equal([len(chunk) for chunk in chunks], [500, 500, 200])


def restart():
    global connection
    with fault():
        restart_server()
        fails(psycopg.OperationalError, lambda: rows("SELECT 1"))
        engine.dispose()
    connection = connect()
    equal(rows("SELECT count(*) FROM orders"), [(ORDERS,)])


if RESTART:
    step(restart)


@step
def leave():
    connection.execute("DROP KEYSPACE " + KEYSPACE)
    seen = sqlalchemy.inspect(engine)
    eventually(lambda: KEYSPACE not in seen.get_schema_names(), "keyspace dropped")
    engine.dispose()
    connection.close()


finish()
