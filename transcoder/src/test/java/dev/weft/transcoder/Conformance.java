package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.DescriptorValidationException;
import com.google.protobuf.Descriptors.FileDescriptor;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * The program that protobuf's conformance runner tests: takes cases on stdin and answers on stdout,
 * as {@code conformance.proto} says. It skips what is no matter of JSON. Its argument is a file
 * with the runner's message types, a {@code FileDescriptorSet}. {@code .ci/conformance} runs it.
 */
final class Conformance {
  private static final int PROTOBUF = 1;
  private static final int JSON = 2;
  private static final int IGNORE_UNKNOWN = 3;

  // The numbers of the results in ConformanceResponse.
  private static final int PARSE_ERROR = 1;
  private static final int RUNTIME_ERROR = 2;
  private static final int PROTOBUF_PAYLOAD = 3;
  private static final int JSON_PAYLOAD = 4;
  private static final int SKIPPED = 5;
  private static final int SERIALIZE_ERROR = 6;

  private final Schema schema;

  private Conformance(Schema schema) {
    this.schema = schema;
  }

  public static void main(String[] arguments) throws Exception {
    Conformance conformance = new Conformance(schema(Path.of(arguments[0])));
    DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
    OutputStream out = System.out;
    while (true) {
      byte[] length = in.readNBytes(4);
      if (length.length < 4) {
        return;
      }
      byte[] request =
          in.readNBytes(ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getInt());
      byte[] response = conformance.answer(request);
      out.write(
          ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(response.length).array());
      out.write(response);
      out.flush();
    }
  }

  private static Schema schema(Path descriptorSet)
      throws IOException, DescriptorValidationException {
    Map<String, FileDescriptorProto> protos = new HashMap<>();
    for (FileDescriptorProto file :
        FileDescriptorSet.parseFrom(Files.readAllBytes(descriptorSet)).getFileList()) {
      protos.put(file.getName(), file);
    }
    Map<String, FileDescriptor> files = new HashMap<>();
    for (String name : protos.keySet()) {
      link(name, protos, files);
    }
    return Schema.of(files.values());
  }

  private static FileDescriptor link(
      String name, Map<String, FileDescriptorProto> protos, Map<String, FileDescriptor> files)
      throws DescriptorValidationException {
    FileDescriptor known = files.get(name);
    if (known != null) {
      return known;
    }
    FileDescriptorProto proto = protos.get(name);
    if (proto == null) {
      throw new IllegalArgumentException("the descriptor set lacks " + name);
    }
    FileDescriptor[] dependencies = new FileDescriptor[proto.getDependencyCount()];
    for (int i = 0; i < dependencies.length; i++) {
      dependencies[i] = link(proto.getDependency(i), protos, files);
    }
    FileDescriptor file = FileDescriptor.buildFrom(proto, dependencies);
    files.put(name, file);
    return file;
  }

  /**
   * A case, as far as it concerns us.
   *
   * @param input the format of the payload; 0 when it is none of ours
   */
  private record Request(
      ByteString payload, int input, int output, String messageType, boolean lenient) {
    static Request of(byte[] bytes) throws IOException {
      ByteString payload = ByteString.EMPTY;
      int input = 0;
      int output = 0;
      String messageType = "";
      boolean lenient = false;
      CodedInputStream in = CodedInputStream.newInstance(bytes);
      for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
        switch (tag >>> 3) {
          case 1, 2 -> {
            payload = in.readBytes();
            input = tag >>> 3 == 1 ? PROTOBUF : JSON;
          }
          case 3 -> output = in.readEnum();
          case 4 -> messageType = in.readString();
          case 5 -> lenient = in.readEnum() == IGNORE_UNKNOWN;
          default -> in.skipField(tag);
        }
      }
      return new Request(payload, input, output, messageType, lenient);
    }

    boolean isOfJson() {
      return (input == JSON && (output == JSON || output == PROTOBUF))
          || (input == PROTOBUF && output == JSON);
    }
  }

  private byte[] answer(byte[] bytes) throws IOException {
    Request request = Request.of(bytes);
    if (request.messageType.equals("conformance.FailureSet")) {
      return result(PROTOBUF_PAYLOAD, new byte[0]);
    }
    if (!request.isOfJson()) {
      return result(SKIPPED, "not JSON");
    }
    MessagePlan type = schema.find("/" + request.messageType);
    if (type == null) {
      return result(RUNTIME_ERROR, "unknown " + request.messageType);
    }
    byte[] wire = request.payload.toByteArray();
    if (request.input == JSON) {
      try {
        wire = JsonToWire.wire(schema, type, wire, request.lenient);
      } catch (BadInput e) {
        return result(PARSE_ERROR, String.valueOf(e.getMessage()));
      }
    }
    if (request.output == PROTOBUF) {
      return result(PROTOBUF_PAYLOAD, wire);
    }
    try {
      return result(JSON_PAYLOAD, WireToJson.json(schema, type, wire, Defaults.OMITTED));
    } catch (BadMessage e) {
      return result(
          e.isOfTheWire() ? PARSE_ERROR : SERIALIZE_ERROR, String.valueOf(e.getMessage()));
    }
  }

  private static byte[] result(int field, String text) throws IOException {
    return result(field, text.getBytes(UTF_8));
  }

  private static byte[] result(int field, byte[] value) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    out.writeByteArray(field, value);
    out.flush();
    return bytes.toByteArray();
  }
}
