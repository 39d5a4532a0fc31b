package dev.weft.mesh;

import com.google.protobuf.Descriptors;
import dev.weft.options.v1.MethodPolicy;
import dev.weft.options.v1.OptionsProto;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import java.util.List;
import java.util.Set;

/**
 * Who may call a method, as its contract says. A method whose contract says nothing, or cannot be
 * read, is for users with a valid token.
 */
sealed interface Access {
  /** Anybody. */
  record Public() implements Access {}

  /**
   * Users with a valid token.
   *
   * @param roles of which the user needs one; empty means any user
   */
  record Users(Set<String> roles) implements Access {}

  /**
   * Services that proved their names.
   *
   * @param callers who; empty means none
   */
  record Services(Set<String> callers) implements Access {
    private static final String ANY = "*";

    boolean allow(String service) {
      return callers.contains(service) || callers.contains(ANY);
    }
  }

  /** Nobody: the contract asks for something this version does not know. */
  record Nobody() implements Access {}

  static Access of(MethodDescriptor<?, ?> method) {
    return method.getSchemaDescriptor() instanceof ProtoMethodDescriptorSupplier proto
        ? of(proto.getMethodDescriptor())
        : new Users(Set.of());
  }

  static Access of(Descriptors.MethodDescriptor method) {
    MethodPolicy policy = method.getOptions().getExtension(OptionsProto.method);
    return switch (policy.getAccess()) {
      case ACCESS_PUBLIC -> new Public();
      case ACCESS_UNSPECIFIED, ACCESS_AUTHENTICATED -> new Users(set(policy.getRolesList()));
      case ACCESS_SERVICE -> new Services(set(policy.getCallersList()));
      case UNRECOGNIZED -> new Nobody();
    };
  }

  private static Set<String> set(List<String> names) {
    return Set.copyOf(names);
  }
}
