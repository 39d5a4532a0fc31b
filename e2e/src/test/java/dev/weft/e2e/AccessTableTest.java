package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.SoftAssertions.assertSoftly;

import com.google.protobuf.Descriptors.MethodDescriptor;
import dev.weft.options.v1.MethodPolicy;
import dev.weft.prove.ServiceToken;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Who may call what: every RPC of every contract and every kind of caller, over the edge and at the
 * port of its service, against what the contract states. No call has an effect: each is one that is
 * refused as malformed to whoever may make it.
 */
@ExtendWith(SharedWeft.class)
final class AccessTableTest {
  private static final String UNKNOWN_PARAMETER = "?no_such_parameter=1";
  private static final byte[] NO_MESSAGE = {(byte) 0xff};

  /** Of an account, the one resource that its owner may patch. */
  private static final Map<String, Object> CHANGE =
      Map.of("profile", Map.of("firstName", "Eve", "lastName", "Weaver"));

  private final Weft weft;
  private final Visitor customer;
  private final Visitor admin;

  AccessTableTest(Weft weft) {
    this.weft = weft;
    this.customer = Visitor.demo(weft);
    this.admin = Visitor.admin(weft);
  }

  @Test
  void theEdgeLetsInWhomTheContractNamesAndNobodyElse() {
    List<Way> ways = Way.all();
    assertThat(ways).hasSizeGreaterThan(30);
    assertSoftly(
        softly -> {
          for (Way way : ways) {
            Map<String, Integer> expected = new TreeMap<>();
            MethodPolicy policy = way.policy();
            boolean open = policy.getAccess() == MethodPolicy.Access.ACCESS_PUBLIC;
            expected.put("nobody", open ? 400 : 401);
            // A service proves its name to services; to the edge it is nobody.
            expected.put("a service", open ? 400 : 401);
            expected.put("a customer", open || allows(policy, "customer") ? 400 : 403);
            expected.put("an admin", open || allows(policy, "admin") ? 400 : 403);
            String path = way.path(Map.of()) + UNKNOWN_PARAMETER;
            Map<String, Integer> answered = new TreeMap<>();
            answered.put("nobody", Visitor.anonymous(weft).send(way.method(), path).status());
            answered.put(
                "a service",
                Visitor.anonymous(weft)
                    .send(way.method(), path, "weft-service-token", serviceToken())
                    .status());
            answered.put("a customer", customer.send(way.method(), path).status());
            answered.put("an admin", admin.send(way.method(), path).status());
            softly
                .assertThat(answered)
                .as("%s %s, %s", way.method(), way.template(), way.rpc().getFullName())
                .isEqualTo(expected);
          }
        });
  }

  private String serviceToken() {
    return ServiceToken.of(weft.folder(), "order-svc", "user-svc");
  }

  @Test
  void theEdgeServesNothingThatIsForServices() {
    List<MethodDescriptor> internal =
        Contracts.rpcs().stream()
            .filter(rpc -> Contracts.policy(rpc).getAccess() == MethodPolicy.Access.ACCESS_SERVICE)
            .toList();
    assertThat(internal).hasSizeGreaterThan(10);
    assertSoftly(
        softly -> {
          for (MethodDescriptor rpc : internal) {
            String path = "/" + rpc.getService().getFullName() + "/" + rpc.getName();
            softly
                .assertThat(List.of(customer, admin, Visitor.anonymous(weft)))
                .as(path)
                .allSatisfy(who -> assertThat(who.send("POST", path).status()).isEqualTo(404));
          }
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"user-svc", "order-svc", "payment-svc", "inventory-svc"})
  void aServiceLetsInWhomTheContractNamesAndNobodyElse(String process) {
    try (ServicePort port = ServicePort.open(weft, process)) {
      assertSoftly(
          softly -> {
            for (MethodDescriptor rpc : Contracts.rpcs(process)) {
              MethodPolicy policy = Contracts.policy(rpc);
              Map<String, Status.Code> expected = new TreeMap<>();
              Map<String, Status.Code> answered = new TreeMap<>();
              expected.put("nobody", user(policy, ""));
              answered.put("nobody", call(port.asNobody(), rpc));
              expected.put("a customer", user(policy, "customer"));
              answered.put("a customer", call(port.as(customer), rpc));
              expected.put("an admin", user(policy, "admin"));
              answered.put("an admin", call(port.as(admin), rpc));
              for (String service : Weft.SERVICES) {
                expected.put(service, service(policy, service));
                answered.put(service, call(port.asService(service), rpc));
              }
              softly.assertThat(answered).as(rpc.getFullName()).isEqualTo(expected);
            }
          });
    }
  }

  /** What a service has to answer somebody with this role; empty for nobody. */
  private static Status.Code user(MethodPolicy policy, String role) {
    return switch (policy.getAccess()) {
      case ACCESS_PUBLIC -> Status.Code.INVALID_ARGUMENT;
      case ACCESS_AUTHENTICATED ->
          role.isEmpty()
              ? Status.Code.UNAUTHENTICATED
              : allows(policy, role) ? Status.Code.INVALID_ARGUMENT : Status.Code.PERMISSION_DENIED;
      default -> Status.Code.UNAUTHENTICATED;
    };
  }

  private static Status.Code service(MethodPolicy policy, String name) {
    return switch (policy.getAccess()) {
      case ACCESS_PUBLIC -> Status.Code.INVALID_ARGUMENT;
      case ACCESS_SERVICE ->
          policy.getCallersList().contains(name) || policy.getCallersList().contains("*")
              ? Status.Code.INVALID_ARGUMENT
              : Status.Code.PERMISSION_DENIED;
      default -> Status.Code.UNAUTHENTICATED;
    };
  }

  private static boolean allows(MethodPolicy policy, String role) {
    return policy.getRolesCount() == 0 || policy.getRolesList().contains(role);
  }

  @Test
  void whatIsSomebodyElsesIsNotThere() {
    Visitor owner = Visitor.registered(weft);
    String order =
        Orders.place(
            owner, UUID.randomUUID().toString(), Orders.of(weft.product("MUG-01"), 1, "card_ok"));
    Orders.awaitEnd(owner, order);
    Map<String, String> ids =
        Map.of(
            "order_id", order,
            "payment_id", owner.get("/v1/orders/" + order).text("paymentId"),
            "user_id", owner.get("/v1/me").text("userId"));
    Visitor other = Visitor.registered(weft);
    List<Way> owned =
        Way.all().stream()
            .filter(way -> way.policy().getAccess() != MethodPolicy.Access.ACCESS_PUBLIC)
            .filter(way -> allows(way.policy(), "customer"))
            .filter(way -> way.variables().stream().anyMatch(ids::containsKey))
            .toList();
    assertThat(owned).hasSizeGreaterThan(5);
    List<String> before = seen(owner, owned, ids);
    assertSoftly(
        softly -> {
          for (Way way : owned) {
            // With nothing wrong but who it is: what is refused as malformed would tell nothing.
            Answer answer =
                way.method().equals("PATCH")
                    ? other.patch(way.path(ids), CHANGE)
                    : other.send(way.method(), way.path(ids), "idempotency-key", order);
            softly
                .assertThat(answer.status())
                .as("%s %s: %s", way.method(), way.template(), answer)
                .isEqualTo(404);
          }
        });
    assertThat(seen(owner, owned, ids)).isEqualTo(before);
  }

  /** What the owner reads of all that. */
  private static List<String> seen(Visitor owner, List<Way> ways, Map<String, String> ids) {
    List<String> seen = new ArrayList<>();
    for (Way way : ways) {
      if (way.reads() && !way.rpc().isServerStreaming()) {
        Answer answer = owner.get(way.path(ids));
        assertThat(answer.status()).as("%s: %s", way.template(), answer).isEqualTo(200);
        seen.add(answer.body());
      }
    }
    assertThat(seen).isNotEmpty();
    return seen;
  }

  /** How a service answers what is no message of anything. */
  private static Status.Code call(Channel channel, MethodDescriptor rpc) {
    var method =
        io.grpc.MethodDescriptor.newBuilder(Bytes.INSTANCE, Bytes.INSTANCE)
            .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
            .setFullMethodName(
                io.grpc.MethodDescriptor.generateFullMethodName(
                    rpc.getService().getFullName(), rpc.getName()))
            .build();
    try {
      ClientCalls.blockingUnaryCall(
          channel, method, CallOptions.DEFAULT.withDeadlineAfter(20, TimeUnit.SECONDS), NO_MESSAGE);
      return Status.Code.OK;
    } catch (StatusRuntimeException e) {
      return e.getStatus().getCode();
    }
  }

  private enum Bytes implements io.grpc.MethodDescriptor.Marshaller<byte[]> {
    INSTANCE;

    @Override
    public InputStream stream(byte[] message) {
      return new ByteArrayInputStream(message);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
