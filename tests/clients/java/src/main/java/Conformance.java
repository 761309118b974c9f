import static com.datastax.oss.driver.api.core.config.DefaultDriverOption.*;

import com.datastax.oss.driver.api.core.AllNodesFailedException;
import com.datastax.oss.driver.api.core.ConsistencyLevel;
import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.DefaultConsistencyLevel;
import com.datastax.oss.driver.api.core.config.DriverConfigLoader;
import com.datastax.oss.driver.api.core.config.ProgrammaticDriverConfigLoaderBuilder;
import com.datastax.oss.driver.api.core.cql.*;
import com.datastax.oss.driver.api.core.data.*;
import com.datastax.oss.driver.api.core.metadata.Metadata;
import com.datastax.oss.driver.api.core.metadata.Node;
import com.datastax.oss.driver.api.core.metadata.schema.*;
import com.datastax.oss.driver.api.core.servererrors.*;
import com.datastax.oss.driver.api.core.type.*;
import com.datastax.oss.driver.api.core.type.codec.TypeCodecs;
import com.datastax.oss.driver.api.core.uuid.Uuids;
import java.math.*;
import java.net.*;
import java.nio.ByteBuffer;
import java.time.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.function.*;

/** Conformance of the Java driver. */
public final class Conformance {
  static final String KEYSPACE = "conformance_java";
  static final String RESTART = System.getenv().getOrDefault("CLIENT_RESTART", "");
  static final String READ_PARTS =
      "SELECT part, at FROM rows_of WHERE part IN (1000, 1001, 1002, 1003, 1004)";
  static CqlSession session;
  static boolean failed;

  interface Work {
    void run() throws Exception;
  }

  static void step(String name, Work work) {
    long began = System.nanoTime();
    try {
      work.run();
      System.out.printf(Locale.ROOT, "ok %s %.1fs%n", name, (System.nanoTime() - began) / 1e9);
    } catch (Throwable error) {
      failed = true;
      System.out.println("FAIL " + name);
      error.printStackTrace(System.out);
    }
  }

  static void equal(Object found, Object expected, Object... what) {
    if (!Objects.equals(found, expected)) {
      throw new AssertionError(
          Arrays.toString(what) + ": found " + found + ", expected " + expected);
    }
  }

  static void that(boolean condition, Object... what) {
    if (!condition) {
      throw new AssertionError(Arrays.toString(what));
    }
  }

  static <T extends Throwable> T fails(Class<T> kind, Work work, String... words) throws Exception {
    try {
      work.run();
    } catch (Throwable error) {
      that(kind.isInstance(error), error);
      for (String word : words) {
        that(error.getMessage().contains(word), error.getMessage());
      }
      return kind.cast(error);
    }
    throw new AssertionError("nothing failed, expected " + kind);
  }

  static void eventually(String what, int seconds, Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + seconds * 1_000_000_000L;
    while (true) {
      Exception last = null;
      try {
        if (condition.call()) {
          return;
        }
      } catch (Exception error) {
        last = error;
      }
      if (System.nanoTime() > end) {
        throw new AssertionError(what + ": not within " + seconds + " s", last);
      }
      Thread.sleep(100);
    }
  }

  static CqlSession connect(
      String keyspace, Consumer<ProgrammaticDriverConfigLoaderBuilder> change) {
    ProgrammaticDriverConfigLoaderBuilder options =
        DriverConfigLoader.programmaticBuilder()
            .withDuration(REQUEST_TIMEOUT, Duration.ofSeconds(30))
            .withDuration(CONNECTION_INIT_QUERY_TIMEOUT, Duration.ofSeconds(10))
            .withDuration(CONTROL_CONNECTION_TIMEOUT, Duration.ofSeconds(10))
            .withDuration(METADATA_SCHEMA_REQUEST_TIMEOUT, Duration.ofSeconds(20))
            .withStringList(METADATA_SCHEMA_REFRESHED_KEYSPACES, List.of())
            .withString(NETTY_IO_SHUTDOWN_UNIT, "MILLISECONDS")
            .withInt(NETTY_IO_SHUTDOWN_QUIET_PERIOD, 300)
            .withInt(NETTY_IO_SHUTDOWN_TIMEOUT, 15_000)
            .withString(NETTY_ADMIN_SHUTDOWN_UNIT, "MILLISECONDS")
            .withInt(NETTY_ADMIN_SHUTDOWN_QUIET_PERIOD, 300)
            .withInt(NETTY_ADMIN_SHUTDOWN_TIMEOUT, 15_000)
            .withDuration(RECONNECTION_BASE_DELAY, Duration.ofMillis(500))
            .withDuration(RECONNECTION_MAX_DELAY, Duration.ofSeconds(1));
    change.accept(options);
    var builder =
        CqlSession.builder()
            .addContactPoint(
                new InetSocketAddress(
                    System.getenv("CLIENT_HOST"), Integer.parseInt(System.getenv("CLIENT_PORT"))))
            .withLocalDatacenter("datacenter1")
            .withConfigLoader(options.build());
    return (keyspace == null ? builder : builder.withKeyspace(keyspace)).build();
  }

  static Row one(String text, Object... values) {
    return session.execute(SimpleStatement.newInstance(text, values)).one();
  }

  static void connected() {
    try (CqlSession first = connect(null, options -> {})) {
      equal(first.getContext().getProtocolVersion().getCode(), 5);
      Metadata metadata = first.getMetadata();
      equal(metadata.getNodes().size(), 1);
      Node node = metadata.getNodes().values().iterator().next();
      that(node.getHostId() != null && node.getCassandraVersion().toString().startsWith("5.0"));
      equal(metadata.getTokenMap().get().getPartitionerName().endsWith("Murmur3Partitioner"), true);
      that(metadata.getTokenMap().get().getTokenRanges().size() >= 1);
      first.execute("DROP KEYSPACE IF EXISTS " + KEYSPACE);
      first.execute(
          "CREATE KEYSPACE " + KEYSPACE
              + " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
    }
    session = connect(KEYSPACE, options -> {});
  }

  static void schema() {
    session.execute("CREATE TYPE place (name text, at frozen<tuple<double, double>>)");
    session.execute(
        "CREATE TABLE measured (station text, day date, at timestamp, value double, "
            + "note text static, tags set<text>, PRIMARY KEY ((station, day), at)) "
            + "WITH CLUSTERING ORDER BY (at DESC) AND comment = 'what stations say'");
    session.execute("CREATE TABLE rows_of (part int, at int, text text, PRIMARY KEY (part, at))");
    session.execute("CREATE TABLE counted (id int PRIMARY KEY, hits counter)");
    that(session.checkSchemaAgreement());
    KeyspaceMetadata keyspace = session.getMetadata().getKeyspace(KEYSPACE).get();
    TableMetadata table = keyspace.getTable("measured").get();
    equal(table.getPartitionKey().get(1).getName().asInternal(), "day");
    equal(table.getClusteringColumns().values().iterator().next(), ClusteringOrder.DESC);
    equal(table.getColumn("tags").get().getType(), DataTypes.setOf(DataTypes.TEXT));
    that(table.getColumn("note").get().isStatic());
    that(table.describe(true).contains("CLUSTERING ORDER BY (at DESC)"), table.describe(true));
    equal(keyspace.getUserDefinedType("place").get().getFieldNames().size(), 2);
    that(keyspace.getReplication().get("class").endsWith("SimpleStrategy"));
    that(session.getMetadata().getKeyspace("system_schema").isPresent());
    that(session.getMetadata().getKeyspace("system_views").get().isVirtual());
  }

  static <T> void both(String name, Class<T> type, List<T> values) {
    PreparedStatement write =
        session.prepare("INSERT INTO scalars (id, c_" + name + ") VALUES (?, ?)");
    PreparedStatement read = session.prepare("SELECT c_" + name + " FROM scalars WHERE id = ?");
    for (T value : values) {
      session.execute(write.boundStatementBuilder().setInt(0, 1).set(1, value, type).build());
      equal(session.execute(read.bind(1)).one().get(0, type), value, name);
    }
    session.execute(write.bind(1, null));
    that(session.execute(read.bind(1)).one().isNull(0), name, "null");
  }

  static void scalars() throws Exception {
    StringBuilder columns = new StringBuilder("id int PRIMARY KEY");
    for (String name :
        ("ascii bigint blob boolean date decimal double duration float inet int smallint text "
                + "time timestamp timeuuid tinyint uuid varint").split(" ")) {
      columns.append(", c_").append(name).append(" ").append(name);
    }
    session.execute("CREATE TABLE scalars (" + columns + ")");
    both("ascii", String.class, List.of("", "plain"));
    both("bigint", Long.class, List.of(0L, Long.MAX_VALUE, Long.MIN_VALUE));
    both("blob", ByteBuffer.class, List.of(ByteBuffer.allocate(0), ByteBuffer.allocate(100_000)));
    both("boolean", Boolean.class, List.of(true, false));
    both("date", LocalDate.class,
        List.of(LocalDate.EPOCH, LocalDate.of(2024, 2, 29), LocalDate.of(-5877641, 6, 23)));
    both("decimal", BigDecimal.class,
        List.of(new BigDecimal("0"), new BigDecimal("-1.50"), new BigDecimal("1E-100"),
            new BigDecimal("123456789012345678901234567890.123")));
    both("double", Double.class,
        List.of(0.0, -0.0, Double.MAX_VALUE, Double.MIN_VALUE, Double.NaN, Double.NEGATIVE_INFINITY));
    both("duration", CqlDuration.class,
        List.of(CqlDuration.from("1y2mo3d4h5ns"), CqlDuration.from("-1mo2d3ns"),
            CqlDuration.newInstance(Integer.MAX_VALUE, Integer.MAX_VALUE, Long.MAX_VALUE)));
    both("float", Float.class, List.of(0f, -1.5f, Float.MAX_VALUE));
    both("inet", InetAddress.class,
        List.of(InetAddress.getByName("127.0.0.1"), InetAddress.getByName("2001:db8::1")));
    both("int", Integer.class, List.of(0, Integer.MAX_VALUE, Integer.MIN_VALUE));
    both("smallint", Short.class, List.of((short) 0, Short.MAX_VALUE, Short.MIN_VALUE));
    both("text", String.class, List.of("", "naïve – Zürich 🚂", "x".repeat(70_000)));
    both("time", LocalTime.class, List.of(LocalTime.MIN, LocalTime.MAX));
    both("timestamp", Instant.class,
        List.of(Instant.EPOCH, Instant.ofEpochMilli(-1), Instant.ofEpochMilli(Long.MAX_VALUE),
            Instant.ofEpochMilli(Long.MIN_VALUE)));
    both("timeuuid", UUID.class, List.of(Uuids.timeBased()));
    both("tinyint", Byte.class, List.of((byte) 0, Byte.MAX_VALUE, Byte.MIN_VALUE));
    both("uuid", UUID.class, List.of(new UUID(0, 0), Uuids.random()));
    both("varint", BigInteger.class,
        List.of(BigInteger.ZERO, BigInteger.valueOf(128), BigInteger.ONE.shiftLeft(200).negate()));
    PreparedStatement write =
        session.prepare("INSERT INTO scalars (id, c_int, c_text) VALUES (:id, :i, :t)");
    session.execute(write.bind(2, 5, "five"));
    session.execute(write.boundStatementBuilder().setInt("id", 2).setString("t", "six").build());
    Row row = one("SELECT c_int, c_text FROM scalars WHERE id = ?", 2);
    equal(List.of(row.getInt(0), row.getString(1)), List.of(5, "six"), "unset");
    row = session.execute(SimpleStatement.newInstance(
        "SELECT c_int FROM scalars WHERE id = :id", Map.of("id", 2))).one();
    equal(row.getInt(0), 5, "named");
  }

  static void nested() {
    session.execute(
        "CREATE TABLE nested (id int PRIMARY KEY, l list<int>, s set<text>, m map<text, bigint>, "
            + "fm map<int, frozen<map<text, frozen<list<int>>>>>, t tuple<int, text>, u place, "
            + "lu list<frozen<place>>, v vector<float, 3>)");
    UserDefinedType type =
        session.getMetadata().getKeyspace(KEYSPACE).get().getUserDefinedType("place").get();
    TupleType at = (TupleType) type.getFieldTypes().get(1);
    UdtValue place = type.newValue("Zürich HB", at.newValue(47.378, 8.54));
    UdtValue nothing = type.newValue();
    TupleValue tuple = DataTypes.tupleOf(DataTypes.INT, DataTypes.TEXT).newValue(1, "two");
    CqlVector<Float> vector = CqlVector.newInstance(1f, -0.5f, 3.25f);
    Map<Integer, Map<String, List<Integer>>> deep = Map.of(1, Map.of("a", List.of(1, 2)));
    PreparedStatement write =
        session.prepare(
            "INSERT INTO nested (id, l, s, m, fm, t, u, lu, v) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    session.execute(
        write.bind(1, List.of(3, 1, 3), Set.of("a", "ü"), Map.of("max", Long.MAX_VALUE), deep, tuple,
            place, List.of(place, nothing), vector));
    Row row = one("SELECT * FROM nested WHERE id = 1");
    equal(row.getList("l", Integer.class), List.of(3, 1, 3));
    equal(row.getSet("s", String.class), Set.of("a", "ü"));
    equal(row.getMap("m", String.class, Long.class), Map.of("max", Long.MAX_VALUE));
    equal(row.getObject("fm"), deep);
    equal(row.getTupleValue("t").getString(1), "two");
    equal(row.getUdtValue("u"), place);
    equal(row.getList("lu", UdtValue.class), List.of(place, nothing));
    equal(row.getVector("v", Float.class), vector);
    session.execute(write.bind(2, List.of(), Set.of(), Map.of(), Map.of(), null, null, null, null));
    row = one("SELECT * FROM nested WHERE id = 2");
    that(row.isNull("l") && row.isNull("s") && row.isNull("u") && row.isNull("v"), "empty");
  }

  static void batches() {
    PreparedStatement write =
        session.prepare("INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)");
    for (BatchType kind : List.of(BatchType.LOGGED, BatchType.UNLOGGED)) {
      BatchStatementBuilder batch = BatchStatement.builder(kind);
      for (int at = 0; at < 4; at++) {
        batch.addStatement(write.bind(20, at, "batch"));
      }
      batch.addStatement(
          SimpleStatement.newInstance("DELETE FROM rows_of WHERE part = ? AND at = ?", 20, 3));
      session.execute(batch.build());
    }
    equal(one("SELECT count(*) FROM rows_of WHERE part = 20").getLong(0), 3L);
    PreparedStatement add = session.prepare("UPDATE counted SET hits = hits + ? WHERE id = ?");
    session.execute(
        BatchStatement.newInstance(
            BatchType.COUNTER, add.bind(5L, 1), add.bind(Long.MAX_VALUE, 2)));
    session.execute(add.bind(-7L, 1));
    equal(one("SELECT hits FROM counted WHERE id = 1").getLong(0), -2L);
    session.execute(
        BatchStatement.newInstance(BatchType.LOGGED, write.bind(21, 1, "x")).setQueryTimestamp(77));
    equal(one("SELECT writetime(text) FROM rows_of WHERE part = 21").getLong(0), 77L);
    int longAgo = (int) (System.currentTimeMillis() / 1000) - 1000;
    session.execute(SimpleStatement.newInstance(
        "INSERT INTO rows_of (part, at, text) VALUES (22, 1, 'x') USING TTL 100")
        .setNowInSeconds(longAgo));
    that(one("SELECT text FROM rows_of WHERE part = 22") == null, "expired by its own clock");
  }

  static void conditional() {
    session.execute("CREATE TABLE accounts (id int PRIMARY KEY, owner text, credit int)");
    PreparedStatement insert = session.prepare(
        "INSERT INTO accounts (id, owner, credit) VALUES (?, ?, ?) IF NOT EXISTS");
    equal(session.execute(insert.bind(1, "ann", 10)).wasApplied(), true);
    ResultSet refused = session.execute(insert.bind(1, "bob", 20));
    equal(refused.wasApplied(), false);
    Row stood = refused.one();
    equal(stood.getBoolean("[applied]"), false);
    equal(stood.getInt("credit") + stood.getString("owner"), "10ann");
    PreparedStatement update =
        session.prepare("UPDATE accounts SET credit = ? WHERE id = ? IF credit = ?");
    equal(session.execute(update.bind(11, 1, 9)).one().getInt("credit"), 10);
    equal(session.execute(update.bind(11, 1, 10)).wasApplied(), true);
    equal(session.execute(BatchStatement.newInstance(
        BatchType.LOGGED, update.bind(12, 1, 11))).wasApplied(), true);
  }

  static int rest(ResultSet page) {
    int count = 0;
    for (Row row : page) {
      int part = row.getInt(0);
      count += part >= 1000 && part < 1005 ? 1 : 0;
    }
    return count;
  }

  static void paging() throws Exception {
    PreparedStatement write =
        session.prepare("INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)");
    for (int part = 1000; part < 1005; part++) {
      for (int at = 0; at < 23; at++) {
        session.execute(write.bind(part, at, "row"));
      }
    }
    for (int size : new int[] {1, 7, 23, 114, 115, 116}) {
      SimpleStatement read = SimpleStatement.newInstance(READ_PARTS).setPageSize(size);
      equal(rest(session.execute(read)), 115, "pages of", size);
    }
    PreparedStatement down =
        session.prepare("SELECT at FROM rows_of WHERE part = ? ORDER BY at DESC");
    List<Integer> found = new ArrayList<>();
    session.execute(down.bind(1003).setPageSize(4)).forEach(row -> found.add(row.getInt(0)));
    equal(found.size(), 23);
    equal(found.get(0), 22);
    // By the state alone, asynchronously.
    SimpleStatement scan = SimpleStatement.newInstance("SELECT part FROM rows_of").setPageSize(20);
    int count = 0;
    ByteBuffer state = null;
    do {
      AsyncResultSet page =
          session.executeAsync(scan.setPagingState(state)).toCompletableFuture().get();
      for (Row row : page.currentPage()) {
        count += row.getInt(0) >= 1000 && row.getInt(0) < 1005 ? 1 : 0;
      }
      state = page.getExecutionInfo().getPagingState();
    } while (state != null);
    equal(count, 115);
  }

  static void concurrent() throws Exception {
    PreparedStatement write =
        session.prepare("INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)");
    PreparedStatement read = session.prepare("SELECT text FROM rows_of WHERE part = ? AND at = ?");
    List<CompletableFuture<?>> running = new ArrayList<>();
    for (int n = 0; n < 1000; n++) {
      running.add(session.executeAsync(write.bind(2000 + n % 50, n, "v" + n)).toCompletableFuture());
    }
    CompletableFuture.allOf(running.toArray(CompletableFuture[]::new)).get(60, TimeUnit.SECONDS);
    List<CompletableFuture<AsyncResultSet>> reads = new ArrayList<>();
    for (int n = 0; n < 1000; n++) {
      reads.add(session.executeAsync(read.bind(2000 + n % 50, n)).toCompletableFuture());
    }
    for (int n = 0; n < 1000; n++) {
      equal(reads.get(n).get(60, TimeUnit.SECONDS).one().getString(0), "v" + n);
    }
  }

  static void routing() {
    PreparedStatement read =
        session.prepare("SELECT value FROM measured WHERE station = ? AND day = ?");
    equal(read.getPartitionKeyIndices(), List.of(0, 1));
    BoundStatement bound = read.bind("Säntis", LocalDate.of(2024, 2, 29));
    that(bound.getRoutingKey() != null, "routing key");
    var tokens = session.getMetadata().getTokenMap().get();
    equal(tokens.getReplicas(KEYSPACE, bound.getRoutingKey()).size(), 1, "replicas");
    PreparedStatement part = session.prepare("SELECT token(part) FROM rows_of WHERE part = ?");
    Row row = session.execute(part.bind(1000)).one();
    equal(row.getToken(0), tokens.newToken(part.bind(1000).getRoutingKey()), "token");
  }

  static void errorsTold() throws Exception {
    fails(SyntaxError.class, () -> session.execute("SELEKT 1"), "line 1");
    fails(SyntaxError.class, () -> session.prepare("SELECT * FORM rows_of"), "line 1");
    fails(InvalidQueryException.class, () -> session.execute("SELECT * FROM absent"), "absent");
    fails(InvalidQueryException.class, () -> session.execute("SELECT nothing FROM rows_of"));
    fails(AlreadyExistsException.class,
        () -> session.execute("CREATE TABLE rows_of (a int PRIMARY KEY)"), "rows_of");
    fails(InvalidConfigurationInQueryException.class,
        () -> session.execute("CREATE KEYSPACE k WITH replication = {'class': 'NoSuchStrategy'}"));
    Work readWide = () -> session.execute(
        SimpleStatement.newInstance("SELECT * FROM rows_of WHERE part = 1")
            .setConsistencyLevel(DefaultConsistencyLevel.THREE));
    if (System.getenv("CLIENT_SERVER").equals("helenus")) {
      readWide.run(); // every replica is the one machine
    } else {
      Throwable error = fails(Exception.class, readWide);
      UnavailableException few = (UnavailableException)
          (error instanceof AllNodesFailedException
              ? ((AllNodesFailedException) error)
                  .getAllErrors().values().iterator().next().get(0)
              : error);
      equal(List.of(few.getRequired(), few.getAlive()), List.of(3, 1));
    }
    ConsistencyLevel quorum = DefaultConsistencyLevel.LOCAL_QUORUM;
    session.execute(SimpleStatement.newInstance("INSERT INTO rows_of (part, at) VALUES (30, 1)")
        .setConsistencyLevel(quorum));
    ExecutionInfo info =
        session.execute("SELECT count(*) FROM rows_of").getExecutionInfo();
    that(info.getWarnings().get(0).contains("without partition key"), info.getWarnings());
  }

  static void tracing() {
    ResultSet traced = session.execute(
        SimpleStatement.newInstance("SELECT * FROM rows_of WHERE part = 1000").setTracing(true));
    QueryTrace trace = traced.getExecutionInfo().getQueryTrace();
    that(trace.getEvents().size() > 0 && trace.getRequestType() != null, trace);
    that(trace.getCoordinatorAddress() != null && trace.getDurationMicros() >= 0, trace);
  }

  static void preparedAgain() throws Exception {
    session.execute("CREATE TABLE changing (id int PRIMARY KEY, a int)");
    PreparedStatement write = session.prepare("INSERT INTO changing (id, a) VALUES (?, ?)");
    PreparedStatement read = session.prepare("SELECT * FROM changing WHERE id = ?");
    session.execute(write.bind(1, 2));
    equal(session.execute(read.bind(1)).one().getColumnDefinitions().size(), 2);
    session.execute("ALTER TABLE changing ADD b text");
    session.execute("UPDATE changing SET b = 'new' WHERE id = 1");
    session.execute(write.bind(2, 3));
    eventually("the new column", 30,
        () -> "new".equals(session.execute(read.bind(1)).one().getString("b")));
    equal(read.getResultSetDefinitions().size(), 3);
  }

  static void schemaEvents() throws Exception {
    try (CqlSession other = connect(KEYSPACE, options -> {})) {
      Callable<Optional<TableMetadata>> table =
          () -> session.getMetadata().getKeyspace(KEYSPACE).get().getTable("seen");
      other.execute("CREATE TABLE seen (id int PRIMARY KEY)");
      eventually("table created", 30, () -> table.call().isPresent());
      other.execute("ALTER TABLE seen ADD more text");
      eventually("table altered", 30, () -> table.call().get().getColumn("more").isPresent());
      other.execute("DROP TABLE seen");
      eventually("table dropped", 30, () -> table.call().isEmpty());
      String second = KEYSPACE + "_second";
      other.execute("DROP KEYSPACE IF EXISTS " + second);
      other.execute("CREATE KEYSPACE " + second
          + " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
      eventually("keyspace created", 30,
          () -> session.getMetadata().getKeyspace(second).isPresent());
      other.execute("DROP KEYSPACE " + second);
      eventually("keyspace dropped", 30,
          () -> session.getMetadata().getKeyspace(second).isEmpty());
    }
  }

  static void versions() {
    for (String version : List.of("V3", "V4", "V5")) {
      for (String compression : List.of("none", "lz4", "snappy")) {
        if (version.equals("V5") && compression.equals("snappy")) {
          continue; // version 5 knows LZ4 alone
        }
        try (CqlSession other = connect(KEYSPACE, options -> options
            .withString(PROTOCOL_VERSION, version).withString(PROTOCOL_COMPRESSION, compression))) {
          String text = "compress me ".repeat(5000);
          PreparedStatement write =
              other.prepare("INSERT INTO rows_of (part, at, text) VALUES (3000, ?, ?)");
          other.execute(write.bind(1, text));
          Row row = other.execute("SELECT text FROM rows_of WHERE part = 3000").one();
          equal(row.getString(0), text, version, compression);
          row = other.execute("SELECT u, v FROM nested WHERE id = 1").one();
          equal(row.getUdtValue(0).getString("name"), "Zürich HB", version, compression);
          equal(row.getVector(1, Float.class).get(2), 3.25f, version, compression);
        }
      }
    }
  }

  static void restart() throws Exception {
    session.execute("INSERT INTO rows_of (part, at, text) VALUES (4000, 1, 'before')");
    PreparedStatement read = session.prepare(READ_PARTS);
    PreparedStatement write =
        session.prepare("INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)");
    AsyncResultSet page =
        session.executeAsync(read.bind().setPageSize(10)).toCompletableFuture().get();
    int first = 0;
    for (Row ignored : page.currentPage()) {
      first++;
    }
    ByteBuffer state = page.getExecutionInfo().getPagingState();
    FileLog.phase = "fault";
    equal(new ProcessBuilder(RESTART).inheritIO().start().waitFor(), 0, "restart");
    eventually("the session's recovery", 60, () -> "before".equals(
        session.execute("SELECT text FROM rows_of WHERE part = 4000").one().getString(0)));
    // That of the pool and the control connection; earlier there is nothing to ask for metadata.
    Node node = session.getMetadata().getNodes().values().iterator().next();
    eventually("the control connection", 60, () -> node.getOpenConnections() >= 2);
    session.refreshSchemaAsync().toCompletableFuture().get(20, TimeUnit.SECONDS);
    FileLog.phase = "run";
    int more = rest(session.execute(read.bind().setPageSize(10).setPagingState(state)));
    equal(first + more, 115);
    session.execute(write.bind(4000, 2, "after"));
    equal(session.execute("SELECT * FROM rows_of WHERE part = 4000").all().size(), 2);
  }

  static void leave() {
    session.execute("DROP KEYSPACE " + KEYSPACE);
    session.close();
  }

  public static void main(String[] arguments) {
    FileLog.begin();
    step("connected", Conformance::connected);
    step("schema", Conformance::schema);
    step("scalars", Conformance::scalars);
    step("nested", Conformance::nested);
    step("batches", Conformance::batches);
    step("conditional", Conformance::conditional);
    step("paging", Conformance::paging);
    step("concurrent", Conformance::concurrent);
    step("routing", Conformance::routing);
    step("errors", Conformance::errorsTold);
    step("tracing", Conformance::tracing);
    step("prepared_again", Conformance::preparedAgain);
    step("schema_events", Conformance::schemaEvents);
    step("versions", Conformance::versions);
    if (!RESTART.isEmpty()) {
      step("restart", Conformance::restart);
    }
    step("leave", Conformance::leave);
    System.exit(failed ? 1 : 0);
  }
}
