package dev.weft.edge;

import com.google.api.AnnotationsProto;
import com.google.api.HttpProto;
import com.google.api.HttpRule;
import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos;
import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Label;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.MethodDescriptorProto;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.TimestampProto;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An edge's catalogue of contracts that are made up: each service has a collection of its own, and
 * each RPC a path and two messages, the resource with a nested type, a list and a time. Each
 * contract has two forms, one with a field more.
 *
 * <p>To be used by one thread.
 */
public final class ManyContracts implements AutoCloseable {
  private static final Access ACCESS = new Access.Authenticated(Set.of());

  private final List<Reflected> told = new ArrayList<>();
  private final List<Reflected> changed = new ArrayList<>();
  private final boolean[] isChanged;
  private final RouteOwners owners = RouteOwners.of("user-svc");
  private @Nullable Catalogue catalogue;

  /** Makes the contracts; nothing is served yet. */
  public ManyContracts(int services, int rpcs) {
    for (int i = 0; i < services; i++) {
      told.add(contract(i, rpcs, false));
      changed.add(contract(i, rpcs, true));
    }
    isChanged = new boolean[services];
  }

  /** Begins with an empty catalogue that keeps its contracts in this folder. */
  public void start(Path folder) {
    catalogue =
        new Catalogue(owners, Optional.of(new ContractFile(folder)), Optional.empty(), ACCESS);
  }

  /** All services tell their contracts, one after the other. */
  public void learnAll() {
    for (int i = 0; i < told.size(); i++) {
      put(schema(i));
    }
  }

  /** One service tells another contract than before, and it is served. */
  public void change(int service) {
    isChanged[service] = !isChanged[service];
    put(schema(service));
  }

  /** As {@link #change}, but that nothing comes of it. */
  public void read(int service) {
    ServiceSchema schema = schema(service);
    if (schema.routes().isEmpty()) {
      throw new IllegalStateException("a contract without routes");
    }
  }

  /** Makes the table of all contracts anew, as when other owners of paths are named. */
  public void rebuild() {
    catalogue().owners(Optional.empty());
  }

  /** One more table of all contracts. */
  public Object anotherTable() {
    return RouteTable.of(catalogue().all(), owners);
  }

  /** Makes the document of all routes, as for who asks an edge for it. */
  public void describe() {
    document();
  }

  /** How long that document is. */
  public int documentBytes() {
    return document().plain().length;
  }

  private Packed document() {
    return new LiveDocument(
            catalogue()::routes, "1", Optional.empty(), LiveDocument.BYTES_MAX, System::nanoTime)
        .get();
  }

  /** How many are served. */
  public int routes() {
    return catalogue().routes().routes().size();
  }

  /** Of all contracts as they were told first. */
  public long bytes() {
    return told.stream()
        .map(Reflected::files)
        .map(Map::values)
        .flatMap(Collection::stream)
        .mapToLong(ByteString::size)
        .sum();
  }

  private void put(ServiceSchema schema) {
    catalogue().put(schema, _ -> true);
  }

  private ServiceSchema schema(int service) {
    Reflected contract = (isChanged[service] ? changed : told).get(service);
    return ServiceSchema.of("service-" + service, contract, ACCESS);
  }

  private Catalogue catalogue() {
    if (catalogue == null) {
      throw new IllegalStateException("start first");
    }
    return catalogue;
  }

  @Override
  public void close() {
    catalogue().close();
  }

  private static Reflected contract(int service, int rpcs, boolean more) {
    String name = "many/s" + service + "/v1/service.proto";
    String scope = "many.s" + service + ".v1";
    FileDescriptorProto.Builder file =
        FileDescriptorProto.newBuilder()
            .setName(name)
            .setPackage(scope)
            .setSyntax("proto3")
            .addDependency(AnnotationsProto.getDescriptor().getFullName())
            .addDependency(TimestampProto.getDescriptor().getFullName());
    var its = file.addServiceBuilder().setName("Things");
    for (int i = 0; i < rpcs; i++) {
      String type = "." + scope + ".";
      MethodDescriptorProto.Builder method =
          its.addMethodBuilder()
              .setName("Do" + i)
              .setInputType(type + "Do" + i + "Request")
              .setOutputType(type + "Do" + i + "Response");
      method.getOptionsBuilder().setExtension(AnnotationsProto.http, rule(service, i));
      file.addMessageType(
          DescriptorProto.newBuilder()
              .setName("Do" + i + "Request")
              .addField(field("thing_id", 1, FieldDescriptorProto.Type.TYPE_STRING))
              .addField(field("page_size", 2, FieldDescriptorProto.Type.TYPE_INT32))
              .addField(message("thing", 3, type + "Thing")));
      file.addMessageType(
          DescriptorProto.newBuilder()
              .setName("Do" + i + "Response")
              .addField(message("thing", 1, type + "Thing")));
    }
    file.addMessageType(thing("." + scope + ".Thing", more));
    Map<String, ByteString> files = new HashMap<>();
    for (FileDescriptor known :
        List.of(
            AnnotationsProto.getDescriptor(),
            HttpProto.getDescriptor(),
            TimestampProto.getDescriptor(),
            DescriptorProtos.getDescriptor())) {
      files.put(known.getFullName(), known.toProto().toByteString());
    }
    files.put(name, file.build().toByteString());
    return Reflected.of(List.of(scope + ".Things"), files);
  }

  private static HttpRule rule(int service, int rpc) {
    String collection = "/v1/s" + service + "/things";
    return switch (rpc % 4) {
      case 0 -> HttpRule.newBuilder().setGet(collection + "/{thing_id}/part" + rpc).build();
      case 1 -> HttpRule.newBuilder().setGet(collection + "/{thing_id}:do" + rpc).build();
      case 2 -> HttpRule.newBuilder().setPost(collection + ":do" + rpc).setBody("thing").build();
      default ->
          HttpRule.newBuilder()
              .setPatch(collection + "/{thing_id}/part" + rpc)
              .setBody("*")
              .build();
    };
  }

  private static DescriptorProto thing(String fullName, boolean more) {
    DescriptorProto.Builder thing =
        DescriptorProto.newBuilder()
            .setName("Thing")
            .addField(field("thing_id", 1, FieldDescriptorProto.Type.TYPE_STRING))
            .addField(field("title", 2, FieldDescriptorProto.Type.TYPE_STRING))
            .addField(field("size", 3, FieldDescriptorProto.Type.TYPE_INT64))
            .addField(field("weight", 4, FieldDescriptorProto.Type.TYPE_DOUBLE))
            .addField(field("open", 5, FieldDescriptorProto.Type.TYPE_BOOL))
            .addField(
                field("tags", 6, FieldDescriptorProto.Type.TYPE_STRING)
                    .setLabel(Label.LABEL_REPEATED))
            .addField(message("made", 7, ".google.protobuf.Timestamp"))
            .addField(message("part", 8, fullName + ".Part"))
            .addField(field("etag", 9, FieldDescriptorProto.Type.TYPE_STRING));
    thing
        .addNestedTypeBuilder()
        .setName("Part")
        .addField(field("name", 1, FieldDescriptorProto.Type.TYPE_STRING))
        .addField(message("parts", 2, fullName + ".Part").setLabel(Label.LABEL_REPEATED));
    if (more) {
      thing.addField(field("more", 10, FieldDescriptorProto.Type.TYPE_STRING));
    }
    return thing.build();
  }

  private static FieldDescriptorProto.Builder field(
      String name, int number, FieldDescriptorProto.Type type) {
    return FieldDescriptorProto.newBuilder()
        .setName(name)
        .setNumber(number)
        .setType(type)
        .setLabel(Label.LABEL_OPTIONAL);
  }

  private static FieldDescriptorProto.Builder message(String name, int number, String type) {
    return field(name, number, FieldDescriptorProto.Type.TYPE_MESSAGE).setTypeName(type);
  }
}
