package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.DescriptorProtos.SourceCodeInfo;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.weft.edge.library.LibraryProto;
import dev.weft.edge.weather.WeatherProto;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DescriptorSetsTest {
  private static final Reflected WEATHER = Contracts.reflected(WeatherProto.getDescriptor());
  private static final Reflected LIBRARY = Contracts.reflected(LibraryProto.getDescriptor());

  @TempDir Path temporary;
  private Path folder;
  private DescriptorSets sets;

  @BeforeEach
  void inAFolder() throws Exception {
    folder = Files.createDirectory(temporary.resolve("sets"));
    sets = new DescriptorSets(folder);
  }

  /** Whichever way it is told, it is one contract. */
  @Test
  void readsWhatReflectionWouldTellAlsoWithComments() throws Exception {
    Files.write(folder.resolve("weather.binpb"), set(WEATHER, true).toByteArray());

    assertThat(sets.of("weather")).contains(WEATHER);
    assertThat(sets.of("library")).isEmpty();
  }

  @Test
  void readsAFileAnewWhenItWasReplacedAndForgetsOneThatIsGone() throws Exception {
    Path file = folder.resolve("weather.binpb");
    Files.write(file, set(WEATHER, false).toByteArray());
    Reflected before = sets.of("weather").orElseThrow();
    assertThat(sets.of("weather").orElseThrow()).isSameAs(before);

    Files.write(file, set(LIBRARY, false).toByteArray());
    assertThat(sets.of("weather")).contains(LIBRARY);

    Files.delete(file);
    assertThat(sets.of("weather")).isEmpty();
  }

  @Test
  void saysWhichFileCannotBeRead() throws Exception {
    Files.write(folder.resolve("weather.binpb"), new byte[] {7, 7, 7});

    assertThatThrownBy(() -> sets.of("weather"))
        .isInstanceOf(Reflection.Failed.class)
        .hasMessageContaining("weather.binpb");
  }

  @ParameterizedTest
  @ValueSource(strings = {"../weather", "a/weather", "", ".", ".weather", "a\u0000b"})
  void looksNowhereElse(String name) throws Exception {
    Files.write(temporary.resolve("weather.binpb"), set(WEATHER, false).toByteArray());
    Files.write(
        Files.createDirectory(folder.resolve("a")).resolve("weather.binpb"),
        set(WEATHER, false).toByteArray());
    Files.write(folder.resolve(".binpb"), set(WEATHER, false).toByteArray());
    Files.write(folder.resolve(".weather.binpb"), set(WEATHER, false).toByteArray());

    assertThat(sets.of(name)).isEmpty();
  }

  /**
   * The files of a contract.
   *
   * @param commented whether they have source info
   */
  static FileDescriptorSet set(Reflected contract, boolean commented)
      throws InvalidProtocolBufferException {
    FileDescriptorSet.Builder set = FileDescriptorSet.newBuilder();
    for (var bytes : contract.files().values()) {
      FileDescriptorProto.Builder file = FileDescriptorProto.parseFrom(bytes).toBuilder();
      if (commented) {
        file.setSourceCodeInfo(
            SourceCodeInfo.newBuilder()
                .addLocation(
                    SourceCodeInfo.Location.newBuilder()
                        .addPath(FileDescriptorProto.SERVICE_FIELD_NUMBER)
                        .addPath(0)
                        .setLeadingComments(" Said in the contract.")));
      }
      set.addFile(file);
    }
    return set.build();
  }
}
