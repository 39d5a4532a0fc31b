package dev.weft.edge;

import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.MethodOptions.IdempotencyLevel;
import com.google.protobuf.Descriptors;
import dev.weft.mesh.CallPolicy;
import dev.weft.mesh.InstanceSet;
import io.grpc.Drainable;
import io.grpc.KnownLength;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/**
 * A method of a service, as its contract describes it to the edge. It is called with bytes.
 *
 * @param service its name in the registry
 * @param grpc how it is called
 * @param policy deadline of a unary call, life of a stream; repeatable only without side effects,
 *     since whoever may repeat a write decides that nearer to it; without a fallback
 * @param successStatus of HTTP
 * @param requestBytesMax largest body
 * @param uploadBytesMax largest body that is passed on in parts
 * @param fresh how long an answer may be reused, in whole seconds; zero means never
 * @param stale how long after that it may be while the service cannot be asked, in whole seconds
 * @param fallback the reply while the service cannot be asked, and nothing is kept that would do:
 *     the edge answers it itself, where it knows what is kept
 * @param quota of one user, or of one address without a user
 * @param endOfLife headers that tell of it; mostly none
 * @param at the instances that have it, while others of the service do not
 */
record Rpc(
    String service,
    MethodDescriptor<byte[], byte[]> grpc,
    Access access,
    CallPolicy policy,
    int successStatus,
    int requestBytesMax,
    long uploadBytesMax,
    Duration fresh,
    Duration stale,
    Optional<ByteString> fallback,
    Optional<Quota> quota,
    Map<String, String> endOfLife,
    Optional<InstanceSet> at) {

  /** {@code package.Service/Method}. */
  String name() {
    return grpc.getFullMethodName();
  }

  boolean unary() {
    return grpc.getType() == MethodType.UNARY;
  }

  /** Whether a request is one message, however many the reply is. */
  boolean oneRequest() {
    return grpc.getType().clientSendsOneMessage();
  }

  /** Whether a reply is one message, however many the request is. */
  boolean oneReply() {
    return grpc.getType().serverSendsOneMessage();
  }

  /** The same, called at these instances. */
  Rpc at(Optional<InstanceSet> instances) {
    return new Rpc(
        service,
        grpc,
        access,
        policy,
        successStatus,
        requestBytesMax,
        uploadBytesMax,
        fresh,
        stale,
        fallback,
        quota,
        endOfLife,
        instances);
  }

  /** How to call a method with bytes. */
  static MethodDescriptor<byte[], byte[]> bytes(Descriptors.MethodDescriptor method) {
    boolean safe = method.getOptions().getIdempotencyLevel() == IdempotencyLevel.NO_SIDE_EFFECTS;
    return MethodDescriptor.<byte[], byte[]>newBuilder()
        .setFullMethodName(
            MethodDescriptor.generateFullMethodName(
                method.getService().getFullName(), method.getName()))
        .setType(type(method))
        .setSafe(safe)
        .setRequestMarshaller(Bytes.INSTANCE)
        .setResponseMarshaller(Bytes.INSTANCE)
        // Names come from services and go with them: they must not stay in a table of gRPC's.
        .setSampledToLocalTracing(false)
        .build();
  }

  private static MethodType type(Descriptors.MethodDescriptor method) {
    if (method.isClientStreaming()) {
      return method.isServerStreaming() ? MethodType.BIDI_STREAMING : MethodType.CLIENT_STREAMING;
    }
    return method.isServerStreaming() ? MethodType.SERVER_STREAMING : MethodType.UNARY;
  }

  /** Messages as they are. */
  private enum Bytes implements MethodDescriptor.Marshaller<byte[]> {
    INSTANCE;

    @Override
    public InputStream stream(byte[] message) {
      return new Sent(message);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try (stream) {
        // A received message says how long it is, and so is copied once.
        byte[] message = stream.readNBytes(stream.available());
        return stream.available() == 0 ? message : with(message, stream.readAllBytes());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private static byte[] with(byte[] begin, byte[] rest) {
      byte[] whole = Arrays.copyOf(begin, begin.length + rest.length);
      System.arraycopy(rest, 0, whole, begin.length, rest.length);
      return whole;
    }
  }

  /** A message to be sent: gRPC copies one of known length straight into its frame. */
  private static final class Sent extends ByteArrayInputStream implements KnownLength, Drainable {
    Sent(byte[] message) {
      super(message);
    }

    @Override
    public int drainTo(OutputStream target) throws IOException {
      int length = count - pos;
      target.write(buf, pos, length);
      pos = count;
      return length;
    }
  }
}
