package dev.weft.shop;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.api.AnnotationsProto;
import com.google.protobuf.Descriptors.MethodDescriptor;
import dev.weft.admin.v1.EventAdminServiceProto;
import dev.weft.options.v1.MethodPolicy;
import dev.weft.options.v1.MethodPolicy.Access;
import dev.weft.options.v1.OptionsProto;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The intentions in consul/config let in whom the contracts of a service name, and nobody else. A
 * contract says {@code *} where every service may call that has a reason to: those that verify
 * tokens of people, at who has the keys, and those to whom a service grants its events.
 */
class ShopIntentionsTest {
  private static final Path INTENTIONS = Path.of("..", "consul", "config", "intentions");
  private static final String EDGE = "edge-gateway";
  private static final String ISSUER = "user-svc";
  private static final Pattern SOURCE =
      Pattern.compile(" {4}\\{\"Name\": \"([a-z-]+)\", \"Action\": \"allow\"},?");
  private static final Pattern GRANT = Pattern.compile("EventGrants\\.grant\\(\"([a-z-]+)\"");

  @ParameterizedTest
  @ValueSource(strings = {"user-svc", "order-svc", "payment-svc", "inventory-svc"})
  void whoMayCallIsWhomTheContractsName(String service) throws IOException {
    Set<String> callers = new TreeSet<>();
    for (MethodDescriptor rpc : rpcsOf(service)) {
      if (rpc.getOptions().hasExtension(AnnotationsProto.http)) {
        callers.add(EDGE);
      }
      callers.addAll(policy(rpc).getCallersList());
    }
    if (service.equals(ISSUER)) {
      callers.add(EDGE);
      callers.addAll(verifiersOfTokens());
    }
    Set<String> granted = grantedEventsOf(service);
    assertThat(granted).isNotEmpty();
    callers.addAll(granted);
    // Who says events is asked about them.
    EventAdminServiceProto.getDescriptor().getServices().stream()
        .flatMap(admin -> admin.getMethods().stream())
        .forEach(rpc -> callers.addAll(policy(rpc).getCallersList()));

    assertThat(sources(service)).containsExactlyElementsOf(callers);
  }

  @Test
  void thereIsAFileForEachServiceThatStarts() throws IOException {
    try (Stream<Path> files = Files.list(INTENTIONS)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder(
              "user-svc.json", "order-svc.json", "payment-svc.json", "inventory-svc.json", "write");
    }
  }

  /** As the file has them, which is written in one form so that a script can read it, too. */
  private static List<String> sources(String service) throws IOException {
    List<String> lines = Files.readAllLines(INTENTIONS.resolve(service + ".json"));
    List<String> sources = new ArrayList<>();
    lines.subList(4, lines.size() - 2).stream()
        .map(SOURCE::matcher)
        .forEach(line -> sources.add(line.matches() ? line.group(1) : line.toString()));
    assertThat(lines.subList(0, 4))
        .containsExactly(
            "{",
            "  \"Kind\": \"service-intentions\",",
            "  \"Name\": \"" + service + "\",",
            "  \"Sources\": [");
    assertThat(lines.subList(lines.size() - 2, lines.size())).containsExactly("  ]", "}");
    return sources;
  }

  private static List<MethodDescriptor> rpcsOf(String service) {
    List<MethodDescriptor> rpcs =
        ContractsTest.rpcs().stream().filter(rpc -> service(rpc).equals(service)).toList();
    assertThat(rpcs).isNotEmpty();
    return rpcs;
  }

  /** {@code order-svc} for what is in {@code shop.order.v1}. */
  private static String service(MethodDescriptor rpc) {
    String[] names = rpc.getFile().getPackage().split("\\.", -1);
    return names[0].equals("shop") ? names[1] + "-svc" : "";
  }

  private static MethodPolicy policy(MethodDescriptor rpc) {
    return rpc.getOptions().getExtension(OptionsProto.method);
  }

  /** Other services with methods for people who are logged in. */
  private static Set<String> verifiersOfTokens() {
    Set<String> services = new TreeSet<>();
    ContractsTest.rpcs().stream()
        .filter(rpc -> policy(rpc).getAccess() == Access.ACCESS_AUTHENTICATED)
        .map(ShopIntentionsTest::service)
        .filter(service -> !service.equals(ISSUER))
        .forEach(services::add);
    return services;
  }

  /** Whom its code lets read its events. */
  private static Set<String> grantedEventsOf(String service) throws IOException {
    Set<String> readers = new TreeSet<>();
    try (Stream<Path> files = Files.walk(Path.of("..", service, "src", "main", "java"))) {
      for (Path file : files.filter(file -> file.toString().endsWith("Events.java")).toList()) {
        GRANT
            .matcher(Files.readString(file))
            .results()
            .map((MatchResult grant) -> grant.group(1))
            .forEach(readers::add);
      }
    }
    return readers;
  }
}
