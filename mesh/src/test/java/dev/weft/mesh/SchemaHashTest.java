package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.mesh.test.AccessServiceGrpc;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.ServiceDescriptor;
import java.util.List;
import org.junit.jupiter.api.Test;

class SchemaHashTest {
  private static final ServiceDescriptor ECHO = EchoServiceGrpc.getServiceDescriptor();
  private static final ServiceDescriptor ACCESS = AccessServiceGrpc.getServiceDescriptor();

  @Test
  void isTheSameForTheSameContracts() {
    assertThat(SchemaHash.of(List.of(ECHO, ACCESS)))
        .isEqualTo(SchemaHash.of(List.of(ACCESS, ECHO)))
        .matches("[0-9a-f]{64}");
  }

  @Test
  void isAnotherForOthers() {
    assertThat(SchemaHash.of(List.of(ECHO)))
        .isNotEqualTo(SchemaHash.of(List.of(ACCESS)))
        .isNotEqualTo(SchemaHash.of(List.of(ECHO, ACCESS)))
        .isNotEqualTo(SchemaHash.of(List.of()));
  }
}
