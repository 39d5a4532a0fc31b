package dev.weft.durable;

import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.UnableToExecuteStatementException;
import org.jspecify.annotations.Nullable;

/**
 * A statement of a busy path: its names are looked up once, when the class is loaded that holds it,
 * and its values go to the driver as what they are. Jdbi's own statements do the same and more, at
 * twice the processor time; both run on one {@link Handle}, in one transaction.
 *
 * <pre>{@code
 * private static final Sql FIND = Sql.of("SELECT * FROM payment WHERE payment_id = :id");
 *
 * Optional<Payment> find(Handle tx, UUID id) {
 *   return FIND.on(tx).set("id", id).atMostOne(row -> payment(row));
 * }
 * }</pre>
 *
 * <p>A value that is absent has the type of one that is there, so that the server keeps its plan.
 * Failures arrive as Jdbi's exceptions with the {@link SQLException} as cause.
 *
 * <p>Immutable and thread-safe; a {@link Call} is neither, and is for one execution.
 */
public final class Sql {
  /** Names, and what only looks like one: text in quotes, the rest of a comment, a cast. */
  private static final Pattern NAME = Pattern.compile("'[^']*'|--.*|::|:([A-Za-z]\\w*)");

  private static final Value UNSET =
      (_, _) -> {
        throw new IllegalStateException("a value is not set");
      };

  private final String text;
  private final Map<String, int[]> places;
  private final int count;
  // Those before the last one, whose answers nobody reads.
  private final int before;

  /** Reads one row. */
  @FunctionalInterface
  public interface Row<T> {
    T read(ResultSet row) throws SQLException;
  }

  /** Puts itself into a place of a statement. */
  @FunctionalInterface
  private interface Value {
    void into(PreparedStatement statement, int place) throws SQLException;
  }

  /** What is done with a statement whose values are set. */
  @FunctionalInterface
  private interface Execution<T> {
    T of(PreparedStatement statement) throws SQLException;
  }

  private Sql(String text, Map<String, int[]> places, int count, int before) {
    this.text = text;
    this.places = places;
    this.count = count;
    this.before = before;
  }

  /** A statement with names for its values: {@code :id}. */
  public static Sql of(String named) {
    StringBuilder text = new StringBuilder();
    Map<String, List<Integer>> places = new HashMap<>();
    int count = 0;
    Matcher names = NAME.matcher(named);
    while (names.find()) {
      String name = names.group(1);
      if (name == null) {
        names.appendReplacement(text, Matcher.quoteReplacement(names.group()));
      } else {
        names.appendReplacement(text, "?");
        places.computeIfAbsent(name, _ -> new ArrayList<>()).add(++count);
      }
    }
    names.appendTail(text);
    Map<String, int[]> fixed = new HashMap<>();
    places.forEach(
        (name, all) -> fixed.put(name, all.stream().mapToInt(Integer::intValue).toArray()));
    return new Sql(text.toString(), Map.copyOf(fixed), count, 0);
  }

  /**
   * This statement and then another, in one round trip: the answer is the other's. It sees what
   * this one waited for, as it has a snapshot of its own; a name that both have is one value.
   */
  public Sql then(Sql next) {
    Map<String, int[]> both = new HashMap<>(places);
    next.places.forEach(
        (name, theirs) ->
            both.merge(
                name,
                Arrays.stream(theirs).map(place -> place + count).toArray(),
                (mine, others) ->
                    IntStream.concat(Arrays.stream(mine), Arrays.stream(others)).toArray()));
    return new Sql(
        text + "\n;\n" + next.text, Map.copyOf(both), count + next.count, before + 1 + next.before);
  }

  /** Begins to set the values of one execution. */
  public Call on(Handle tx) {
    return new Call(tx);
  }

  @Override
  public String toString() {
    return text;
  }

  /** One execution: values first, then what ends it. */
  public final class Call {
    private final Handle tx;
    private final Value[] values = new Value[count];

    private Call(Handle tx) {
      this.tx = tx;
      Arrays.fill(values, UNSET);
    }

    public Call set(String name, @Nullable String value) {
      return put(name, (statement, place) -> statement.setString(place, value));
    }

    public Call set(String name, @Nullable UUID value) {
      return value == null
          ? put(name, (statement, place) -> statement.setNull(place, Types.OTHER, "uuid"))
          : put(name, (statement, place) -> statement.setObject(place, value));
    }

    public Call set(String name, int value) {
      return put(name, (statement, place) -> statement.setInt(place, value));
    }

    public Call set(String name, long value) {
      return put(name, (statement, place) -> statement.setLong(place, value));
    }

    public Call set(String name, @Nullable Long value) {
      return value == null
          ? put(name, (statement, place) -> statement.setNull(place, Types.BIGINT))
          : set(name, value.longValue());
    }

    public Call set(String name, boolean value) {
      return put(name, (statement, place) -> statement.setBoolean(place, value));
    }

    public Call set(String name, byte[] value) {
      return put(name, (statement, place) -> statement.setBytes(place, value));
    }

    public Call set(String name, @Nullable OffsetDateTime value) {
      return put(name, (statement, place) -> statement.setObject(place, value));
    }

    /** All of these, as {@code uuid[]}. */
    public Call set(String name, UUID[] values) {
      return put(name, array("uuid", values));
    }

    /** All of these, as {@code text[]}. */
    public Call set(String name, String[] values) {
      return put(name, array("text", values));
    }

    /** All of these, as {@code int[]}. */
    public Call set(String name, Integer[] values) {
      return put(name, array("int4", values));
    }

    /** All of these, as {@code bigint[]}. */
    public Call set(String name, Long[] values) {
      return put(name, array("int8", values));
    }

    /** Executes it, whatever it answers. */
    public void run() {
      execute(PreparedStatement::execute);
    }

    /** Executes it; says how many rows it changed. */
    public int update() {
      return execute(
          statement -> {
            skip(statement);
            return statement.getUpdateCount();
          });
    }

    /**
     * Executes it; insists that it changed one row, as {@link Rows#one}.
     *
     * @param subject what the row is, for the exception
     */
    public void updateOne(String subject) {
      Rows.one(update(), subject);
    }

    /** Executes it; reads all rows. */
    public <T> List<T> list(Row<T> row) {
      return execute(
          statement -> {
            skip(statement);
            try (ResultSet rows = statement.getResultSet()) {
              List<T> all = new ArrayList<>();
              while (rows.next()) {
                all.add(row.read(rows));
              }
              return all;
            }
          });
    }

    /**
     * Executes it; reads its row, if there is one.
     *
     * @throws IllegalStateException if there are more
     */
    public <T> Optional<T> atMostOne(Row<T> row) {
      List<T> all = list(row);
      if (all.size() > 1) {
        throw new IllegalStateException(all.size() + " rows (expected: one at most) of " + text);
      }
      return all.isEmpty() ? Optional.empty() : Optional.of(all.getFirst());
    }

    /**
     * Executes it; reads its row.
     *
     * @throws IllegalStateException if there is none, or if there are more
     */
    public <T> T one(Row<T> row) {
      return atMostOne(row)
          .orElseThrow(() -> new IllegalStateException("no row (expected: one) of " + text));
    }

    /** Executes all of it, up to the answer of the last statement. */
    private void skip(PreparedStatement statement) throws SQLException {
      statement.execute();
      for (int i = 0; i < before; i++) {
        boolean _ = statement.getMoreResults();
      }
    }

    private Call put(String name, Value value) {
      int[] all = places.get(name);
      if (all == null) {
        throw new IllegalArgumentException("there is no :" + name + " in " + text);
      }
      for (int place : all) {
        values[place - 1] = value;
      }
      return this;
    }

    private static Value array(String type, Object[] values) {
      return (statement, place) ->
          statement.setArray(place, statement.getConnection().createArrayOf(type, values));
    }

    private <T> T execute(Execution<T> execution) {
      try (PreparedStatement statement = tx.getConnection().prepareStatement(text)) {
        for (int i = 0; i < count; i++) {
          values[i].into(statement, i + 1);
        }
        return execution.of(statement);
      } catch (SQLException e) {
        // Jdbi's own show the statement, and never a value: some are personal.
        throw new UnableToExecuteStatementException(
            e.getMessage() + " [statement: " + text + "]", e, null);
      }
    }
  }
}
