package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.Descriptors.DescriptorValidationException;
import com.google.protobuf.Descriptors.FileDescriptor;
import dev.weft.mesh.test.AccessServiceGrpc;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.ServiceDescriptor;
import io.grpc.protobuf.ProtoFileDescriptorSupplier;
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

  @Test
  void isAnotherWhenWhatAContractImportsIsAnother() throws DescriptorValidationException {
    assertThat(SchemaHash.of(List.of(importing("id"))))
        .isEqualTo(SchemaHash.of(List.of(importing("id"))))
        .isNotEqualTo(SchemaHash.of(List.of(importing("name"))));
  }

  /** A service whose file imports another one, with a message of this field. */
  private static ServiceDescriptor importing(String field) throws DescriptorValidationException {
    FileDescriptor imported =
        FileDescriptor.buildFrom(
            FileDescriptorProto.newBuilder()
                .setName("imported.proto")
                .addMessageType(
                    DescriptorProto.newBuilder()
                        .setName("Thing")
                        .addField(
                            FieldDescriptorProto.newBuilder()
                                .setName(field)
                                .setNumber(1)
                                .setType(FieldDescriptorProto.Type.TYPE_STRING)))
                .build(),
            new FileDescriptor[0]);
    FileDescriptor file =
        FileDescriptor.buildFrom(
            FileDescriptorProto.newBuilder()
                .setName("service.proto")
                .addDependency("imported.proto")
                .build(),
            new FileDescriptor[] {imported});
    return ServiceDescriptor.newBuilder("Things")
        .setSchemaDescriptor((ProtoFileDescriptorSupplier) () -> file)
        .build();
  }
}
