package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.api.HttpBody;
import com.google.protobuf.ByteString;
import dev.weft.edge.archive.ArchiveGrpc;
import dev.weft.edge.archive.GetDeskRequest;
import dev.weft.edge.archive.GetDeskResponse;
import dev.weft.edge.archive.GetPaperRequest;
import dev.weft.edge.archive.GetPaperResponse;
import dev.weft.edge.archive.GetScanRequest;
import dev.weft.edge.archive.ListPapersRequest;
import dev.weft.edge.archive.ListPapersResponse;
import dev.weft.edge.archive.Paper;
import dev.weft.edge.archive.SealPaperRequest;
import dev.weft.edge.archive.SealPaperResponse;
import dev.weft.edge.archive.UpdatePaperRequest;
import dev.weft.edge.archive.UpdatePaperResponse;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** An archive that answers each read differently, so that one can tell what was read anew. */
final class ArchiveService extends ArchiveGrpc.ArchiveImplBase {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  /** Reads that have begun. */
  final AtomicInteger reads = new AtomicInteger();

  /** A permit for each read that has begun. */
  final Semaphore begun = new Semaphore(0);

  /** How many of the next calls fail, and with what. */
  final AtomicInteger failures = new AtomicInteger();

  volatile Status failure = Status.INTERNAL;

  /** What the last read had when it began. */
  volatile long secondsLeft;

  private volatile CountDownLatch gate = new CountDownLatch(0);

  /** From now on reads wait. */
  void hold() {
    begun.drainPermits();
    gate = new CountDownLatch(1);
  }

  void release() {
    gate.countDown();
  }

  void awaitRead() throws InterruptedException {
    assertThat(begun.tryAcquire(20, TimeUnit.SECONDS)).as("a read has begun").isTrue();
  }

  void failNext(int calls, Status with) {
    failure = with;
    failures.set(calls);
  }

  @Override
  public void getPaper(GetPaperRequest request, StreamObserver<GetPaperResponse> out) {
    Paper.Builder paper = read(out);
    paper.setPaperId(request.getPaperId()).setText("x".repeat(request.getSize()));
    answer(out, GetPaperResponse.newBuilder().setPaper(paper).build());
  }

  @Override
  public void listPapers(ListPapersRequest request, StreamObserver<ListPapersResponse> out) {
    Paper.Builder paper = read(out);
    answer(
        out,
        ListPapersResponse.newBuilder()
            .addPapers(paper)
            .setNextPageToken(request.getPageToken())
            .build());
  }

  @Override
  public void getDesk(GetDeskRequest request, StreamObserver<GetDeskResponse> out) {
    Paper.Builder paper = read(out);
    answer(out, GetDeskResponse.newBuilder().setPaper(paper).build());
  }

  @Override
  public void getScan(GetScanRequest request, StreamObserver<HttpBody> out) {
    Paper.Builder paper = read(out);
    answer(
        out,
        HttpBody.newBuilder()
            .setContentType("image/png")
            .setData(ByteString.copyFromUtf8("scan " + paper.getReading()))
            .build());
  }

  @Override
  public void updatePaper(UpdatePaperRequest request, StreamObserver<UpdatePaperResponse> out) {
    answer(out, UpdatePaperResponse.newBuilder().setPaper(request.getPaper()).build());
  }

  @Override
  public void sealPaper(SealPaperRequest request, StreamObserver<SealPaperResponse> out) {
    answer(out, SealPaperResponse.getDefaultInstance());
  }

  private Paper.Builder read(StreamObserver<?> out) {
    // One that is given up answers nobody, and need not hear of it.
    ((ServerCallStreamObserver<?>) out).setOnCancelHandler(() -> {});
    secondsLeft =
        Objects.requireNonNull(Context.current().getDeadline()).timeRemaining(TimeUnit.SECONDS);
    int reading = reads.incrementAndGet();
    begun.release();
    try {
      assertThat(gate.await(20, TimeUnit.SECONDS)).as("it was released").isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    String token = TestBackend.METADATA.get().get(AUTHORIZATION);
    return Paper.newBuilder().setReading(reading).setReader(token == null ? "" : token);
  }

  private <T> void answer(StreamObserver<T> out, T message) {
    if (failures.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
      out.onError(failure.asRuntimeException());
      return;
    }
    out.onNext(message);
    out.onCompleted();
  }
}
