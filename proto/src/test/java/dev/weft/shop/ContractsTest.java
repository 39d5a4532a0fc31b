package dev.weft.shop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.SoftAssertions.assertSoftly;

import com.google.api.AnnotationsProto;
import com.google.api.HttpRule;
import com.google.protobuf.Any;
import com.google.protobuf.DescriptorProtos.MethodOptions.IdempotencyLevel;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.DynamicMessage;
import dev.weft.admin.v1.AdminServiceProto;
import dev.weft.admin.v1.EventAdminServiceProto;
import dev.weft.event.v1.EventLogServiceProto;
import dev.weft.event.v1.EventOptionsProto;
import dev.weft.event.v1.EventRole;
import dev.weft.event.v1.EventSubscription;
import dev.weft.event.v1.EventType;
import dev.weft.identity.v1.IdentityServiceProto;
import dev.weft.options.v1.MethodPolicy;
import dev.weft.options.v1.MethodPolicy.Access;
import dev.weft.options.v1.OptionsProto;
import dev.weft.shop.user.v1.UserServiceProto;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What every RPC must say, in every contract of this module and in the platform's. */
class ContractsTest {
  /** RPCs that must not be repeated, and whose comments say why. */
  private static final Set<String> NOT_REPEATABLE =
      Set.of(
          "shop.user.v1.UserService.RegisterUser",
          "shop.user.v1.UserService.ChangePassword",
          "shop.user.v1.AuthService.Login",
          "shop.user.v1.AuthService.Refresh");

  /** Whose callers each process names itself, and nobody by default. */
  private static final String GRANTED_BY_EACH_PROCESS = "weft.admin.v1.AdminService";

  private static final Pattern SECRET =
      Pattern.compile("password|passwd|secret|hash|salt|pin$|cvc|private|(?<!page|resume)_token$");
  private static final Pattern ADDRESS =
      Pattern.compile("ur[il]|link|host|endpoint|callback|webhook|redirect|proxy|^ip(_|$)");

  private final List<MethodDescriptor> rpcs = rpcs();

  @Test
  void findsTheContracts() {
    assertThat(rpcs)
        .extracting(MethodDescriptor::getFullName)
        .contains(
            "shop.user.v1.UserService.GetMe",
            "shop.order.v1.OrderService.CreateOrder",
            "shop.payment.v1.PaymentService.Authorize",
            "shop.inventory.v1.InventoryService.ReserveStock",
            "weft.identity.v1.IdentityService.ListKeys");
  }

  @Test
  void anRpcIsForServicesExactlyWhenItHasNoHttpRule() {
    assertSoftly(
        softly -> {
          for (MethodDescriptor rpc : rpcs) {
            softly
                .assertThat(policy(rpc).getAccess() == Access.ACCESS_SERVICE)
                .as(rpc.getFullName())
                .isEqualTo(!hasHttpRule(rpc));
          }
        });
  }

  @Test
  void everyRpcStatesItsAccessAndOnlyWhatGoesWithIt() {
    assertSoftly(
        softly -> {
          for (MethodDescriptor rpc : rpcs) {
            MethodPolicy policy = policy(rpc);
            softly
                .assertThat(policy.getAccess())
                .as(rpc.getFullName())
                .isNotEqualTo(Access.ACCESS_UNSPECIFIED);
            softly
                .assertThat(policy.getCallersCount() > 0)
                .as("%s names callers", rpc.getFullName())
                .isEqualTo(
                    policy.getAccess() == Access.ACCESS_SERVICE
                        && !rpc.getService().getFullName().equals(GRANTED_BY_EACH_PROCESS));
            softly
                .assertThat(
                    policy.getRolesCount() == 0
                        || policy.getAccess() == Access.ACCESS_AUTHENTICATED)
                .as("%s names roles", rpc.getFullName())
                .isTrue();
          }
        });
  }

  @Test
  void everyRpcStatesItsIdempotencyAndFewAreNotRepeatable() {
    assertSoftly(
        softly -> {
          for (MethodDescriptor rpc : rpcs) {
            softly
                .assertThat(rpc.getOptions().hasIdempotencyLevel())
                .as("%s states idempotency_level", rpc.getFullName())
                .isTrue();
          }
        });
    assertThat(rpcs)
        .filteredOn(
            rpc -> rpc.getOptions().getIdempotencyLevel() == IdempotencyLevel.IDEMPOTENCY_UNKNOWN)
        .extracting(MethodDescriptor::getFullName)
        .containsExactlyInAnyOrderElementsOf(NOT_REPEATABLE);
  }

  @Test
  void whatIsReadByGetHasNoSideEffects() {
    assertThat(rpcs)
        .filteredOn(rpc -> rule(rpc).getPatternCase() == HttpRule.PatternCase.GET)
        .allSatisfy(
            rpc ->
                assertThat(rpc.getOptions().getIdempotencyLevel())
                    .isEqualTo(IdempotencyLevel.NO_SIDE_EFFECTS));
  }

  /**
   * What only carries the fields of one RPC is explained there; buf lint wants a comment on each.
   */
  @Test
  void everyMessageThatIsNoRequestOrResponseHasAComment() throws IOException {
    List<String> without = new ArrayList<>();
    for (Path file : sources()) {
      String before = "";
      for (String line : Files.readAllLines(file)) {
        String text = line.strip();
        if (text.matches("message \\w+(?<!Request)(?<!Response) \\{.*")
            && !before.startsWith("//")) {
          without.add(file.getFileName() + ": " + text);
        }
        before = text;
      }
    }
    assertThat(without).isEmpty();
  }

  /** The contracts as they are written. */
  private static List<Path> sources() throws IOException {
    List<Path> sources = new ArrayList<>();
    for (String folder : List.of("src/main/proto", "../platform/src/main/proto")) {
      try (Stream<Path> files = Files.walk(Path.of(folder))) {
        files.filter(file -> file.toString().endsWith(".proto")).forEach(sources::add);
      }
    }
    assertThat(sources).hasSizeGreaterThan(20);
    return sources;
  }

  /** Tokens are what a login is for; that of a page is no secret. */
  @Test
  void noAnswerForPeopleHoldsASecret() {
    List<String> secrets =
        fields(MethodDescriptor::getOutputType).stream()
            .filter(name -> SECRET.matcher(name.substring(name.lastIndexOf('.') + 1)).find())
            .toList();

    assertThat(fields(MethodDescriptor::getOutputType)).hasSizeGreaterThan(50);
    assertThat(secrets)
        .containsExactlyInAnyOrder(
            "shop.user.v1.Tokens.access_token", "shop.user.v1.Tokens.refresh_token");
  }

  /** What a service would call because a stranger says where. */
  @Test
  void noRequestOfPeopleSaysWhatIsToBeCalled() {
    assertThat(fields(MethodDescriptor::getInputType))
        .hasSizeGreaterThan(50)
        .noneMatch(name -> ADDRESS.matcher(name.substring(name.lastIndexOf('.') + 1)).find());
  }

  /** Full names of all fields that are in one message, or in those in it, of an RPC for people. */
  private List<String> fields(Function<MethodDescriptor, Descriptor> message) {
    Set<Descriptor> seen = new LinkedHashSet<>();
    rpcs.stream()
        .filter(ContractsTest::hasHttpRule)
        .map(message)
        .forEach(root -> addWithParts(root, seen));
    return seen.stream()
        .flatMap(type -> type.getFields().stream())
        .map(FieldDescriptor::getFullName)
        .toList();
  }

  private static void addWithParts(Descriptor type, Set<Descriptor> seen) {
    if (seen.add(type)) {
      type.getFields().stream()
          .filter(field -> field.getJavaType() == FieldDescriptor.JavaType.MESSAGE)
          .forEach(field -> addWithParts(field.getMessageType(), seen));
    }
  }

  @Test
  void onlyPublicAnswersAreCached() {
    assertThat(rpcs)
        .filteredOn(rpc -> policy(rpc).hasCache())
        .allSatisfy(
            rpc -> {
              assertThat(policy(rpc).getAccess()).isEqualTo(Access.ACCESS_PUBLIC);
              assertThat(rule(rpc).getPatternCase()).isEqualTo(HttpRule.PatternCase.GET);
            });
  }

  @Test
  void whatIsAnsweredInThePlaceOfAServiceIsAReplyToAMethodWithoutEffects() {
    assertThat(rpcs)
        .filteredOn(rpc -> policy(rpc).hasFallback())
        .allSatisfy(
            rpc -> {
              Any fallback = policy(rpc).getFallback();
              assertThat(rpc.getOptions().getIdempotencyLevel())
                  .isEqualTo(IdempotencyLevel.NO_SIDE_EFFECTS);
              assertThat(rpc.isClientStreaming() || rpc.isServerStreaming()).isFalse();
              assertThat(fallback.getTypeUrl()).endsWith("/" + rpc.getOutputType().getFullName());
              var _ = DynamicMessage.parseFrom(rpc.getOutputType(), fallback.getValue());
            });
  }

  @Test
  void everyEventHasANameOfItsOwnInThePastTense() {
    List<EventType> types = eventTypes();
    assertThat(types).hasSizeGreaterThan(4);
    assertThat(types)
        .allSatisfy(
            type -> {
              assertThat(type.getType()).matches("shop(\\.[a-z_]+){2}");
              assertThat(type.getSchemaVersion()).isPositive();
            })
        .extracting(EventType::getType)
        .doesNotHaveDuplicates();
  }

  @Test
  void whatAServiceReadsAndSaysIsSaidByAnEvent() {
    List<String> types = eventTypes().stream().map(EventType::getType).toList();
    List<EventRole> roles =
        ownContracts()
            .flatMap(file -> file.getServices().stream())
            .map(service -> service.getOptions().getExtension(EventOptionsProto.events))
            .filter(role -> role.getSubscriptionsCount() + role.getSaysCount() > 0)
            .toList();
    assertThat(roles).hasSizeGreaterThan(1);
    assertThat(roles)
        .allSatisfy(
            role -> {
              assertThat(types).containsAll(role.getSaysList());
              for (EventSubscription one : role.getSubscriptionsList()) {
                assertThat(one.getGroup()).isNotEmpty();
                assertThat(one.getSource()).endsWith("-svc");
                assertThat(types).containsAll(one.getTypesList());
              }
            });
  }

  private static List<EventType> eventTypes() {
    return contracts("EventsProto.class")
        .flatMap(file -> file.getMessageTypes().stream())
        .map(message -> message.getOptions().getExtension(EventOptionsProto.event))
        .filter(type -> !type.getType().isEmpty())
        .toList();
  }

  private static boolean hasHttpRule(MethodDescriptor rpc) {
    return rpc.getOptions().hasExtension(AnnotationsProto.http);
  }

  private static HttpRule rule(MethodDescriptor rpc) {
    return rpc.getOptions().getExtension(AnnotationsProto.http);
  }

  private static MethodPolicy policy(MethodDescriptor rpc) {
    return rpc.getOptions().getExtension(OptionsProto.method);
  }

  /** All of every contract. */
  static List<MethodDescriptor> rpcs() {
    return Stream.concat(ownContracts(), platformContracts())
        .flatMap(file -> file.getServices().stream())
        .flatMap(service -> service.getMethods().stream())
        .toList();
  }

  private static Stream<FileDescriptor> platformContracts() {
    return Stream.of(
        IdentityServiceProto.getDescriptor(),
        EventLogServiceProto.getDescriptor(),
        EventAdminServiceProto.getDescriptor(),
        AdminServiceProto.getDescriptor());
  }

  /**
   * Every generated {@code …ServiceProto} of this module, so that a new contract is checked too.
   */
  private static Stream<FileDescriptor> ownContracts() {
    return contracts("ServiceProto.class");
  }

  private static Stream<FileDescriptor> contracts(String suffix) {
    try {
      Path classes =
          Path.of(
              UserServiceProto.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      try (Stream<Path> files = Files.walk(classes)) {
        return files
            .map(file -> classes.relativize(file).toString())
            .filter(name -> name.endsWith(suffix))
            .map(name -> name.replace('/', '.').substring(0, name.length() - ".class".length()))
            .map(ContractsTest::descriptor)
            .toList()
            .stream();
      }
    } catch (IOException | URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static FileDescriptor descriptor(String className) {
    try {
      return (FileDescriptor) Class.forName(className).getMethod("getDescriptor").invoke(null);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(className, e);
    }
  }
}
