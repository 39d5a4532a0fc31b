package dev.weft.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The README's own text: what it tells people to write and to run. */
final class Readme {
  private static final Pattern BLOCK =
      Pattern.compile("^```(\\w+)\\n(.*?)^```$", Pattern.MULTILINE | Pattern.DOTALL);
  private static final Pattern FILE = Pattern.compile("`([\\w./-]+/[\\w.-]+\\.\\w+)`");

  private Readme() {}

  /**
   * A fenced block.
   *
   * @param language what the fence says
   * @param file the path that the text before it names first; empty if none
   */
  record Block(String language, String file, String text) {}

  /** The blocks below a heading, up to the next one. */
  static List<Block> section(String heading) {
    String readme = read();
    int start = readme.indexOf("\n## " + heading + "\n");
    if (start < 0) {
      throw new AssertionError("README.md has no section " + heading);
    }
    int end = readme.indexOf("\n## ", start + 1);
    String section = readme.substring(start, end < 0 ? readme.length() : end);
    List<Block> blocks = new ArrayList<>();
    Matcher block = BLOCK.matcher(section);
    int before = 0;
    while (block.find()) {
      Matcher file = FILE.matcher(section.substring(before, block.start()));
      blocks.add(new Block(block.group(1), file.find() ? file.group(1) : "", block.group(2)));
      before = block.end();
    }
    return blocks;
  }

  private static String read() {
    try {
      return Files.readString(Command.ROOT.resolve("README.md"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
