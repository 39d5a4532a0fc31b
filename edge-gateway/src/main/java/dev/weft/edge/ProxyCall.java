package dev.weft.edge;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One request passed on to a service that speaks HTTP/1.1, and its answer: both bodies go as they
 * come and no faster than the other side takes them, on a connection of their own that ends with
 * the answer.
 *
 * <p>The next instance is tried when one does not take the connection, and never after: what was
 * sent may have been done. Used on the event loop of the exchange.
 */
final class ProxyCall extends ChannelInboundHandlerAdapter implements Body.Parts {
  private static final int CONNECT_MILLIS = 2_000;
  private static final HttpDecoderConfig STRICT =
      new HttpDecoderConfig()
          .setMaxInitialLineLength(4 * 1024)
          .setMaxHeaderSize(16 * 1024)
          .setUseRfc9112TransferEncoding(true)
          .setAllowDuplicateContentLengths(false);

  private final Exchange exchange;
  private final Mount mount;
  private final HttpRequest request;
  private final Iterator<InetSocketAddress> instances;
  private final Duration bodyWithin;
  private final Runnable ended;
  private final DeadlineTimer deadline;
  private Problem late = Problems.unanswered();
  private @Nullable Channel service;
  private String host = "";
  private long taken;
  private boolean sent;
  private boolean interim;
  private boolean begun;
  private boolean over;

  /**
   * @param request its head, as the service is to get it but for {@code Host}
   * @param instances to try, in this order
   * @param bodyWithin how long a client may send nothing of a body although it might
   * @param ended called once, when all is over
   */
  ProxyCall(
      Exchange exchange,
      Mount mount,
      HttpRequest request,
      List<InetSocketAddress> instances,
      Duration bodyWithin,
      Runnable ended) {
    this.exchange = exchange;
    this.mount = mount;
    this.request = request;
    this.instances = instances.iterator();
    this.bodyWithin = bodyWithin;
    this.ended = ended;
    this.deadline = new DeadlineTimer(exchange.loop(), () -> fail(late));
  }

  void start() {
    exchange.onGone(this::over);
    exchange.onWritable(this::readOn);
    connect();
  }

  // To the service.

  private void connect() {
    if (!instances.hasNext()) {
      fail(Problems.unreachable());
      return;
    }
    InetSocketAddress at = instances.next();
    ChannelFuture connecting =
        new Bootstrap()
            .group(exchange.loop())
            .channel(NioSocketChannel.class)
            .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, CONNECT_MILLIS)
            .option(ChannelOption.TCP_NODELAY, true)
            .option(ChannelOption.AUTO_READ, false)
            .handler(new HttpClientCodec(STRICT, false, true))
            .connect(at);
    service = connecting.channel();
    var _ =
        connecting.addListener(
            tried -> {
              if (over) {
                var _ = connecting.channel().close();
              } else if (tried.isSuccess()) {
                connected(connecting.channel(), at);
              } else {
                connect();
              }
            });
  }

  private void connected(Channel channel, InetSocketAddress at) {
    channel.pipeline().addLast(this);
    host = hostAndPort(at);
    request.headers().set("host", host);
    send(request);
    channel.config().setAutoRead(true);
    exchange.body().readParts(this);
    expect();
  }

  private static String hostAndPort(InetSocketAddress at) {
    String host = at.getHostString();
    return (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + at.getPort();
  }

  @Override
  public void part(ByteBuf part) {
    taken += part.readableBytes();
    if (taken > mount.bodyBytesMax()) {
      exchange.closeAfterThis();
      fail(Problems.bodyTooLong(mount.bodyBytesMax()));
      return;
    }
    send(new DefaultHttpContent(part.readRetainedSlice(part.readableBytes())));
    expect();
  }

  @Override
  public void end() {
    sent = true;
    send(LastHttpContent.EMPTY_LAST_CONTENT);
    expect();
  }

  @Override
  public boolean passesOn() {
    return true;
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (!over) {
      exchange.body().pause(!to().isWritable());
      expect();
    }
  }

  /** What becomes of it shows in the connection itself. */
  private void send(Object part) {
    var _ = to().writeAndFlush(part);
  }

  private Channel to() {
    return Objects.requireNonNull(service);
  }

  // To the client.

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    try {
      if (!over && message instanceof HttpResponse head) {
        head(head);
      }
      if (!over && message instanceof HttpContent part) {
        content(part);
      }
    } finally {
      ReferenceCountUtil.release(message);
    }
  }

  private void head(HttpResponse head) {
    int status = head.status().code();
    if (head.decoderResult().isFailure() || status < 100 || status == 101 || status > 599) {
      fail(Problems.answerBroken());
      return;
    }
    interim = status < 200;
    if (interim) {
      return;
    }
    begun = true;
    Map<String, String> headers = ProxyHeaders.answer(head, mount, host);
    // The edge may have said more there than this answer does.
    head.headers().getAll("vary").forEach(value -> exchange.alsoAnswer("Vary", value));
    if (exchange.isHead() || status == 204 || status == 304) {
      if (!exchange.isHead()) {
        headers.remove("Content-Length");
      }
      over();
      exchange.answer(Answer.empty(status, headers));
      return;
    }
    if ("text/event-stream".equals(headers.get("content-type"))) {
      exchange.onDrain(() -> fail(Problems.stopping()));
    }
    exchange.beginStream(Answer.empty(status, headers));
    expect();
  }

  private void content(HttpContent part) {
    if (part.decoderResult().isFailure()) {
      fail(Problems.answerBroken());
      return;
    }
    if (interim) {
      return;
    }
    if (part.content().isReadable()) {
      exchange.write(ByteBufUtil.getBytes(part.content()));
    }
    if (part instanceof LastHttpContent) {
      over();
      exchange.endStream();
      return;
    }
    if (!exchange.writable()) {
      to().config().setAutoRead(false);
    }
    expect();
  }

  private void readOn() {
    if (!over && begun) {
      to().config().setAutoRead(true);
      expect();
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    fail(Problems.answerBroken());
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    // A reset, or an answer that is none.
    fail(Problems.answerBroken());
  }

  // Deadlines and the end.

  /** Sets until when something has to happen, by whose turn it is. */
  private void expect() {
    if (over) {
      return;
    }
    if (begun && !exchange.writable()) {
      deadline.clear();
    } else if (!begun && !sent && to().isWritable()) {
      late = Problems.tooSlow();
      deadline.set(bodyWithin);
    } else {
      late = Problems.unanswered();
      deadline.set(mount.timeout());
    }
  }

  private void fail(Problem problem) {
    if (over) {
      return;
    }
    over();
    if (!exchange.body().ended()) {
      // What is still to come of it says nothing any more.
      exchange.closeAfterThis();
    }
    exchange.refuse(problem);
  }

  private void over() {
    if (over) {
      return;
    }
    over = true;
    deadline.close();
    if (service != null) {
      var _ = service.close();
    }
    ended.run();
  }
}
