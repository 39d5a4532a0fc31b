package dev.weft.edge;

import io.grpc.ClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.Metadata;
import io.netty.buffer.ByteBuf;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Passes the body of a request on to a client stream as it comes: each part is a message, the first
 * one with what path, query and headers say. No more of it is read than the service takes. Used on
 * the event loop.
 */
final class Upload implements Body.Parts, Multipart.Reader {
  private static final byte[] NOTHING = {};

  private final Exchange exchange;
  private final Asked asked;
  private final Calls calls;
  private final Executor threads;
  private final Duration within;
  private final DeadlineTimer late;
  private final List<RequestTarget.Parameter> query;
  private final @Nullable Multipart form;
  private String contentType;
  private @Nullable ClientCall<byte[], byte[]> call;
  private long taken;

  /**
   * @param threads for work that takes long
   * @param within how long the client may send nothing although it might
   */
  Upload(Exchange exchange, Asked asked, Calls calls, Executor threads, Duration within) {
    this.exchange = exchange;
    this.asked = asked;
    this.calls = calls;
    this.threads = threads;
    this.within = within;
    this.late = new DeadlineTimer(exchange.loop(), () -> fail(Problems.tooSlow()));
    this.query = new ArrayList<>(asked.target().query());
    this.contentType = asked.headers().contentType();
    this.form = Multipart.is(contentType) ? Multipart.of(contentType, this) : null;
  }

  /** Begins to read what the client sends. */
  void start() {
    late.set(within);
    exchange.body().readParts(this);
  }

  // From the client.

  @Override
  public void part(ByteBuf part) {
    guarded(
        () -> {
          taken += part.readableBytes();
          if (taken > asked.rpc().uploadBytesMax()) {
            throw new Refused(Problems.bodyTooLong(asked.rpc().uploadBytesMax()));
          }
          byte[] bytes = new byte[part.readableBytes()];
          part.readBytes(bytes);
          if (form == null) {
            data(bytes);
          } else {
            form.read(bytes);
          }
          late.set(within);
          if (call != null && !call.isReady()) {
            exchange.body().pause(true);
            late.clear();
          }
        });
  }

  @Override
  public void end() {
    late.close();
    guarded(
        () -> {
          if (form != null) {
            form.end();
          }
          if (call == null) {
            data(NOTHING);
          }
          if (call != null) {
            call.halfClose();
          }
        });
  }

  @Override
  public boolean passesOn() {
    return true;
  }

  private void guarded(Runnable work) {
    try {
      work.run();
    } catch (Refused e) {
      fail(e.problem());
    }
  }

  private void fail(Problem problem) {
    if (exchange.over()) {
      return;
    }
    late.close();
    // What is still to come of the body says nothing any more.
    exchange.closeAfterThis();
    exchange.refuse(problem);
    if (call != null) {
      call.cancel(problem.message(), null);
    }
  }

  // Of a form.

  @Override
  public void field(String name, String value) {
    query.add(new RequestTarget.Parameter(name, value));
  }

  @Override
  public void file(String type) {
    contentType = type;
  }

  @Override
  public void data(byte[] part) {
    Transcoder transcoder = asked.route().transcoder();
    if (call != null) {
      call.sendMessage(transcoder.part(part));
      return;
    }
    byte[] first =
        transcoder.request(asked.found().variables(), query, part, asked.headers().of(contentType));
    calls.open(
        exchange,
        asked.route(),
        asked.timeout(),
        (opened, metadata, ended) -> {
          call = opened;
          begin(opened, metadata, ended);
          opened.sendMessage(first);
        });
  }

  private void begin(ClientCall<byte[], byte[]> opened, Metadata metadata, Runnable ended) {
    opened.start(
        new SimpleForwardingClientCallListener<>(new UnaryCall(exchange, asked, threads, ended)) {
          @Override
          public void onReady() {
            if (!exchange.over()) {
              late.set(within);
              exchange.body().pause(false);
            }
          }
        },
        metadata);
    opened.request(2);
  }
}
