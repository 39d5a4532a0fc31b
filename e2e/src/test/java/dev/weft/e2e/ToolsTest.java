package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Everyday tools work against every service port with a certificate of {@code ./weft cert}, knowing
 * nothing else but the address: the contracts come by reflection. {@code WEFT_GRPCURL} and {@code
 * WEFT_BUF} name the programs, if the PATH does not have them.
 */
@ExtendWith(SharedWeft.class)
final class ToolsTest {
  @TempDir static Path certificates;
  private final Weft weft;

  ToolsTest(Weft weft) {
    this.weft = weft;
  }

  /** Its files, written for the first test that needs them. */
  private String certificate(String kind) {
    Path file = certificates.resolve(Weft.EDGE + kind);
    if (!Files.exists(file)) {
      Command.Outcome outcome =
          Command.weft(
              "cert",
              Weft.EDGE,
              "--out",
              certificates.toString(),
              "--state",
              weft.folder().toString());
      assertThat(outcome.exitCode()).as("%s", outcome.all()).isZero();
    }
    return file.toString();
  }

  private String grpcurl(String... arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                tool("WEFT_GRPCURL", "grpcurl"),
                "-insecure",
                "-cert",
                certificate(".crt"),
                "-key",
                certificate(".key")));
    command.addAll(List.of(arguments));
    return run(command);
  }

  @ParameterizedTest
  @CsvSource({
    "user-svc, shop.user.v1.UserService, GetMe, user",
    "order-svc, shop.order.v1.OrderService, ListOrders, orders",
    "payment-svc, shop.payment.v1.PaymentService, ListPayments, payments",
    "inventory-svc, shop.inventory.v1.InventoryService, ListProducts, products"
  })
  void grpcurlListsDescribesAndCalls(String service, String name, String method, String field) {
    String address = "127.0.0.1:" + weft.port(service);

    assertThat(grpcurl(address, "list").lines()).contains(name, "grpc.health.v1.Health");
    assertThat(grpcurl(address, "describe", name)).contains("rpc " + method);
    String reply =
        grpcurl(
            "-emit-defaults",
            "-max-time",
            "10",
            "-H",
            authorization(),
            "-d",
            "{}",
            address,
            name + "/" + method);
    assertThat(fields(reply)).contains(field);
  }

  @ParameterizedTest
  @CsvSource({
    "user-svc, shop.user.v1.UserService, GetMe, user",
    "order-svc, shop.order.v1.CartService, GetCart, cart",
    "payment-svc, shop.payment.v1.PaymentService, ListPayments, payments",
    "inventory-svc, shop.inventory.v1.InventoryService, ListProducts, products"
  })
  void bufCurlCalls(String service, String name, String method, String field) {
    String buf = tool("WEFT_BUF", "buf");
    String address = "https://127.0.0.1:" + weft.port(service);

    String reply =
        run(
            List.of(
                buf,
                "curl",
                "--protocol",
                "grpc",
                "--insecure",
                "--cert",
                certificate(".crt"),
                "--key",
                certificate(".key"),
                "--emit-defaults",
                "-H",
                authorization(),
                "-d",
                "{}",
                address + "/" + name + "/" + method));

    assertThat(fields(reply)).contains(field);
  }

  @Test
  void whoComesInPlainTextIsToldWhatToDo() {
    Command.Outcome outcome =
        Command.run(
            List.of(
                tool("WEFT_GRPCURL", "grpcurl"),
                "-plaintext",
                "-max-time",
                "10",
                "127.0.0.1:" + weft.port("order-svc"),
                "list"),
            Map.of());

    assertThat(outcome.exitCode()).isNotZero();
    assertThat(outcome.all()).contains("./weft cert");
  }

  private String authorization() {
    return "authorization: Bearer " + Visitor.demo(weft).token();
  }

  private static String run(List<String> command) {
    Command.Outcome outcome = Command.run(command, Map.of());
    assertThat(outcome.exitCode()).as("%s", outcome.all()).isZero();
    return outcome.out();
  }

  private static Iterable<String> fields(String reply) {
    JsonNode json = Answer.json(reply);
    return json::fieldNames;
  }

  private static String tool(String variable, String program) {
    return Command.find(variable, program)
        .map(Path::toString)
        .orElseGet(
            () -> {
              String why = "no " + program + ": put it on the PATH or name it in " + variable;
              System.out.println("SKIPPED: " + why);
              return abort(why);
            });
  }
}
