package dev.weft.order;

import com.google.protobuf.Message;
import dev.weft.durable.SagaNews;
import dev.weft.durable.StepContext;
import dev.weft.events.EventLog;
import dev.weft.shop.event.v1.SagaCompensated;
import dev.weft.shop.event.v1.SagaCompleted;
import dev.weft.shop.event.v1.SagaFacts;
import dev.weft.shop.event.v1.SagaStalled;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/** What is said about sagas: one event at the end of each, and one before if it stalls. */
final class SagaEvents {
  private final EventLog log;

  SagaEvents(EventLog log) {
    this.log = log;
  }

  /** Says it in the caller's transaction; the event's id. */
  UUID say(Handle tx, StepContext last, SagaNews news) {
    SagaFacts.Builder facts =
        SagaFacts.newBuilder()
            .setSagaId(last.sagaId().toString())
            .setSubject(last.subject())
            .setDefinition(news.definition())
            .setVersion(news.version())
            .setReason(news.reason())
            .addAllDoneSteps(news.done())
            .addAllUndoneSteps(news.undone());
    news.refused().ifPresent(facts::setRefusedStep);
    return log.publish(tx, last.sagaId().toString(), news.number(), payload(news, facts.build()));
  }

  private static Message payload(SagaNews news, SagaFacts facts) {
    return switch (news.state()) {
      case COMPLETED -> SagaCompleted.newBuilder().setSaga(facts).build();
      case COMPENSATED -> SagaCompensated.newBuilder().setSaga(facts).build();
      case COMPENSATION_STALLED -> SagaStalled.newBuilder().setSaga(facts).build();
      case RUNNING, COMPENSATING ->
          throw new IllegalArgumentException("nothing became of it yet: " + news);
    };
  }
}
