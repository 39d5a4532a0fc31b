package dev.weft.testkit;

import static org.assertj.core.api.Assertions.assertThatCode;

import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.order.v1.CartServiceGrpc;
import dev.weft.shop.order.v1.OrderServiceGrpc;
import dev.weft.shop.payment.v1.PaymentServiceGrpc;
import dev.weft.shop.user.v1.AuthServiceGrpc;
import dev.weft.shop.user.v1.UserServiceGrpc;
import io.grpc.BindableService;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A server refuses to begin with a validation rule that the mesh would leave unchecked. */
class EveryContractTest {
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  static Stream<BindableService> services() {
    return Stream.of(
        new IdentityServiceGrpc.IdentityServiceImplBase() {},
        new AuthServiceGrpc.AuthServiceImplBase() {},
        new UserServiceGrpc.UserServiceImplBase() {},
        new InventoryServiceGrpc.InventoryServiceImplBase() {},
        new OrderServiceGrpc.OrderServiceImplBase() {},
        new CartServiceGrpc.CartServiceImplBase() {},
        new PaymentServiceGrpc.PaymentServiceImplBase() {});
  }

  @ParameterizedTest
  @MethodSource("services")
  void everyRuleOfTheContractsIsChecked(BindableService service) {
    assertThatCode(() -> mesh.serve("user-svc", service)).doesNotThrowAnyException();
  }
}
