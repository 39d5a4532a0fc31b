package dev.weft.edge;

import dev.weft.edge.counter.CounterGrpc;
import dev.weft.edge.counter.LookRequest;
import dev.weft.edge.counter.LookResponse;
import dev.weft.edge.counter.TakeMineRequest;
import dev.weft.edge.counter.TakeMineResponse;
import dev.weft.edge.counter.TakeRequest;
import dev.weft.edge.counter.TakeResponse;
import dev.weft.edge.counter.WatchRequest;
import dev.weft.edge.counter.WatchResponse;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.atomic.AtomicInteger;

/** Counts its calls. */
final class CounterService extends CounterGrpc.CounterImplBase {
  final AtomicInteger calls = new AtomicInteger();

  @Override
  public void look(LookRequest request, StreamObserver<LookResponse> out) {
    answer(out, LookResponse.getDefaultInstance());
  }

  @Override
  public void take(TakeRequest request, StreamObserver<TakeResponse> out) {
    answer(out, TakeResponse.getDefaultInstance());
  }

  @Override
  public void takeMine(TakeMineRequest request, StreamObserver<TakeMineResponse> out) {
    answer(out, TakeMineResponse.getDefaultInstance());
  }

  @Override
  public void watch(WatchRequest request, StreamObserver<WatchResponse> out) {
    answer(out, WatchResponse.getDefaultInstance());
  }

  private <T> void answer(StreamObserver<T> out, T reply) {
    calls.incrementAndGet();
    out.onNext(reply);
    out.onCompleted();
  }
}
