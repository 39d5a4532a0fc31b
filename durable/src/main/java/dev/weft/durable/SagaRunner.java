package dev.weft.durable;

import dev.weft.durable.Saga.State;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings every saga to its end: all steps done, or all undone. Sagas live in tables, so they go on
 * after any crash, in this process or another one.
 *
 * <p>A saga begun in a transaction runs as soon as that commits. While it runs it is leased; when
 * its runner falls silent, another one takes it up after the lease and repeats the current step
 * under the same command id. A runner that comes back too late finds its token outdated and can
 * write nothing. Several processes share the work.
 *
 * <p>A step of unknown outcome is repeated, never guessed at. Refused before or at the pivot, or
 * not past it at the soft limit, the saga undoes what ran or may have run, in reverse, until it
 * succeeds. An undoing that failed ten times no longer holds up the others; the saga then counts as
 * stalled and is still tried, once an hour in the long run.
 *
 * <p>Sagas do not call a service that is away: attempts of any of them found it so, in a row, and
 * from then on all that need it wait at its gate, in all processes. One at a time tries; once it
 * comes through, the others follow, twice as many each time. A saga that waits makes no attempts;
 * its soft limit holds, and an undoing that waits long counts as stalled.
 *
 * <p>Thread-safe. Whoever makes it starts and closes it; close hands unfinished sagas to others.
 */
public final class SagaRunner implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(SagaRunner.class);

  private final Database database;
  private final SagaDefinitions definitions;
  private final SagaStore store;
  private final SagaViews views;
  private final SagaEngine engine;

  public SagaRunner(
      Database database, SagaSettings settings, Collection<SagaDefinition> definitions) {
    this.database = database;
    this.definitions = new SagaDefinitions(definitions);
    store = new SagaStore(UuidV7.next(), this.definitions, settings);
    views = new SagaViews(this.definitions);
    engine =
        new SagaEngine(
            database,
            store,
            new GateStore(settings.furthestOfGate(this.definitions.longestStep())),
            Threads.VIRTUAL,
            settings);
  }

  /**
   * Starts to take up sagas: those that a dead runner left, and those that wait for their next
   * attempt, since a process is often restarted because what they failed at was mended.
   */
  public void start() {
    try {
      database.inTransactionVoid(
          tx -> {
            store.allDueNow(tx);
            GateStore.allDueNow(tx);
          });
    } catch (RuntimeException e) {
      log.warn("sagas that wait are not tried before their time: the database is away", e);
    }
    engine.start();
  }

  /**
   * Begins a saga in the caller's transaction, on the newest version of its definition. It runs
   * once the transaction commits, and never if it does not.
   *
   * @param tx a transaction of this runner's database, through its pool or another one
   * @param subject what it is about, to find it by
   * @param data what its steps need to know
   */
  public UUID begin(Handle tx, String definition, String subject, String data) {
    return engine.begin(tx, definitions.newest(definition), subject, data);
  }

  public Optional<Saga> find(UUID id) {
    return database.read(tx -> views.find(tx, id));
  }

  /** The sagas about a subject, oldest first. */
  public List<Saga> ofSubject(String subject) {
    return database.read(tx -> views.ofSubject(tx, subject));
  }

  /** The sagas of a definition about any of these subjects, oldest first. */
  public List<Saga> ofSubjects(String definition, Collection<String> subjects) {
    return database.read(tx -> views.ofSubjects(tx, definition, subjects));
  }

  /**
   * Sagas, newest first.
   *
   * @param before the last saga of the page before this one
   */
  public List<Saga> list(
      Optional<State> state, Optional<String> definition, Optional<UUID> before, int atMost) {
    return database.read(tx -> views.list(tx, state, definition, before, atMost));
  }

  /** How many sagas have not ended, by state. */
  public Map<State, Long> countsOfUnended() {
    return database.read(views::countsOfUnended);
  }

  /**
   * How many sagas wait for room at a runner, of any process, counted up to this many; none of
   * those that wait for their next attempt, or for a service that is away.
   *
   * @param tx a transaction of this runner's database, through its pool or another one
   */
  public int waiting(Handle tx, int atMost) {
    return views.waiting(tx, atMost);
  }

  /** Whether there is a definition of this name. */
  public boolean knows(String definition) {
    return definitions.has(definition);
  }

  /** The services that its sagas call. */
  public Set<String> dependencies() {
    return definitions.dependencies();
  }

  /** The services that are away, so that sagas wait for them. */
  public List<SagaGate> gates() {
    return database.read(GateStore::list);
  }

  /**
   * Tries a waiting saga now; one that is being run, or has ended, stays as it is. Where it needs a
   * service that is away, that is tried now, and the saga follows once it answers.
   */
  public Optional<Saga> retryNow(UUID id) {
    Optional<Saga> saga =
        database.inTransaction(
            tx -> {
              store.dueNow(tx, id);
              GateStore.allDueNow(tx);
              return views.find(tx, id);
            });
    engine.wake();
    return saga;
  }

  /** Lets current steps end for a few seconds, then hands everything unfinished to others. */
  @Override
  public void close() {
    engine.close();
  }

  @Override
  public String toString() {
    return "SagaRunner[" + definitions + "]";
  }
}
