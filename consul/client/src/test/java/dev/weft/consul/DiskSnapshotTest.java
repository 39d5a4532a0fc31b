package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is on the disk, and when it counts. */
class DiskSnapshotTest {
  private static final Instant START = Instant.parse("2026-11-22T10:00:00Z");
  private static final Map<String, String> ENTRIES = Map.of("a", "one", "b", "two");

  /** Beyond the signed range. */
  private static final long INDEX = -5;

  @TempDir Path temporary;
  private Instant now = START;

  private Path folder() {
    return temporary.resolve("of-this-process");
  }

  private Path file() {
    return folder().resolve("what.json");
  }

  private DiskSnapshot<String> snapshot() {
    return snapshot(folder());
  }

  private DiskSnapshot<String> snapshot(Path folder) {
    return DiskSnapshot.in(
        Optional.of(folder),
        "what",
        new DiskSnapshot.Form<>(
            entries -> new Gson().toJsonTree(entries),
            json -> strings(json.getAsJsonObject()),
            value -> value.startsWith("until ") ? Instant.parse(value.substring(6)) : Instant.MAX),
        () -> now);
  }

  private static Map<String, String> strings(JsonObject json) {
    return json.asMap().entrySet().stream()
        .collect(Collectors.toMap(Map.Entry::getKey, entry -> entry.getValue().getAsString()));
  }

  private void writtenAt(Instant time) throws IOException {
    Files.setLastModifiedTime(file(), FileTime.from(time));
  }

  @Test
  void anotherProcessReadsWhatThisOneKept() throws IOException {
    snapshot().write(ENTRIES, INDEX);
    writtenAt(START);

    assertThat(snapshot().read()).isEqualTo(new LastKnown.Page<>(ENTRIES, INDEX, false));
    Map<String, String> fewer = Map.of("b", "three");
    snapshot().write(fewer, INDEX);
    writtenAt(START);
    assertThat(snapshot().read().entries()).isEqualTo(fewer);
  }

  @Test
  void makesItsFolderAndNotWhatThatIsIn() throws IOException {
    Path system = temporary.resolve("system");
    Path own = system.resolve("of-this-process");
    DiskSnapshot<String> snapshot = snapshot(own);

    snapshot.write(ENTRIES, INDEX);

    assertThat(system).doesNotExist();
    assertThat(snapshot.read().entries()).isEmpty();
    Files.createDirectory(system);
    snapshot.write(ENTRIES, INDEX);
    assertThat(own.resolve("what.json")).isNotEmptyFile();
    // Who removes the system does not find a part of it again, though its processes still run.
    for (Path gone : List.of(own.resolve("what.json"), own, system)) {
      Files.delete(gone);
    }
    snapshot.write(Map.of("c", "three"), INDEX);
    assertThat(system).doesNotExist();
  }

  @Test
  void isItsOwnersAlone() throws IOException {
    snapshot().write(ENTRIES, INDEX);

    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file())))
        .isEqualTo("rw-------");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder())))
        .isEqualTo("rwx------");
    try (Stream<Path> all = Files.list(folder())) {
      assertThat(all).as("nothing half written").containsExactly(file());
    }
  }

  @Test
  void aFolderThatIsOpenToOthersIsNeitherReadNorWritten() throws IOException {
    snapshot().write(ENTRIES, INDEX);
    writtenAt(START);
    Files.setPosixFilePermissions(folder(), PosixFilePermissions.fromString("rwxr-x---"));

    assertThat(snapshot().read().entries()).isEmpty();
    snapshot().write(Map.of("c", "three"), INDEX);
    assertThat(Files.readString(file())).doesNotContain("three");
  }

  /** Only root can give a folder away, and only root could use it then. */
  @Test
  void aFolderOfAnotherUserIsNeitherReadNorWritten() throws IOException {
    snapshot().write(ENTRIES, INDEX);
    writtenAt(START);
    assumeTrue(isGivenAway(folder()), "this process may not give a folder away");

    assertThat(snapshot().read().entries()).isEmpty();
    snapshot().write(Map.of("c", "three"), INDEX);
    assertThat(Files.readString(file())).doesNotContain("three");
  }

  private static boolean isGivenAway(Path folder) {
    try {
      Files.setOwner(
          folder,
          folder.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName("nobody"));
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  @Test
  void whatCannotBeWrittenIsNobodyElsesTrouble() {
    DiskSnapshot<String> broken =
        DiskSnapshot.in(
            Optional.of(folder()),
            "what",
            new DiskSnapshot.Form<>(
                _ -> {
                  throw new IllegalStateException("no words for it");
                },
                _ -> Map.of(),
                _ -> Instant.MAX),
            () -> now);

    broken.write(ENTRIES, INDEX);

    assertThat(broken.read().entries()).isEmpty();
  }

  @Test
  void whatIsTooOldToCountIsTakenAway() throws IOException {
    snapshot().write(ENTRIES, INDEX);
    for (String name : List.of("leaf-web.json", "leaf-web.json.77", "notes.txt", "roots.json")) {
      Files.writeString(folder().resolve(name), "{}");
      Files.setLastModifiedTime(folder().resolve(name), FileTime.from(START));
    }
    Files.setLastModifiedTime(
        folder().resolve("roots.json"), FileTime.from(START.plus(Duration.ofHours(2))));

    DiskSnapshot.sweep(folder(), () -> START.plus(DiskSnapshot.MAX_AGE).plusSeconds(1));
    DiskSnapshot.sweep(folder().resolve("nowhere"), () -> START);

    try (Stream<Path> all = Files.list(folder())) {
      assertThat(all.map(file -> folder().relativize(file).toString()))
          .containsExactlyInAnyOrder("what.json", "notes.txt", "roots.json");
    }
  }

  @Test
  void countsForADayAfterTheRegistryLastSaidSo() throws IOException {
    DiskSnapshot<String> snapshot = snapshot();
    snapshot.write(ENTRIES, INDEX);
    writtenAt(START);
    now = START.plus(DiskSnapshot.MAX_AGE);
    assertThat(snapshot().read().entries()).isEqualTo(ENTRIES);
    now = now.plusSeconds(1);
    assertThat(snapshot().read().entries()).isEmpty();

    snapshot.write(ENTRIES, INDEX); // the same again

    assertThat(snapshot().read().entries()).isEqualTo(ENTRIES);
  }

  @Test
  void whatHasEndedMeanwhileIsNotUsed() throws IOException {
    snapshot().write(Map.of("a", "until " + START.plus(Duration.ofHours(1)), "b", "two"), INDEX);
    writtenAt(START);
    now = START.plus(Duration.ofHours(2));

    assertThat(snapshot().read().entries()).isEqualTo(Map.of("b", "two"));
  }

  @Test
  void whatCannotBeReadCountsForNothing() throws IOException {
    DiskSnapshot<String> snapshot = snapshot();
    assertThat(snapshot.read().entries()).isEmpty();
    snapshot.write(ENTRIES, INDEX);
    for (String broken :
        List.of(
            "",
            "{\"a\":",
            "[1]",
            "null",
            "{\"a\":\"one\"}",
            "{\"index\":\"x\",\"entries\":{\"a\":\"one\"}}",
            "{\"index\":\"1\",\"entries\":{\"a\":{}}}",
            "{\"index\":\"1\",\"entries\":[\"a\"]}")) {
      Files.writeString(file(), broken);
      writtenAt(START);
      assertThat(snapshot().read().entries()).as(broken).isEmpty();
    }
  }

  @Test
  void isWrittenAgainWhenItIsGone() throws IOException {
    DiskSnapshot<String> snapshot = snapshot();
    snapshot.write(ENTRIES, INDEX);
    Files.delete(file());
    now = now.plus(Duration.ofHours(1));
    snapshot.write(ENTRIES, INDEX);

    snapshot.write(ENTRIES, INDEX);

    assertThat(file()).exists();
  }

  @Test
  void withoutAFolderNothingIsKept() {
    DiskSnapshot<String> none = DiskSnapshot.none();
    none.write(ENTRIES, INDEX);

    assertThat(none.read().entries()).isEmpty();
  }
}
