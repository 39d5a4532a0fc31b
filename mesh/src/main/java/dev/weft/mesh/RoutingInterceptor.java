package dev.weft.mesh;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import io.grpc.Attributes;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Decides once about each call where it goes, as the registry's routes say, before anything is made
 * of it that an attempt would make anew: whoever repeats the call, repeats it there. The timeout of
 * a route takes the place of the contract's, and a caller's own is never made longer. So do the
 * {@link Terms} of the service, behind the route.
 *
 * <p>A service of which nothing is said costs the reading of some fields. Calls before the registry
 * has said anything wait for it, a second at most.
 *
 * <p>Thread-safe.
 */
final class RoutingInterceptor implements ClientInterceptor {
  private final Destinations destinations;
  private final Supplier<RandomGenerator> random;

  RoutingInterceptor(Destinations destinations, Supplier<RandomGenerator> random) {
    this.destinations = destinations;
    this.random = random;
  }

  @Override
  public <ReqT, RespT> ClientCall<ReqT, RespT> interceptCall(
      MethodDescriptor<ReqT, RespT> method, CallOptions options, Channel next) {
    RouteTable table = destinations.table();
    return table != null && table.isPlain() && destinations.hashField().isEmpty()
        ? next.newCall(method, agreed(method, Optional.empty(), options))
        : new RoutedCall<>(method, options, next);
  }

  /**
   * What the registry says of the treatment of a unary call, of which the route's word is the last.
   */
  private CallOptions agreed(
      MethodDescriptor<?, ?> method, Optional<Choice> choice, CallOptions before) {
    Terms terms = destinations.terms();
    if (method.getType() != MethodDescriptor.MethodType.UNARY
        || (terms.areDefault() && choice.filter(Choice::saysHow).isEmpty())) {
      return before;
    }
    CallOptions agreed = before;
    CallPolicy contract = OutboundStack.policy(method, before);
    CallPolicy policy = terms.over(contract, method.isSafe());
    Duration timeout = choice.flatMap(Choice::timeout).orElse(null);
    Deadline own = before.getDeadline();
    if (timeout != null && own == null) {
      policy = policy.withTimeout(timeout);
    } else if (timeout != null) {
      agreed =
          agreed.withDeadline(own.minimum(Deadline.after(timeout.toNanos(), TimeUnit.NANOSECONDS)));
    }
    if (!policy.equals(contract)) {
      agreed = agreed.withOption(CallPolicy.STATED, contract).withOption(CallPolicy.KEY, policy);
    }
    Choice.Repeat repeat = terms.repeat(choice);
    return repeat.equals(Choice.Repeat.DEFAULT)
        ? agreed
        : agreed.withOption(Choice.Repeat.KEY, repeat);
  }

  /** Begins when everything is there that it is routed by: the headers, the table, the request. */
  private final class RoutedCall<ReqT, RespT> extends ClientCall<ReqT, RespT> {
    private final MethodDescriptor<ReqT, RespT> method;
    private final CallOptions options;
    private final Channel next;
    private final AtomicBoolean begun = new AtomicBoolean();
    private @Nullable Listener<RespT> listener;
    private Metadata headers = new Metadata();

    /** What was asked of it before it began. Guarded by this. */
    private List<Consumer<ClientCall<ReqT, RespT>>> waiting = new ArrayList<>(4);

    private volatile @Nullable ClientCall<ReqT, RespT> call;

    RoutedCall(MethodDescriptor<ReqT, RespT> method, CallOptions options, Channel next) {
      this.method = method;
      this.options = options;
      this.next = next;
    }

    @Override
    public void start(Listener<RespT> responseListener, Metadata callHeaders) {
      listener = responseListener;
      headers = callHeaders;
      if (!waitsForRequest()) {
        begin(null);
      }
    }

    private boolean waitsForRequest() {
      return method.getType().clientSendsOneMessage() && !destinations.hashField().isEmpty();
    }

    private void begin(@Nullable ReqT request) {
      Listener<RespT> to = listener;
      if (to != null && begun.compareAndSet(false, true)) {
        if (destinations.table() != null) {
          go(to, request);
        } else {
          // What it takes from the thread of its caller must be found on the other one, too.
          Context context = Context.current();
          var trace = io.opentelemetry.context.Context.current();
          destinations.whenKnown(() -> context.run(trace.wrap(() -> goElsewhere(to, request))));
        }
      }
    }

    private void go(Listener<RespT> to, @Nullable ReqT request) {
      run(made(request), to);
    }

    /** A call that cannot be made is told so; on its caller's thread that would be thrown. */
    private void goElsewhere(Listener<RespT> to, @Nullable ReqT request) {
      ClientCall<ReqT, RespT> made;
      try {
        made = made(request);
      } catch (RuntimeException e) {
        // Blocking stubs wait on this executor.
        Executor executor = options.getExecutor() == null ? Runnable::run : options.getExecutor();
        executor.execute(() -> to.onClose(Status.fromThrowable(e), new Metadata()));
        return;
      }
      run(made, to);
    }

    private ClientCall<ReqT, RespT> made(@Nullable ReqT request) {
      RouteTable table = destinations.table();
      Optional<Choice> choice =
          table == null
              ? Optional.empty()
              : table.choose("/" + method.getFullMethodName(), headers, random.get());
      CallOptions routed = options;
      String key = request == null ? null : key(request, destinations.hashField());
      if (key != null) {
        routed = routed.withOption(LoadBalancing.HASH_KEY, key);
      }
      if (choice.isPresent()) {
        routed = routed.withOption(Choice.KEY, choice.get());
      }
      return next.newCall(method, agreed(method, choice, routed));
    }

    private void run(ClientCall<ReqT, RespT> made, Listener<RespT> to) {
      made.start(to, headers);
      for (var steps = take(made); !steps.isEmpty(); steps = take(made)) {
        steps.forEach(step -> step.accept(made));
      }
    }

    /** What waits; when nothing does, whatever comes goes on to the call itself. */
    private synchronized List<Consumer<ClientCall<ReqT, RespT>>> take(
        ClientCall<ReqT, RespT> routed) {
      List<Consumer<ClientCall<ReqT, RespT>>> steps = waiting;
      if (steps.isEmpty()) {
        call = routed;
      } else {
        waiting = new ArrayList<>(4);
      }
      return steps;
    }

    private void then(Consumer<ClientCall<ReqT, RespT>> step) {
      ClientCall<ReqT, RespT> running = call;
      if (running == null) {
        synchronized (this) {
          running = call;
          if (running == null) {
            waiting.add(step);
            return;
          }
        }
      }
      step.accept(running);
    }

    @Override
    public void request(int messages) {
      then(c -> c.request(messages));
    }

    @Override
    public void sendMessage(ReqT message) {
      then(c -> c.sendMessage(message));
      begin(message);
    }

    @Override
    public void halfClose() {
      then(ClientCall::halfClose);
      begin(null);
    }

    @Override
    public void cancel(@Nullable String message, @Nullable Throwable cause) {
      then(c -> c.cancel(message, cause));
      begin(null);
    }

    @Override
    public void setMessageCompression(boolean enabled) {
      then(c -> c.setMessageCompression(enabled));
    }

    @Override
    public boolean isReady() {
      ClientCall<ReqT, RespT> running = call;
      return running != null && running.isReady();
    }

    @Override
    public Attributes getAttributes() {
      ClientCall<ReqT, RespT> running = call;
      return running == null ? Attributes.EMPTY : running.getAttributes();
    }
  }

  /** The text of a field; null if the request has none of that name, or nothing in it. */
  static @Nullable String key(Object request, String path) {
    Object value = request;
    for (String name : path.split("\\.", -1)) {
      if (!(value instanceof Message message)) {
        return null;
      }
      FieldDescriptor field = message.getDescriptorForType().findFieldByName(name);
      if (field == null || field.isRepeated()) {
        return null;
      }
      value = message.getField(field);
    }
    if (value instanceof Message) {
      return null;
    }
    String text = value.toString();
    return text.isEmpty() ? null : text;
  }
}
