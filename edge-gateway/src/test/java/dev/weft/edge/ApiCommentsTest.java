package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ApiCommentsTest {
  @TempDir private Path folder;

  private static FileDescriptorSet set(String type, String before, String behind) {
    FileDescriptorProto.Builder file =
        FileDescriptorProto.newBuilder().setName(type + ".proto").setPackage("a.v1");
    file.addMessageTypeBuilder().setName(type);
    file.getSourceCodeInfoBuilder()
        .addLocationBuilder()
        .addPath(FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER)
        .addPath(0)
        .setLeadingComments(before)
        .setTrailingComments(behind);
    return FileDescriptorSet.newBuilder().addFile(file).build();
  }

  @Test
  void readsTheSetsOfAFolderInOrder() throws Exception {
    Files.write(folder.resolve("2.binpb"), set("B", " Second.\n", "").toByteArray());
    Files.write(folder.resolve("1.binpb"), set("B", " First,\n line by line.\n", "").toByteArray());
    Files.write(folder.resolve("3.binpb"), set("C", "", " Behind.\n").toByteArray());
    Files.writeString(folder.resolve("readme.txt"), "no descriptors");

    ApiComments comments = ApiComments.read(folder);

    assertThat(comments.about("a.v1.B")).isEqualTo("First,\nline by line.");
    assertThat(comments.about("a.v1.C")).isEqualTo("Behind.");
    assertThat(comments.about("a.v1.D")).isEmpty();
    assertThat(ApiComments.read(folder.resolve("3.binpb")).about("a.v1.C")).isEqualTo("Behind.");
  }

  @Test
  void saysNothingOfWhatItCannotRead() throws Exception {
    Path broken = Files.writeString(folder.resolve("broken.binpb"), "no descriptors");

    assertThat(ApiComments.read(broken).about("a.v1.B")).isEmpty();
    assertThat(ApiComments.read(folder.resolve("missing")).about("a.v1.B")).isEmpty();
  }
}
