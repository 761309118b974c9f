import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** Conformance of the PostgreSQL door by its JDBC driver: what GUI tools ask. */
public final class Conformance {
  static final String KEYSPACE = "conformance_jdbc";
  static final int ORDERS = 1_200;
  static Connection connection;
  static boolean failed;

  interface Work {
    void run() throws Exception;
  }

  /** The driver's log: a line a record, PHASE LEVEL LOGGER MESSAGE. */
  static final class FileLog extends Handler {
    private final Path path = Path.of(System.getenv("CLIENT_LOG"));

    @Override
    public void publish(LogRecord record) {
      Level level = record.getLevel();
      String name = level == Level.SEVERE ? "ERROR" : level == Level.WARNING ? "WARN" : "INFO";
      String line = "run " + name + " " + record.getLoggerName() + " "
          + String.valueOf(record.getMessage()).replaceAll("[\r\n]+", "\\\\n") + "\n";
      try {
        Files.writeString(path, line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      } catch (IOException error) {
        throw new java.io.UncheckedIOException(error);
      }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  static void step(String name, Work work) {
    long began = System.nanoTime();
    try {
      work.run();
      System.out.printf("ok %s %.1fs%n", name, (System.nanoTime() - began) / 1e9);
    } catch (Throwable error) { // any fault of a step is a finding, and the next step still runs
      failed = true;
      System.out.println("FAIL " + name);
      error.printStackTrace(System.out);
    }
  }

  static void equal(Object found, Object expected, String what) {
    if (!Objects.equals(found, expected)) {
      throw new AssertionError(what + ": found " + found + ", expected " + expected);
    }
  }

  static Connection connect() throws SQLException {
    return DriverManager.getConnection("jdbc:postgresql://" + System.getenv("CLIENT_HOST")
        + ":" + System.getenv("CLIENT_PG_PORT") + "/" + KEYSPACE, "ann", "");
  }

  static void connected() throws Exception {
    connection = connect();
    DatabaseMetaData data = connection.getMetaData();
    equal(data.getDatabaseProductName(), "PostgreSQL", "product");
    equal(connection.isValid(5), true, "valid");
    Logger.getLogger("conformance").info("connected to " + data.getDatabaseProductVersion());
  }

  static void schemaAndRows() throws Exception {
    try (Statement statement = connection.createStatement()) {
      statement.execute("DROP KEYSPACE IF EXISTS " + KEYSPACE);
      statement.execute("CREATE KEYSPACE " + KEYSPACE
          + " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
    }
    // The database's name is that of unqualified tables if the keyspace exists as one connects.
    connection.close();
    connection = connect();
    try (Statement statement = connection.createStatement()) {
      statement.execute("CREATE TABLE customers (id int PRIMARY KEY, name text)");
      statement.execute("CREATE TABLE orders (customer int, day date, number int, total decimal, "
          + "tags list<text>, PRIMARY KEY (customer, day, number))");
    }
    String text = "INSERT INTO orders (customer, day, number, total) VALUES (?, ?, ?, ?)";
    try (PreparedStatement insert = connection.prepareStatement(text)) {
      for (int number = 0; number < ORDERS; number++) {
        insert.setInt(1, number % 20);
        insert.setObject(2, LocalDate.of(2024, 1, 1 + number % 28));
        insert.setInt(3, number);
        insert.setBigDecimal(4, BigDecimal.valueOf(25L * number, 2));
        insert.addBatch();
      }
      equal(insert.executeBatch().length, ORDERS, "batch");
    }
    text = "INSERT INTO customers (id, name) VALUES (?, ?)";
    try (PreparedStatement insert = connection.prepareStatement(text)) {
      for (int number = 0; number < 20; number++) {
        insert.setInt(1, number);
        insert.setString(2, "customer " + number);
        insert.executeUpdate();
      }
    }
  }

  static List<String> all(ResultSet rows, String column) throws SQLException {
    List<String> found = new ArrayList<>();
    while (rows.next()) {
      found.add(rows.getString(column));
    }
    return found;
  }

  static void metadata() throws Exception {
    DatabaseMetaData data = connection.getMetaData();
    List<String> schemas = all(data.getSchemas(), "TABLE_SCHEM");
    equal(schemas, List.of(KEYSPACE, "information_schema", "pg_catalog"), "schemas");
    String[] tables = {"TABLE"};
    equal(all(data.getTables(null, KEYSPACE, "%", tables), "TABLE_NAME"),
        List.of("customers", "orders"), "tables");
    equal(all(data.getTables(null, KEYSPACE, "ord%", tables), "TABLE_NAME"),
        List.of("orders"), "tables by a pattern");
    equal(all(data.getTableTypes(), "TABLE_TYPE").contains("TABLE"), true, "kinds of tables");
    equal(all(data.getCatalogs(), "TABLE_CAT").isEmpty(), false, "catalogs");

    Map<String, Integer> types = new HashMap<>();
    try (ResultSet rows = data.getColumns(null, KEYSPACE, "orders", "%")) {
      while (rows.next()) {
        types.put(rows.getString("COLUMN_NAME"), rows.getInt("DATA_TYPE"));
      }
    }
    equal(types, Map.of("customer", Types.INTEGER, "day", Types.DATE, "number", Types.INTEGER,
        "total", Types.NUMERIC, "tags", Types.ARRAY), "columns");

    List<String> key = new ArrayList<>();
    try (ResultSet rows = data.getPrimaryKeys(null, KEYSPACE, "orders")) {
      while (rows.next()) {
        key.add(rows.getShort("KEY_SEQ") + " " + rows.getString("COLUMN_NAME") + " "
            + rows.getString("PK_NAME"));
      }
    }
    key.sort(null);
    equal(key, List.of("1 customer orders_pkey", "2 day orders_pkey", "3 number orders_pkey"),
        "primary key");
    List<String> index = new ArrayList<>();
    try (ResultSet rows = data.getIndexInfo(null, KEYSPACE, "orders", true, false)) {
      while (rows.next()) {
        index.add(rows.getString("INDEX_NAME") + " " + rows.getShort("ORDINAL_POSITION") + " "
            + rows.getString("COLUMN_NAME"));
      }
    }
    equal(index,
        List.of("orders_pkey 1 customer", "orders_pkey 2 day", "orders_pkey 3 number"), "index");
    List<String> names = all(data.getTypeInfo(), "TYPE_NAME");
    for (String name : List.of("bool", "int4", "int8", "numeric", "text", "bytea", "uuid")) {
      equal(names.contains(name), true, "type " + name + " of " + names);
    }
    equal(all(data.getImportedKeys(null, KEYSPACE, "orders"), "FKTABLE_NAME"), List.of(),
        "foreign keys");
    equal(all(data.getFunctions(null, KEYSPACE, "%"), "FUNCTION_NAME"), List.of(), "functions");
  }

  static void queries() throws Exception {
    String text = "SELECT c.name, count(*) AS orders, sum(o.total) AS spent FROM orders o "
        + "JOIN customers c ON o.customer = c.id WHERE c.id < ? AND c.name <> ? "
        + "GROUP BY c.name ORDER BY c.name";
    try (PreparedStatement query = connection.prepareStatement(text)) {
      equal(query.getMetaData().getColumnName(3), "spent", "told before it runs");
      // From the fifth time on the driver keeps it on the server, with binary results.
      for (int time = 0; time < 8; time++) {
        query.setInt(1, 3);
        query.setString(2, "customer 0");
        try (ResultSet rows = query.executeQuery()) {
          for (int customer = 1; customer < 3; customer++) {
            equal(rows.next(), true, "a row");
            equal(rows.getString(1), "customer " + customer, "name");
            equal(rows.getLong("orders"), 60L, "orders");
            BigDecimal spent = BigDecimal.valueOf(25L * (60L * customer + 20 * 1770), 2);
            equal(rows.getBigDecimal("spent").compareTo(spent), 0, "spent");
          }
          equal(rows.next(), false, "more rows");
        }
      }
    }
    try (PreparedStatement query = connection.prepareStatement(
        "SELECT number, day FROM orders WHERE customer = ? AND day >= ? ORDER BY number")) {
      query.setInt(1, 5);
      query.setObject(2, LocalDate.of(2024, 1, 20));
      try (ResultSet rows = query.executeQuery()) {
        while (rows.next()) {
          int number = rows.getInt(1);
          equal(number % 20, 5, "customer of " + number);
          equal(rows.getObject(2, LocalDate.class), LocalDate.of(2024, 1, 1 + number % 28), "day");
        }
      }
    }
  }

  static void fetched() throws Exception {
    connection.setAutoCommit(false);
    try (Statement statement = connection.createStatement()) {
      statement.setFetchSize(100);
      int next = 0;
      try (ResultSet rows = statement.executeQuery("SELECT number FROM orders ORDER BY number")) {
        while (rows.next()) {
          equal(rows.getInt(1), next++, "number");
        }
      }
      equal(next, ORDERS, "rows");
    }
    connection.commit();
    connection.setAutoCommit(true);
  }

  static void errors() throws Exception {
    Map<String, String> states = Map.of(
        "SELECT name FRUM customers x y", "42601",
        "SELECT a.x FROM absent a JOIN customers c ON a.x = c.id", "42P01",
        "SELECT count(*) FROM customers WHERE nothing = 1", "42703");
    for (Map.Entry<String, String> each : states.entrySet()) {
      try (Statement statement = connection.createStatement()) {
        statement.executeQuery(each.getKey());
        throw new AssertionError("nothing failed: " + each.getKey());
      } catch (SQLException error) {
        equal(error.getSQLState(), each.getValue(), each.getKey());
      }
    }
    try (Statement statement = connection.createStatement()) {
      statement.setQueryTimeout(1);
      statement.executeQuery("SELECT sum(a.number * b.number + c.number) FROM orders a, orders b, "
          + "orders c WHERE a.number + b.number > c.number");
      throw new AssertionError("not cancelled");
    } catch (SQLException error) {
      equal(error.getSQLState(), "57014", "cancelled");
    }
    equal(connection.isValid(5), true, "the connection afterwards");
  }

  static void leave() throws Exception {
    try (Statement statement = connection.createStatement()) {
      statement.execute("DROP KEYSPACE " + KEYSPACE);
    }
    connection.close();
  }

  public static void main(String[] arguments) {
    Logger root = Logger.getLogger("");
    for (Handler handler : root.getHandlers()) {
      root.removeHandler(handler);
    }
    root.addHandler(new FileLog());
    step("connected", Conformance::connected);
    if (connection == null) {
      System.exit(1);
    }
    step("schema_and_rows", Conformance::schemaAndRows);
    step("metadata", Conformance::metadata);
    step("queries", Conformance::queries);
    step("fetched", Conformance::fetched);
    step("errors", Conformance::errors);
    step("leave", Conformance::leave);
    System.exit(failed ? 1 : 0);
  }
}
