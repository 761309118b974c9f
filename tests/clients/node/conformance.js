// Conformance of the Node driver. Each log line: PHASE LEVEL LOGGER MESSAGE.
'use strict';

const assert = require('assert');
const childProcess = require('child_process');
const fs = require('fs');
const cassandra = require('cassandra-driver');

const { types } = cassandra;
const HOST = process.env.CLIENT_HOST;
const PORT = Number(process.env.CLIENT_PORT);
// Every replica of helenus is the one machine; Cassandra, alone, lacks two of three.
const THREE_ANSWER = process.env.CLIENT_SERVER === 'helenus';
const RESTART = process.env.CLIENT_RESTART;
const KEYSPACE = 'conformance_node';
const LEVELS = { verbose: 'DEBUG', info: 'INFO', warning: 'WARN', error: 'ERROR' };

let phase = 'run';
let failed = false;

function log(level, logger, message) {
  if (level === 'verbose') return;
  const text = String(message).replace(/\n/g, '\\n');
  fs.appendFileSync(process.env.CLIENT_LOG, `${phase} ${LEVELS[level]} ${logger} ${text}\n`);
}

async function provoked(work) {
  phase = 'fault';
  try {
    return await work();
  } finally {
    phase = 'run';
  }
}

function connect(options) {
  const client = new cassandra.Client({
    contactPoints: [`${HOST}:${PORT}`],
    localDataCenter: 'datacenter1',
    policies: { reconnection: new cassandra.policies.reconnection.ConstantReconnectionPolicy(500) },
    ...options,
  });
  client.on('log', log);
  return client;
}

async function step(name, work) {
  const began = Date.now();
  try {
    await work();
    console.log(`ok ${name} ${((Date.now() - began) / 1000).toFixed(1)}s`);
  } catch (error) {
    failed = true;
    console.log(`FAIL ${name}\n${error.stack} ${JSON.stringify(error.innerErrors || {})}`);
  }
}

async function eventually(condition, seconds = 30) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    let last;
    try {
      if (await condition()) return;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw last || new Error(`not within ${seconds} s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function fails(work, code, ...words) {
  try {
    await work();
  } catch (error) {
    if (code !== undefined) assert.strictEqual(error.code, code, error.message);
    for (const word of words) assert.ok(error.message.includes(word), error.message);
    return error;
  }
  throw new Error(`nothing failed: ${work}`);
}

const client = connect();
const prepared = { prepare: true };
const { responseErrorCodes: codes } = types;

async function connected() {
  await client.connect();
  assert.strictEqual(client.hosts.length, 1);
  const host = client.hosts.values()[0];
  assert.ok(host.isUp() && host.hostId && host.datacenter && host.rack);
  assert.ok(host.tokens.length >= 1 && host.cassandraVersion.startsWith('5.0'));
  assert.ok(client.metadata.keyspaces.system_schema);
  assert.strictEqual(client.controlConnection.protocolVersion, 4);
}

async function schema() {
  await client.execute(`DROP KEYSPACE IF EXISTS ${KEYSPACE}`);
  await client.execute(`CREATE KEYSPACE ${KEYSPACE} WITH replication =
    {'class': 'SimpleStrategy', 'replication_factor': 1}`);
  await client.execute(`USE ${KEYSPACE}`);
  await client.execute('CREATE TYPE place (name text, at frozen<tuple<double, double>>)');
  await client.execute(`CREATE TABLE measured (station text, day date, at timestamp, value double,
    note text static, tags set<text>, places list<frozen<place>>, PRIMARY KEY ((station, day), at))
    WITH CLUSTERING ORDER BY (at DESC) AND comment = 'what stations say'`);
  await client.execute('CREATE TABLE rows_of (part int, at int, text text, PRIMARY KEY (part, at))');
  await client.execute('CREATE TABLE counted (id int PRIMARY KEY, hits counter)');
  const table = await client.metadata.getTable(KEYSPACE, 'measured');
  assert.deepStrictEqual(table.partitionKeys.map((c) => c.name), ['station', 'day']);
  assert.deepStrictEqual(table.clusteringKeys.map((c) => c.name), ['at']);
  assert.deepStrictEqual(table.clusteringOrder, ['DESC']);
  assert.strictEqual(table.comment, 'what stations say');
  assert.strictEqual(table.columnsByName.tags.type.code, types.dataTypes.set);
  assert.strictEqual(table.columnsByName.note.isStatic, true);
  const udt = await client.metadata.getUdt(KEYSPACE, 'place');
  assert.deepStrictEqual(udt.fields.map((f) => f.name), ['name', 'at']);
  assert.strictEqual(await client.metadata.getTable(KEYSPACE, 'absent'), null);
  assert.ok(await client.metadata.checkSchemaAgreement());
}

const LONG_MAX = types.Long.MAX_VALUE;
const SCALARS = {
  ascii: ['', 'plain'],
  bigint: [types.Long.fromNumber(0), LONG_MAX, types.Long.MIN_VALUE],
  blob: [Buffer.alloc(0), Buffer.from([0, 255]), Buffer.alloc(100000, 7)],
  boolean: [true, false],
  date: [new types.LocalDate(0), new types.LocalDate(2024, 2, 29), new types.LocalDate(-719162)],
  decimal: ['0', '-1.50', '123456789012345678901234567890.123'].map((t) => types.BigDecimal.fromString(t)),
  double: [0, -1.5, Number.MAX_VALUE, Number.MIN_VALUE, Infinity, NaN],
  duration: [new types.Duration(0, 0, 0), new types.Duration(14, 3, types.Long.fromString('5000000001')),
    new types.Duration(-1, -2, types.Long.fromNumber(-3))],
  float: [0, -1.5, -Infinity],
  inet: ['127.0.0.1', '::1', '2001:db8::ff00:42:8329'].map((t) => types.InetAddress.fromString(t)),
  int: [0, 2147483647, -2147483648],
  smallint: [0, 32767, -32768],
  text: ['', 'naïve – Zürich 🚂', 'x'.repeat(70000)],
  time: [types.LocalTime.fromString('00:00:00'), types.LocalTime.fromString('23:59:59.999999999')],
  timestamp: [new Date(0), new Date(-1), new Date(253402300799999)],
  timeuuid: [types.TimeUuid.fromString('8ac6d1dc-fbeb-11e9-8f0b-362b9e155667'), types.TimeUuid.now()],
  tinyint: [0, 127, -128],
  uuid: [types.Uuid.fromString('00000000-0000-0000-0000-000000000000'), types.Uuid.random()],
  varint: ['0', '127', '128', '-129', '-123456789012345678901234567890'].map((t) => types.Integer.fromString(t)),
};

function same(found, expected, what) {
  if (expected !== null && typeof expected === 'object' && typeof expected.equals === 'function') {
    assert.ok(expected.equals(found), `${what}: ${found}, expected ${expected}`);
  } else {
    assert.deepStrictEqual(found, expected, what);
  }
}

async function scalars() {
  const columns = Object.keys(SCALARS).map((name) => `c_${name} ${name}`).join(', ');
  await client.execute(`CREATE TABLE scalars (id int PRIMARY KEY, ${columns})`);
  for (const [name, values] of Object.entries(SCALARS)) {
    for (const value of values.concat([null])) {
      await client.execute(`INSERT INTO scalars (id, c_${name}) VALUES (?, ?)`, [1, value], prepared);
      const row = (await client.execute(`SELECT c_${name} FROM scalars WHERE id = 1`)).first();
      same(row[`c_${name}`], value, name);
    }
  }
  const write = 'INSERT INTO scalars (id, c_int, c_text) VALUES (?, ?, ?)';
  const read = async () => (await client.execute('SELECT c_int, c_text FROM scalars WHERE id = 2')).first();
  await client.execute(write, [2, 5, 'five'], prepared);
  await client.execute(write, [2, types.unset, 'six'], prepared);
  let row = await read();
  assert.deepStrictEqual([row.c_int, row.c_text], [5, 'six']);
  await client.execute(write, [2, null, types.unset], prepared);
  row = await read();
  assert.deepStrictEqual([row.c_int, row.c_text], [null, 'six']);
  // Not prepared: the driver guesses types, or is told them.
  await client.execute(write, [3, 7, 'seven'], { hints: ['int', 'int', 'text'] });
  row = (await client.execute('SELECT * FROM scalars WHERE id = :id', { id: 3 },
    { hints: { id: 'int' } })).first();
  assert.strictEqual(row.c_int, 7);
}

async function nested() {
  await client.execute(`CREATE TABLE nested (id int PRIMARY KEY, l list<int>, s set<text>,
    m map<text, bigint>, fm map<int, frozen<map<text, frozen<list<int>>>>>,
    t tuple<int, text>, u place, lu list<frozen<place>>, v vector<float, 3>)`);
  const place = { name: 'Zürich HB', at: new types.Tuple(47.378, 8.54) };
  const values = [1, [3, 1, 3], ['a', 'ü'], { max: LONG_MAX }, { 1: { a: [1, 2] } },
    new types.Tuple(1, 'two'), place, [place, { name: null, at: null }],
    new cassandra.types.Vector([1, -0.5, 3.25], 'float')];
  await client.execute(`INSERT INTO nested (id, l, s, m, fm, t, u, lu, v)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, values, prepared);
  const row = (await client.execute('SELECT * FROM nested WHERE id = 1')).first();
  assert.deepStrictEqual(row.l, [3, 1, 3]);
  assert.deepStrictEqual(row.s, ['a', 'ü']);
  assert.ok(row.m.max.equals(LONG_MAX));
  assert.deepStrictEqual(row.fm, { 1: { a: [1, 2] } });
  assert.deepStrictEqual(row.t.values(), [1, 'two']);
  assert.strictEqual(row.u.name, 'Zürich HB');
  assert.deepStrictEqual(row.u.at.values(), [47.378, 8.54]);
  assert.strictEqual(row.lu.length, 2);
  assert.strictEqual(row.lu[1].name, null);
  assert.deepStrictEqual(Array.from(row.v), [1, -0.5, 3.25]);
  await client.execute('INSERT INTO nested (id, l) VALUES (?, ?)', [1, []], prepared);
  assert.strictEqual((await client.execute('SELECT l FROM nested WHERE id = 1')).first().l, null);
}

async function batches() {
  const write = 'INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)';
  for (const logged of [true, false]) {
    const queries = [0, 1, 2, 3].map((at) => ({ query: write, params: [20, at, `${logged}`] }));
    queries.push({ query: 'DELETE FROM rows_of WHERE part = ? AND at = ?', params: [20, 3] });
    await client.batch(queries, { prepare: true, logged });
    const rows = (await client.execute('SELECT at, text FROM rows_of WHERE part = 20')).rows;
    assert.deepStrictEqual(rows.map((r) => [r.at, r.text]), [0, 1, 2].map((at) => [at, `${logged}`]));
  }
  const add = 'UPDATE counted SET hits = hits + ? WHERE id = ?';
  await client.batch([{ query: add, params: [types.Long.fromNumber(5), 1] },
    { query: add, params: [types.Long.fromNumber(-2), 2] }], { prepare: true, counter: true });
  await client.execute(add, [LONG_MAX.subtract(5), 1], prepared);
  const row = (await client.execute('SELECT hits FROM counted WHERE id = 1')).first();
  assert.ok(row.hits.equals(LONG_MAX));
  await client.batch(["INSERT INTO rows_of (part, at, text) VALUES (21, 1, 'plain')"],
    { timestamp: types.Long.fromNumber(77) });
  const written = (await client.execute('SELECT writetime(text) AS w FROM rows_of WHERE part = 21')).first();
  assert.strictEqual(written.w.toNumber(), 77);
}

async function conditional() {
  await client.execute('CREATE TABLE accounts (id int PRIMARY KEY, owner text, credit int)');
  const insert = 'INSERT INTO accounts (id, owner, credit) VALUES (?, ?, ?) IF NOT EXISTS';
  assert.ok((await client.execute(insert, [1, 'ann', 10], prepared)).wasApplied());
  const refused = await client.execute(insert, [1, 'bob', 20], prepared);
  assert.ok(!refused.wasApplied());
  assert.deepStrictEqual([refused.first().credit, refused.first().owner], [10, 'ann']);
  const update = 'UPDATE accounts SET credit = ? WHERE id = ? IF credit = ?';
  const serialConsistency = types.consistencies.localSerial;
  const late = await client.execute(update, [11, 1, 9], { prepare: true, serialConsistency });
  assert.deepStrictEqual([late.wasApplied(), late.first().credit], [false, 10]);
  const batch = [{ query: update, params: [11, 1, 10] }];
  assert.ok((await client.batch(batch, { prepare: true })).wasApplied());
}

const PARTS = [1000, 1001, 1002, 1003, 1004];
const READ_PARTS = `SELECT part, at, text FROM rows_of WHERE part IN (${PARTS})`;

async function fillPages() {
  const rows = PARTS.flatMap((part) => Array.from({ length: 23 }, (_, at) => [part, at, `row ${at}`]));
  await cassandra.concurrent.executeConcurrent(client,
    'INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)', rows);
  return rows.length;
}

async function paging() {
  const count = await fillPages();
  for (const fetchSize of [1, 7, 23, 114, 115, 116]) {
    const found = [];
    const result = await client.execute(READ_PARTS, [], { prepare: true, fetchSize });
    for await (const row of result) found.push(`${row.part}/${row.at}`);
    assert.strictEqual(new Set(found).size, count);
    assert.strictEqual(found.length, count);
  }
  const streamed = await new Promise((resolve, reject) => {
    const found = [];
    client.stream('SELECT at FROM rows_of WHERE part = 1003 ORDER BY at DESC', [],
      { prepare: true, fetchSize: 4, autoPage: true })
      .on('data', (row) => found.push(row.at)).on('end', () => resolve(found)).on('error', reject);
  });
  assert.deepStrictEqual(streamed, Array.from({ length: 23 }, (_, at) => 22 - at));
  let pageState;
  let total = 0;
  do {
    const page = await client.execute('SELECT part FROM rows_of', [], { prepare: true, fetchSize: 50, pageState });
    total += page.rows.filter((row) => PARTS.includes(row.part)).length;
    pageState = page.pageState;
  } while (pageState);
  assert.strictEqual(total, count);
}

async function concurrent() {
  const keys = Array.from({ length: 1500 }, (_, n) => [2000 + (n % 50), n]);
  const { errors } = await cassandra.concurrent.executeConcurrent(client,
    'INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)', keys.map((k) => [...k, `value ${k[1]}`]),
    { concurrencyLevel: 200, collectResults: false });
  assert.strictEqual(errors.length, 0);
  const { resultItems } = await cassandra.concurrent.executeConcurrent(client,
    'SELECT text FROM rows_of WHERE part = ? AND at = ?', keys, { concurrencyLevel: 200, collectResults: true });
  resultItems.forEach((item, n) => assert.strictEqual(item.first().text, `value ${n}`));
}

async function routing() {
  const token = (await client.execute("SELECT token(part) AS t FROM rows_of WHERE part = 1000")).first().t;
  const key = Buffer.from([0, 0, 3, 232]);
  assert.strictEqual(client.metadata.newToken([key]).getValue().toString(), token.toString());
  assert.strictEqual(client.getReplicas(KEYSPACE, key).length, 1);
  assert.ok(client.metadata.getTokenRanges().size >= 1);
}

async function errorsTold() {
  await fails(() => client.execute('SELEKT 1'), codes.syntaxError, 'line 1');
  await fails(() => client.execute('SELECT * FROM absent'), codes.invalid, 'absent');
  await fails(() => client.execute('SELECT * FORM rows_of', [], prepared), codes.syntaxError, 'line 1');
  await fails(() => client.execute('SELECT nothing FROM rows_of'), codes.invalid, 'nothing');
  const there = await fails(() => client.execute('CREATE TABLE rows_of (a int PRIMARY KEY)'), codes.alreadyExists);
  assert.deepStrictEqual([there.keyspace, there.table], [KEYSPACE, 'rows_of']);
  await fails(() => client.execute("CREATE KEYSPACE k WITH replication = {'class': 'NoSuchStrategy'}"),
    codes.configError);
  const wide = { consistency: types.consistencies.three, retry: new cassandra.policies.retry.FallthroughRetryPolicy() };
  const readWide = () => client.execute('SELECT * FROM rows_of WHERE part = 1', [], wide);
  if (THREE_ANSWER) {
    await readWide();
  } else {
    const error = await fails(readWide, codes.unavailableException);
    assert.deepStrictEqual([error.required, error.alive], [3, 1]);
  }
  await fails(() => client.execute('INSERT INTO rows_of (part, at) VALUES (?, ?)', [null, 1], prepared),
    codes.invalid);
  await client.execute('SELECT * FROM rows_of WHERE part = 1', [], { consistency: types.consistencies.quorum });
}

async function warningsAndTraces() {
  const warned = await client.execute('SELECT count(*) FROM rows_of');
  assert.ok(warned.info.warnings[0].includes('without partition key'));
  const result = await client.execute('SELECT * FROM rows_of WHERE part = 1000', [], { traceQuery: true });
  const trace = await new Promise((resolve, reject) => {
    client.metadata.getTrace(result.info.traceId, (error, t) => (error ? reject(error) : resolve(t)));
  });
  assert.ok(trace.requestType && trace.events.length > 0 && trace.duration >= 0);
}

async function preparedAgain() {
  await client.execute('CREATE TABLE changing (id int PRIMARY KEY, a int)');
  const read = async () => (await client.execute('SELECT * FROM changing WHERE id = ?', [1], prepared)).first();
  await client.execute('INSERT INTO changing (id, a) VALUES (?, ?)', [1, 2], prepared);
  assert.deepStrictEqual(Object.keys(await read()), ['id', 'a']);
  await client.execute('ALTER TABLE changing ADD b text');
  await client.execute('INSERT INTO changing (id, a) VALUES (?, ?)', [2, 3], prepared);
  await client.execute("UPDATE changing SET b = 'new' WHERE id = 1");
  await eventually(async () => (await read()).b === 'new');
}

async function schemaEvents() {
  const other = connect({ keyspace: KEYSPACE });
  await other.connect();
  const second = `${KEYSPACE}_second`;
  await other.execute(`DROP KEYSPACE IF EXISTS ${second}`);
  await other.execute(`CREATE KEYSPACE ${second} WITH replication =
    {'class': 'SimpleStrategy', 'replication_factor': 1}`);
  await eventually(() => client.metadata.keyspaces[second]);
  await other.execute(`DROP KEYSPACE ${second}`);
  await eventually(() => !client.metadata.keyspaces[second]);
  await client.metadata.getTable(KEYSPACE, 'changing');
  await other.execute('ALTER TABLE changing ADD c int');
  await eventually(async () => (await client.metadata.getTable(KEYSPACE, 'changing')).columnsByName.c);
  await other.shutdown();
}

async function versions() {
  for (const maxVersion of [3, 4]) {
    const other = connect({ keyspace: KEYSPACE, protocolOptions: { maxVersion } });
    await other.connect();
    assert.strictEqual(other.controlConnection.protocolVersion, maxVersion);
    const { rows } = await other.execute(READ_PARTS, [], { prepare: true, fetchSize: 200 });
    assert.strictEqual(rows.length, 115);
    await other.shutdown();
  }
}

async function restart() {
  await client.execute("INSERT INTO rows_of (part, at, text) VALUES (4000, 1, 'before')");
  const options = { prepare: true, fetchSize: 10 };
  let page = await client.execute(READ_PARTS, [], options);
  let total = page.rows.length;
  assert.ok(page.pageState);
  await provoked(async () => {
    // Not the synchronous call: the driver has to notice.
    await new Promise((resolve, reject) => {
      childProcess.execFile(RESTART, (error) => (error ? reject(error) : resolve()));
    });
    await eventually(async () => (await client.execute(
      'SELECT text FROM rows_of WHERE part = 4000')).first().text === 'before', 60);
    await eventually(() => client.metadata.refreshKeyspaces().then(() => true), 60);
  });
  while (page.pageState) {
    page = await client.execute(READ_PARTS, [], { ...options, pageState: page.pageState });
    total += page.rows.length;
  }
  assert.strictEqual(total, 115);
  await client.execute('INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)', [4000, 2, 'after'], prepared);
  assert.strictEqual((await client.execute('SELECT * FROM rows_of WHERE part = 4000')).rowLength, 2);
}

async function leave() {
  await client.execute(`DROP KEYSPACE ${KEYSPACE}`);
  await client.shutdown();
}

async function main() {
  const steps = { connected, schema, scalars, nested, batches, conditional, paging, concurrent, routing, errorsTold,
    warningsAndTraces, preparedAgain, schemaEvents, versions };
  if (RESTART) steps.restart = restart;
  steps.leave = leave;
  for (const [name, work] of Object.entries(steps)) await step(name, work);
  process.exit(failed ? 1 : 0);
}

main();
