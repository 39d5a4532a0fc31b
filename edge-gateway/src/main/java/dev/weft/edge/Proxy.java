package dev.weft.edge;

import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

/**
 * Passes requests on to services that speak HTTP themselves: access, limits, the choice of an
 * instance. Thread-safe.
 */
final class Proxy {
  /** Methods that are passed on; OPTIONS is answered here. */
  static final List<String> METHODS =
      List.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS");

  /** Instances that are tried until one takes the connection. */
  private static final int INSTANCES_TRIED = 3;

  private final Services services;
  private final Identity identity;
  private final Predicate<String> tokenServices;
  private final TrustedHops hops;
  private final HttpLimits limits;
  private final LongWork work;
  private final Slots underWay;
  private final AtomicInteger turn = new AtomicInteger();

  /**
   * @param tokenServices services that users' tokens are passed on to
   */
  Proxy(
      Services services,
      Identity identity,
      Predicate<String> tokenServices,
      TrustedHops hops,
      HttpLimits limits,
      LongWork work) {
    this.services = services;
    this.identity = identity;
    this.tokenServices = tokenServices;
    this.hops = hops;
    this.limits = limits;
    this.work = work;
    this.underWay = new Slots(limits.streamsPerRoute());
  }

  /**
   * Answers a request, now or later.
   *
   * @param target that the service sees
   * @throws Refused if it cannot be passed on
   */
  void serve(Exchange exchange, Mount mount, String target) {
    exchange.observation().route(mount.template(), mount.service());
    if (exchange.body().length() > mount.bodyBytesMax()) {
      exchange.closeAfterThis();
      throw new Refused(Problems.bodyTooLong(mount.bodyBytesMax()));
    }
    exchange.body().hold();
    identity.authorise(exchange, mount.access(), () -> start(exchange, mount, target));
  }

  private void start(Exchange exchange, Mount mount, String target) {
    List<InetSocketAddress> instances = new ArrayList<>(services.http(mount.service()));
    if (instances.isEmpty()) {
      throw new Refused(Problems.noInstance(mount.service()));
    }
    Collections.rotate(instances, turn.getAndIncrement() & Integer.MAX_VALUE);
    List<InetSocketAddress> some =
        instances.subList(0, Math.min(INSTANCES_TRIED, instances.size()));
    if (some.stream().allMatch(Proxy::isLiteral)) {
      pass(exchange, mount, target, resolved(some));
    } else {
      work.run(exchange, () -> resolved(some), found -> pass(exchange, mount, target, found));
    }
  }

  private static boolean isLiteral(InetSocketAddress address) {
    try {
      InetAddress.ofLiteral(address.getHostString());
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /** Looks up what is a name, which may take its time. */
  private static List<InetSocketAddress> resolved(List<InetSocketAddress> instances) {
    return instances.stream()
        .map(at -> new InetSocketAddress(at.getHostString(), at.getPort()))
        .filter(at -> !at.isUnresolved())
        .toList();
  }

  private void pass(
      Exchange exchange, Mount mount, String target, List<InetSocketAddress> instances) {
    HttpHeaders given = exchange.request().headers();
    Optional<String> token =
        exchange.user().isPresent() && tokenServices.test(mount.service())
            ? Tokens.bearer(given.get("authorization"))
            : Optional.empty();
    HttpHeaders headers =
        ProxyHeaders.request(exchange, mount, hops.client(given, exchange.peer()), token);
    String slot = mount.template();
    if (!underWay.take(slot)) {
      throw new Refused(Problems.overloaded());
    }
    HttpRequest request =
        new DefaultHttpRequest(
            HttpVersion.HTTP_1_1, HttpMethod.valueOf(exchange.method()), target, headers);
    new ProxyCall(
            exchange, mount, request, instances, limits.bodyWithin(), () -> underWay.release(slot))
        .start();
  }
}
