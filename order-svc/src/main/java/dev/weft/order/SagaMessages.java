package dev.weft.order;

import dev.weft.durable.Saga;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.Timestamps;
import dev.weft.shop.order.v1.SagaStep;
import java.util.Optional;

/** From durable's sagas to the contract's messages. Pure. */
final class SagaMessages {
  private SagaMessages() {}

  static dev.weft.shop.order.v1.Saga saga(Saga saga) {
    dev.weft.shop.order.v1.Saga.Builder message =
        dev.weft.shop.order.v1.Saga.newBuilder()
            .setSagaId(saga.id().toString())
            .setSubject(saga.subject())
            .setDefinition(saga.definition())
            .setVersion(saga.version())
            .setState(state(saga.state()))
            .addAllSteps(saga.steps().stream().map(SagaMessages::step).toList())
            .setCreateTime(Timestamps.of(saga.createdAt()))
            .setUpdateTime(Timestamps.of(saga.updatedAt()));
    if (saga.definition().equals(OrderSaga.NAME)) {
      message.setOrderId(saga.subject());
    }
    saga.reason().ifPresent(message::setReason);
    saga.waitsFor().ifPresent(message::setWaitsFor);
    saga.nextRunAt().ifPresent(at -> message.setNextRunTime(Timestamps.of(at)));
    return message.build();
  }

  static Optional<Saga.State> state(dev.weft.shop.order.v1.Saga.State state) {
    return switch (state) {
      case STATE_UNSPECIFIED -> Optional.empty();
      case STATE_RUNNING -> Optional.of(Saga.State.RUNNING);
      case STATE_COMPENSATING -> Optional.of(Saga.State.COMPENSATING);
      case STATE_COMPLETED -> Optional.of(Saga.State.COMPLETED);
      case STATE_COMPENSATED -> Optional.of(Saga.State.COMPENSATED);
      case STATE_COMPENSATION_STALLED -> Optional.of(Saga.State.COMPENSATION_STALLED);
      case UNRECOGNIZED -> throw Rejection.invalid("state", "is not one of the states");
    };
  }

  private static dev.weft.shop.order.v1.Saga.State state(Saga.State state) {
    return switch (state) {
      case RUNNING -> dev.weft.shop.order.v1.Saga.State.STATE_RUNNING;
      case COMPENSATING -> dev.weft.shop.order.v1.Saga.State.STATE_COMPENSATING;
      case COMPENSATION_STALLED -> dev.weft.shop.order.v1.Saga.State.STATE_COMPENSATION_STALLED;
      case COMPLETED -> dev.weft.shop.order.v1.Saga.State.STATE_COMPLETED;
      case COMPENSATED -> dev.weft.shop.order.v1.Saga.State.STATE_COMPENSATED;
    };
  }

  private static SagaStep step(Saga.Step step) {
    return SagaStep.newBuilder()
        .setName(step.name())
        .setDirection(
            switch (step.direction()) {
              case FORWARD -> SagaStep.Direction.DIRECTION_FORWARD;
              case BACKWARD -> SagaStep.Direction.DIRECTION_BACKWARD;
            })
        .setState(
            switch (step.state()) {
              case PENDING -> SagaStep.State.STATE_PENDING;
              case RUNNING -> SagaStep.State.STATE_RUNNING;
              case DONE -> SagaStep.State.STATE_DONE;
              case REFUSED -> SagaStep.State.STATE_REFUSED;
              case UNKNOWN -> SagaStep.State.STATE_UNKNOWN;
            })
        .setAttempts(step.attempts())
        .setLastError(step.lastError())
        .setResult(step.result())
        .build();
  }
}
