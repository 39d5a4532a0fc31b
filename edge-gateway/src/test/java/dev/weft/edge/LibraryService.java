package dev.weft.edge;

import com.google.api.HttpBody;
import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.util.Durations;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import dev.weft.edge.library.AddBooksRequest;
import dev.weft.edge.library.AddBooksResponse;
import dev.weft.edge.library.Book;
import dev.weft.edge.library.BurnBookRequest;
import dev.weft.edge.library.BurnBookResponse;
import dev.weft.edge.library.ConfideRequest;
import dev.weft.edge.library.ConfideResponse;
import dev.weft.edge.library.CreateBookRequest;
import dev.weft.edge.library.CreateBookResponse;
import dev.weft.edge.library.DeleteBookRequest;
import dev.weft.edge.library.DeleteBookResponse;
import dev.weft.edge.library.DonateBookRequest;
import dev.weft.edge.library.DonateBookResponse;
import dev.weft.edge.library.DownloadRequest;
import dev.weft.edge.library.DownloadResponse;
import dev.weft.edge.library.EchoRequest;
import dev.weft.edge.library.EchoResponse;
import dev.weft.edge.library.FailRequest;
import dev.weft.edge.library.FailResponse;
import dev.weft.edge.library.GetBookRequest;
import dev.weft.edge.library.GetBookResponse;
import dev.weft.edge.library.GetCoverRequest;
import dev.weft.edge.library.GetShelfRequest;
import dev.weft.edge.library.GetShelfResponse;
import dev.weft.edge.library.LendBookRequest;
import dev.weft.edge.library.LendBookResponse;
import dev.weft.edge.library.LibraryGrpc;
import dev.weft.edge.library.ListBooksRequest;
import dev.weft.edge.library.ListBooksResponse;
import dev.weft.edge.library.PingRequest;
import dev.weft.edge.library.PingResponse;
import dev.weft.edge.library.PutCoverRequest;
import dev.weft.edge.library.PutCoverResponse;
import dev.weft.edge.library.ReadFileRequest;
import dev.weft.edge.library.ReadFileResponse;
import dev.weft.edge.library.Shelf;
import dev.weft.edge.library.TalkRequest;
import dev.weft.edge.library.TalkResponse;
import dev.weft.edge.library.UpdateBookRequest;
import dev.weft.edge.library.UpdateBookResponse;
import dev.weft.edge.library.UpdateShelfRequest;
import dev.weft.edge.library.UpdateShelfResponse;
import dev.weft.edge.library.UploadRequest;
import dev.weft.edge.library.UploadResponse;
import dev.weft.edge.library.WatchBookRequest;
import dev.weft.edge.library.WatchBookResponse;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.CRC32;

/** A library without books: it answers from the request alone. */
final class LibraryService extends LibraryGrpc.LibraryImplBase {
  final AtomicInteger calls = new AtomicInteger();
  final AtomicInteger sent = new AtomicInteger();

  /** Bytes of a part of a download. */
  static final int PART = 64 * 1024;

  private final AtomicInteger looks = new AtomicInteger();

  /** A permit for each call that waits. */
  final Semaphore waiting = new Semaphore(0);

  /** Calls that were cancelled while they ran. */
  final AtomicInteger givenUp = new AtomicInteger();

  /** Whether a book called "lost" cannot be had, the next time. */
  final AtomicBoolean lost = new AtomicBoolean();

  private final Map<Object, Integer> progress = new ConcurrentHashMap<>();

  @Override
  public void getBook(GetBookRequest request, StreamObserver<GetBookResponse> out) {
    calls.incrementAndGet();
    if (request.getBookId().equals("none")) {
      out.onError(Status.NOT_FOUND.withDescription("no such book").asRuntimeException());
      return;
    }
    if (request.getBookId().equals("asleep") && isGivenUpWithin(Duration.ofSeconds(100))) {
      return;
    }
    if (request.getBookId().equals("lost") && lost.getAndSet(false)) {
      out.onError(Status.UNAVAILABLE.asRuntimeException());
      return;
    }
    answer(
        out,
        GetBookResponse.newBuilder()
            .setBook(
                Book.newBuilder()
                    .setBookId(request.getBookId())
                    .setTitle(request.getShelf())
                    .setEtag(
                        switch (request.getBookId()) {
                          case "tagged" -> "\"7\"";
                          case "weak" -> "W/\"7\"";
                          case "torn" -> "7\r\nX: y";
                          default -> "";
                        }))
            .build());
  }

  @Override
  public void listBooks(ListBooksRequest request, StreamObserver<ListBooksResponse> out) {
    ListBooksResponse.Builder books =
        ListBooksResponse.newBuilder().setNextPageToken(request.getPageToken());
    for (int i = 0; i < request.getPageSize(); i++) {
      books.addBooksBuilder().setBookId("book-" + i).setTitle("x".repeat(100));
    }
    answer(out, books.build());
  }

  @Override
  public void createBook(CreateBookRequest request, StreamObserver<CreateBookResponse> out) {
    calls.incrementAndGet();
    Book book = request.getBook().toBuilder().setBookId("new/" + request.getRequestId()).build();
    answer(out, CreateBookResponse.newBuilder().setBook(book).build());
  }

  /** The version of everything here is 7, and 8 once it was changed. */
  @Override
  public void updateBook(UpdateBookRequest request, StreamObserver<UpdateBookResponse> out) {
    calls.incrementAndGet();
    Book book = request.getBook();
    if (isOfThisVersion(book.getEtag(), out)) {
      answer(
          out, UpdateBookResponse.newBuilder().setBook(book.toBuilder().setEtag("\"8\"")).build());
    }
  }

  @Override
  public void deleteBook(DeleteBookRequest request, StreamObserver<DeleteBookResponse> out) {
    calls.incrementAndGet();
    if (isOfThisVersion(request.getEtag(), out)) {
      answer(out, DeleteBookResponse.getDefaultInstance());
    }
  }

  @Override
  public void donateBook(DonateBookRequest request, StreamObserver<DonateBookResponse> out) {
    if (request.getTitle().equals("asleep") && isGivenUpWithin(Duration.ofSeconds(100))) {
      return;
    }
    Book book = Book.newBuilder().setBookId("gift").setEtag("\"1\"").build();
    answer(out, DonateBookResponse.newBuilder().setBook(book).build());
  }

  @Override
  public void getShelf(GetShelfRequest request, StreamObserver<GetShelfResponse> out) {
    if (request.getShelfId().equals("asleep") && isGivenUpWithin(Duration.ofSeconds(100))) {
      return;
    }
    Shelf shelf =
        Shelf.newBuilder()
            .setShelfId(request.getShelfId())
            .setEtag("\"7\"")
            .setLookedAt(looks.incrementAndGet())
            .build();
    answer(out, GetShelfResponse.newBuilder().setShelf(shelf).build());
  }

  @Override
  public void updateShelf(UpdateShelfRequest request, StreamObserver<UpdateShelfResponse> out) {
    if (isOfThisVersion(request.getShelf().getEtag(), out)) {
      answer(out, UpdateShelfResponse.newBuilder().setShelf(request.getShelf()).build());
    }
  }

  /** Bytes that are each what their place is, and a type that the id asks for. */
  @Override
  public void getCover(GetCoverRequest request, StreamObserver<HttpBody> out) {
    answer(
        out,
        HttpBody.newBuilder()
            .setContentType(
                switch (request.getBookId()) {
                  case "torn" -> "text/html\r\nX: y";
                  case "text" -> "text/plain; charset=utf-8";
                  default -> "image/png";
                })
            .setData(ByteString.copyFrom(bytes(request.getSize())))
            .build());
  }

  static byte[] bytes(int size) {
    byte[] bytes = new byte[size];
    for (int i = 0; i < size; i++) {
      bytes[i] = (byte) i;
    }
    return bytes;
  }

  @Override
  public void putCover(PutCoverRequest request, StreamObserver<PutCoverResponse> out) {
    calls.incrementAndGet();
    byte[] data = request.getCover().getData().toByteArray();
    answer(
        out,
        PutCoverResponse.newBuilder()
            .setContentType(request.getCover().getContentType())
            .setLength(data.length)
            .setHash(Arrays.hashCode(data))
            .setTitle(request.getTitle())
            .build());
  }

  @Override
  public void download(DownloadRequest request, StreamObserver<DownloadResponse> out) {
    ServerCallStreamObserver<DownloadResponse> observer =
        (ServerCallStreamObserver<DownloadResponse>) out;
    AtomicInteger next = new AtomicInteger();
    observer.setOnCancelHandler(givenUp::incrementAndGet);
    observer.setOnReadyHandler(
        () -> {
          int parts = request.getParts();
          while (observer.isReady() && (parts < 0 || next.get() < parts)) {
            HttpBody.Builder part = HttpBody.newBuilder().setData(ByteString.copyFrom(bytes(PART)));
            if (next.getAndIncrement() == 0) {
              part.setContentType("application/zip");
            }
            sent.incrementAndGet();
            observer.onNext(DownloadResponse.newBuilder().setPart(part).build());
          }
          if (next.get() == parts) {
            next.incrementAndGet();
            if (request.getFailWith() == 0) {
              observer.onCompleted();
            } else {
              observer.onError(Status.fromCodeValue(request.getFailWith()).asRuntimeException());
            }
          }
        });
  }

  /** Takes everything, but for a book called "shut" nothing behind the first part. */
  @Override
  public StreamObserver<UploadRequest> upload(StreamObserver<UploadResponse> out) {
    ServerCallStreamObserver<UploadResponse> observer =
        (ServerCallStreamObserver<UploadResponse>) out;
    observer.disableAutoRequest();
    observer.setOnCancelHandler(givenUp::incrementAndGet);
    observer.request(1);
    UploadResponse.Builder seen = UploadResponse.newBuilder();
    CRC32 crc = new CRC32();
    return new StreamObserver<>() {
      @Override
      public void onNext(UploadRequest request) {
        byte[] data = request.getPart().getData().toByteArray();
        crc.update(data);
        if (seen.getMessages() == 0) {
          seen.setBookId(request.getBookId())
              .setTitle(request.getTitle())
              .setContentType(request.getPart().getContentType());
        }
        seen.setMessages(seen.getMessages() + 1).setLength(seen.getLength() + data.length);
        if (seen.getBookId().equals("refused")) {
          observer.onError(Status.RESOURCE_EXHAUSTED.asRuntimeException());
        } else if (!seen.getBookId().equals("shut")) {
          observer.request(1);
        }
      }

      @Override
      public void onError(Throwable t) {}

      @Override
      public void onCompleted() {
        answer(out, seen.setCrc(Long.toString(crc.getValue())).build());
      }
    };
  }

  private static boolean isOfThisVersion(String etag, StreamObserver<?> out) {
    if (etag.isEmpty() || etag.equals("\"7\"")) {
      return true;
    }
    com.google.rpc.Status.Builder status =
        com.google.rpc.Status.newBuilder().setCode(10).setMessage("it is of another version");
    ErrorInfo info =
        ErrorInfo.newBuilder()
            .setReason("ETAG_MISMATCH")
            .setDomain("library.weft")
            .putMetadata("http_status", "412")
            .build();
    out.onError(StatusProto.toStatusRuntimeException(status.addDetails(Any.pack(info)).build()));
    return false;
  }

  @Override
  public void lendBook(LendBookRequest request, StreamObserver<LendBookResponse> out) {
    Map<String, String> seen = new TreeMap<>();
    Metadata metadata = TestBackend.METADATA.get();
    for (String key : metadata.keys()) {
      if (!key.endsWith(Metadata.BINARY_HEADER_SUFFIX)) {
        seen.put(key, metadata.get(Metadata.Key.of(key, Metadata.ASCII_STRING_MARSHALLER)));
      }
    }
    answer(
        out,
        LendBookResponse.newBuilder()
            .setBookId(request.getBookId())
            .setTo(request.getTo())
            .putAllMetadata(seen)
            .build());
  }

  @Override
  public void burnBook(BurnBookRequest request, StreamObserver<BurnBookResponse> out) {
    answer(out, BurnBookResponse.getDefaultInstance());
  }

  @Override
  public void watchBook(WatchBookRequest request, StreamObserver<WatchBookResponse> out) {
    ServerCallStreamObserver<WatchBookResponse> observer =
        (ServerCallStreamObserver<WatchBookResponse>) out;
    observer.setOnCancelHandler(givenUp::incrementAndGet);
    observer.setOnReadyHandler(() -> send(request, observer));
  }

  private void send(WatchBookRequest request, ServerCallStreamObserver<WatchBookResponse> out) {
    int next = progress.getOrDefault(out, 0);
    if (next < 0) {
      return;
    }
    while (out.isReady() && (next < request.getCount() || request.getCount() < 0)) {
      sent.incrementAndGet();
      out.onNext(
          WatchBookResponse.newBuilder()
              .setBook(
                  Book.newBuilder()
                      .setBookId(request.getBookId())
                      .setPageCount(next)
                      .setTitle(request.getCount() < 0 ? "x".repeat(1_000) : ""))
              .build());
      next++;
    }
    progress.put(out, next);
    if (request.getCount() >= 0 && next >= request.getCount() && request.getFailWith() >= 0) {
      progress.put(out, -1);
      if (request.getFailWith() == 0) {
        out.onCompleted();
      } else {
        out.onError(
            Status.fromCodeValue(request.getFailWith())
                .withDescription("the book burned")
                .asRuntimeException());
      }
    }
  }

  @Override
  public void readFile(ReadFileRequest request, StreamObserver<ReadFileResponse> out) {
    answer(out, ReadFileResponse.newBuilder().setPath(request.getPath()).build());
  }

  @Override
  public void echo(EchoRequest request, StreamObserver<EchoResponse> out) {
    calls.incrementAndGet();
    answer(
        out,
        EchoResponse.newBuilder()
            .setEverything(request.getEverything())
            .addAllTags(request.getTagsList())
            .build());
  }

  @Override
  public void fail(FailRequest request, StreamObserver<FailResponse> out) {
    calls.incrementAndGet();
    if (request.hasDelay()
        && isGivenUpWithin(Duration.ofMillis(Durations.toMillis(request.getDelay())))) {
      return;
    }
    com.google.rpc.Status.Builder status =
        com.google.rpc.Status.newBuilder().setCode(request.getCode()).setMessage("it failed");
    if (!request.getReason().isEmpty()) {
      ErrorInfo.Builder info =
          ErrorInfo.newBuilder().setReason(request.getReason()).setDomain("library.weft");
      if (!request.getHttpStatus().isEmpty()) {
        info.putMetadata("http_status", request.getHttpStatus());
      }
      status.addDetails(Any.pack(info.build()));
    }
    if (request.getWrongFieldsCount() > 0) {
      BadRequest.Builder bad = BadRequest.newBuilder();
      request
          .getWrongFieldsList()
          .forEach(field -> bad.addFieldViolationsBuilder().setField(field).setDescription("bad"));
      status.addDetails(Any.pack(bad.build()));
      status.setMessage(request.getWrongFields(0) + ": bad (and more)");
      status.addDetails(Any.newBuilder().setTypeUrl("types.example/no.Such"));
    }
    out.onError(StatusProto.toStatusRuntimeException(status.build()));
  }

  /** Lets the call wait for so long, or until its client has given it up. */
  private boolean isGivenUpWithin(Duration delay) {
    CountDownLatch over = new CountDownLatch(1);
    Context.current().addListener(_ -> over.countDown(), Runnable::run);
    waiting.release();
    try {
      boolean _ = over.await(delay.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (Context.current().isCancelled()) {
      givenUp.incrementAndGet();
      return true;
    }
    return false;
  }

  /** Fails at a book without a title. */
  @Override
  public StreamObserver<AddBooksRequest> addBooks(StreamObserver<AddBooksResponse> out) {
    calls.incrementAndGet();
    return new StreamObserver<>() {
      private final AddBooksResponse.Builder added = AddBooksResponse.newBuilder();
      private boolean failed;

      @Override
      public void onNext(AddBooksRequest next) {
        String title = next.getBook().getTitle();
        if (title.isEmpty()) {
          failed = true;
          out.onError(
              Status.INVALID_ARGUMENT.withDescription("a book has a title").asRuntimeException());
          return;
        }
        added.setCount(added.getCount() + 1).setTitles(added.getTitles() + title.charAt(0));
      }

      @Override
      public void onError(Throwable failed) {
        givenUp.incrementAndGet();
      }

      @Override
      public void onCompleted() {
        if (!failed) {
          answer(out, added.build());
        }
      }
    };
  }

  /** Ends after "bye"; about "deaf" it hears one message and then no more. */
  @Override
  public StreamObserver<TalkRequest> talk(StreamObserver<TalkResponse> out) {
    calls.incrementAndGet();
    return new StreamObserver<>() {
      @Override
      public void onNext(TalkRequest said) {
        if (said.getTopic().equals("deaf")) {
          awaitCancellation();
          return;
        }
        out.onNext(
            TalkResponse.newBuilder().setTopic(said.getTopic()).setText(said.getText()).build());
        if (said.getText().equals("bye")) {
          out.onCompleted();
        }
      }

      @Override
      public void onError(Throwable failed) {
        givenUp.incrementAndGet();
      }

      @Override
      public void onCompleted() {
        out.onCompleted();
      }
    };
  }

  @Override
  public StreamObserver<ConfideRequest> confide(StreamObserver<ConfideResponse> out) {
    calls.incrementAndGet();
    String authorization =
        TestBackend.METADATA
            .get()
            .get(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER));
    return new StreamObserver<>() {
      @Override
      public void onNext(ConfideRequest said) {
        out.onNext(ConfideResponse.newBuilder().setAuthorization(authorization).build());
      }

      @Override
      public void onError(Throwable failed) {
        givenUp.incrementAndGet();
      }

      @Override
      public void onCompleted() {
        out.onCompleted();
      }
    };
  }

  private static void awaitCancellation() {
    CountDownLatch over = new CountDownLatch(1);
    Context.current().addListener(_ -> over.countDown(), Runnable::run);
    try {
      boolean _ = over.await(20, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void ping(PingRequest request, StreamObserver<PingResponse> out) {
    answer(out, PingResponse.newBuilder().setText(request.getText()).build());
  }

  private static <T> void answer(StreamObserver<T> out, T message) {
    out.onNext(message);
    out.onCompleted();
  }
}
