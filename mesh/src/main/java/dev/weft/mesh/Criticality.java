package dev.weft.mesh;

import com.google.protobuf.Descriptors;
import dev.weft.options.v1.OptionsProto;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * How much a call matters to whoever waits for it, when a server cannot serve all; what matters
 * least is refused first. Each kind is sure of its share of what a server works on at once, and
 * borrows what the others leave, up to a ceiling: the last twentieths are for what matters more.
 *
 * <p>A method's contract says it, unless the caller does in metadata {@code weft-criticality}:
 * {@code sheddable}, {@code default}, {@code critical} or {@code critical_plus}. A service that
 * proved its name is believed, because it speaks for the request that it serves itself; anybody
 * else can only say less than the contract. It goes on with every call that is made while serving.
 */
enum Criticality {
  SHEDDABLE(0, 0.85),
  DEFAULT(0.2, 0.9),
  CRITICAL(0.4, 0.95),
  CRITICAL_PLUS(0.4, 1);

  static final Metadata.Key<String> HEADER =
      Metadata.Key.of("weft-criticality", Metadata.ASCII_STRING_MARSHALLER);

  private static final Context.Key<Criticality> KEY = Context.key("weft-criticality");

  private final double share;
  private final double ceiling;
  private final String text = name().toLowerCase(Locale.ROOT);

  Criticality(double share, double ceiling) {
    this.share = share;
    this.ceiling = ceiling;
  }

  /** What the method's contract says; DEFAULT if it says nothing or cannot be read. */
  static Criticality of(MethodDescriptor<?, ?> method) {
    return method.getSchemaDescriptor() instanceof ProtoMethodDescriptorSupplier proto
        ? of(proto.getMethodDescriptor())
        : DEFAULT;
  }

  static Criticality of(Descriptors.MethodDescriptor method) {
    return switch (method.getOptions().getExtension(OptionsProto.method).getCriticality()) {
      case CRITICALITY_SHEDDABLE -> SHEDDABLE;
      case CRITICALITY_UNSPECIFIED, CRITICALITY_DEFAULT, UNRECOGNIZED -> DEFAULT;
      case CRITICALITY_CRITICAL -> CRITICAL;
      case CRITICALITY_CRITICAL_PLUS -> CRITICAL_PLUS;
    };
  }

  /** That of the call this thread serves; null outside of one. */
  static @Nullable Criticality current() {
    return KEY.get();
  }

  /**
   * That of one call of a method whose contract says this.
   *
   * @param trusted whether the caller is a service that proved its name
   */
  Criticality of(Metadata headers, boolean trusted) {
    Criticality said = said(headers.get(HEADER));
    return said == null || (!trusted && said.compareTo(this) > 0) ? this : said;
  }

  private static @Nullable Criticality said(@Nullable String text) {
    return switch (text) {
      case "sheddable" -> SHEDDABLE;
      case "default" -> DEFAULT;
      case "critical" -> CRITICAL;
      case "critical_plus" -> CRITICAL_PLUS;
      case null, default -> null;
    };
  }

  /** The context with this in it, for all calls that are made in it. */
  Context in(Context context) {
    return context.withValue(KEY, this);
  }

  /** How many calls of this kind are sure of their place under a limit. */
  double share(double limit) {
    return share * limit;
  }

  /** How many calls of all kinds there may be before another one of this kind. */
  double ceiling(double limit) {
    return ceiling * limit;
  }

  /** As it stands in metadata and metrics. */
  @Override
  public String toString() {
    return text;
  }
}
