package dev.weft.edge;

import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.ServiceDescriptor;
import dev.weft.edge.library.LibraryProto;
import dev.weft.edge.notes.NotesProto;
import dev.weft.edge.weather.WeatherProto;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The contracts of the test services, as an instance would tell them by reflection. */
final class Contracts {
  static final RouteOwners OWNERS = RouteOwners.of("user-svc");

  private Contracts() {}

  static ServiceSchema library() {
    return ServiceSchema.of(
        "library", reflected(LibraryProto.getDescriptor()), new Access.Public());
  }

  static ServiceSchema notes() {
    return ServiceSchema.of(
        "notes", reflected(NotesProto.getDescriptor()), new Access.Authenticated(Set.of()));
  }

  static ServiceSchema weather(Access foreignDefault) {
    return ServiceSchema.of("weather", reflected(WeatherProto.getDescriptor()), foreignDefault);
  }

  static ServiceSchema weather() {
    return weather(new Access.Authenticated(Set.of()));
  }

  static RouteTable table(ServiceSchema... schemas) {
    return RouteTable.of(List.of(schemas), OWNERS);
  }

  static Reflected reflected(FileDescriptor file) {
    Map<String, ByteString> files = new TreeMap<>();
    collect(file, files);
    return Reflected.of(
        file.getServices().stream().map(ServiceDescriptor::getFullName).toList(), files);
  }

  /** The library's contract with another file of its own. */
  static Reflected changed(FileDescriptorProto library) {
    return changed(LibraryProto.getDescriptor(), library);
  }

  /** A contract with another file in the place of its own. */
  static Reflected changed(FileDescriptor own, FileDescriptorProto other) {
    Reflected before = reflected(own);
    Map<String, ByteString> files = new TreeMap<>(before.files());
    files.put(other.getName(), other.toByteString());
    return Reflected.of(before.services(), files);
  }

  private static void collect(FileDescriptor file, Map<String, ByteString> files) {
    if (files.putIfAbsent(file.getName(), file.toProto().toByteString()) == null) {
      file.getDependencies().forEach(dependency -> collect(dependency, files));
    }
  }

  /** The transcoder of the only route of this method and template. */
  static Transcoder transcoder(ServiceSchema schema, String httpMethod, String template) {
    return schema.routes().stream()
        .filter(r -> r.httpMethod().equals(httpMethod) && r.template().text().equals(template))
        .findFirst()
        .orElseThrow()
        .transcoder();
  }
}
