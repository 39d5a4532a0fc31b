package dev.weft.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Database;
import dev.weft.durable.Event;
import dev.weft.durable.ParkedEvents.Reason;
import dev.weft.durable.Saga;
import dev.weft.durable.SagaDefinition;
import dev.weft.durable.SagaRunner;
import dev.weft.durable.SagaSettings;
import dev.weft.durable.SagaStep;
import dev.weft.durable.StepContext;
import dev.weft.durable.StepOutcome;
import dev.weft.testkit.InProcessMesh;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A saga that an event begins. */
class SagaStartTest extends EventFixture {
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  private final List<StepContext> greeted = new CopyOnWriteArrayList<>();
  private final SagaRunner sagas =
      new SagaRunner(
          consumer,
          SagaSettings.DEFAULT,
          List.of(
              SagaDefinition.of(
                  "greeting",
                  1,
                  List.of(SagaStep.retriable("greet", this::greet)),
                  new NoEnding())));

  @AfterEach
  void close() {
    sagas.close();
    consumer.inTransactionVoid(tx -> tx.execute("TRUNCATE saga, saga_step"));
  }

  @Override
  void serve(EventLog log, Database database) {
    mesh.serve(SOURCE, log.service());
  }

  @Override
  void crash() {
    mesh.stop(SOURCE);
  }

  @Override
  EventTransport transport() {
    return new GrpcEventTransport(
        service -> mesh.channel("payment-svc", service),
        service -> mesh.channel("payment-svc", service));
  }

  @Test
  void runsOnceThoughTheEventArrivesAgainAndItsFirstTransactionIsLost() {
    AtomicInteger attempts = new AtomicInteger();
    SagaStart start = new SagaStart(sagas, "greeting", event -> event.aggregate().id());
    bus()
        .subscribe(
            all(),
            (tx, event) -> {
              start.handle(tx, event);
              if (attempts.incrementAndGet() == 1) {
                throw new IllegalStateException("after the saga was begun");
              }
            });
    publish("a", "shop.order.created");
    await().atMost(WAIT).until(() -> begun("a").size() == 1 && greeted.size() == 1);

    // From the beginning, as after a crash of whoever reads.
    log.groups().move(CONSUMER, 0);
    publish("b", "shop.order.created");
    await().atMost(WAIT).until(() -> begun("b").size() == 1 && greeted.size() == 2);

    assertThat(attempts).hasValue(3);
    assertThat(begun("a")).hasSize(1);
  }

  @Test
  void beginsWithWhatLedToIt() {
    bus().subscribe(all(), new SagaStart(sagas, "greeting", event -> event.aggregate().id()));
    publish("a", "shop.order.created");
    await().atMost(WAIT).until(() -> greeted.size() == 1);

    Event event = log.store().readAggregate("shop.order", "a", 1, 1).getFirst();
    Cause cause = Cause.parse(greeted.getFirst().data());
    assertThat(cause.eventId()).hasValue(event.id());
    assertThat(cause.correlationId()).isEqualTo(event.origin().correlationId());
  }

  @Test
  void anEventThatDoesNotSayWhatItIsAboutIsADeadLetter() {
    bus()
        .subscribe(
            all(),
            new SagaStart(
                sagas,
                "greeting",
                _ -> {
                  throw new UnreadableEventException("it is about nothing");
                }));
    publish("a", "shop.order.created");
    await().atMost(WAIT).until(() -> !letters().isEmpty());

    assertThat(parked()).isEqualTo(Map.of(Reason.UNREADABLE, 1L));
    assertThat(begun("a")).isEmpty();
  }

  @Test
  void knowsAtTheStartWhetherThereIsSuchASaga() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new SagaStart(sagas, "farewell", Event::source))
        .withMessageContaining("farewell");
  }

  @Test
  void aCauseIsReadAsItWasWritten() {
    Cause all = new Cause("a\nb", Optional.of(UUID.randomUUID()), "00-1-2-01");
    Cause least = new Cause("", Optional.empty(), "");

    assertThat(Cause.parse(all.text())).isEqualTo(all);
    assertThat(Cause.parse(least.text())).isEqualTo(least);
  }

  private List<Saga> begun(String subject) {
    return sagas.ofSubject(subject);
  }

  private StepOutcome greet(StepContext context) {
    greeted.add(context);
    return StepOutcome.done();
  }

  private static final class NoEnding implements SagaDefinition.Ending {
    @Override
    public void completed(Handle tx, StepContext last) {}

    @Override
    public void compensated(Handle tx, StepContext last, String reason) {}
  }
}
