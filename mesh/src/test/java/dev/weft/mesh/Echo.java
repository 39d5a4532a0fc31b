package dev.weft.mesh;

import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc.EchoServiceImplBase;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;

/** Answers every unary call with what a test wants, counting them. */
final class Echo extends EchoServiceImplBase {
  /** What becomes of a request. */
  interface Answer {
    String to(String text) throws Exception;
  }

  final AtomicInteger calls = new AtomicInteger();
  volatile Answer answer = text -> text;
  final List<String> heard = new CopyOnWriteArrayList<>();
  final BlockingQueue<StreamObserver<EchoResponse>> watchers = new LinkedBlockingQueue<>();

  @Override
  public void read(EchoRequest request, StreamObserver<EchoResponse> observer) {
    reply(request, observer);
  }

  @Override
  public void put(EchoRequest request, StreamObserver<EchoResponse> observer) {
    reply(request, observer);
  }

  @Override
  public void write(EchoRequest request, StreamObserver<EchoResponse> observer) {
    reply(request, observer);
  }

  @Override
  public void watch(EchoRequest request, StreamObserver<EchoResponse> observer) {
    watchers.add(observer);
    observer.onNext(EchoResponse.newBuilder().setText(request.getText()).build());
  }

  /** Hears and says nothing. */
  @Override
  public StreamObserver<EchoRequest> talk(StreamObserver<EchoResponse> observer) {
    watchers.add(observer);
    // So that several messages may be on their way to it.
    var call = (ServerCallStreamObserver<EchoResponse>) observer;
    call.disableAutoRequest();
    call.request(1_000);
    return new StreamObserver<>() {
      @Override
      public void onNext(EchoRequest request) {
        heard.add(request.getText());
      }

      @Override
      public void onError(Throwable gone) {}

      @Override
      public void onCompleted() {
        observer.onCompleted();
      }
    };
  }

  private void reply(EchoRequest request, StreamObserver<EchoResponse> observer) {
    calls.incrementAndGet();
    String text;
    try {
      text = answer.to(request.getText());
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
    observer.onNext(EchoResponse.newBuilder().setText(text).build());
    observer.onCompleted();
  }
}
