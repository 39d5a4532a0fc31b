package dev.weft.transcoder;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** FieldMask as text: paths in lowerCamel with commas between them. */
final class MaskText {
  private MaskText() {}

  /**
   * The paths in the names of the contract.
   *
   * @throws IllegalArgumentException if a path is not in lowerCamel
   */
  static List<String> paths(String text) {
    List<String> paths = new ArrayList<>();
    for (String path : text.split(",", -1)) {
      if (path.isEmpty()) {
        continue;
      }
      StringBuilder snake = new StringBuilder(path.length() + 4);
      for (int i = 0; i < path.length(); i++) {
        char c = path.charAt(i);
        if (c >= 'A' && c <= 'Z') {
          snake.append('_').append((char) (c - 'A' + 'a'));
        } else if (isPart(c)) {
          snake.append(c);
        } else {
          throw new IllegalArgumentException("not a path in lowerCamel");
        }
      }
      paths.add(snake.toString());
    }
    return paths;
  }

  /** The path in lowerCamel; null when that would not lead back to it. */
  static @Nullable String camel(String path) {
    StringBuilder camel = new StringBuilder(path.length());
    for (int i = 0; i < path.length(); i++) {
      char c = path.charAt(i);
      if (c == '_') {
        i++;
        if (i == path.length() || path.charAt(i) < 'a' || path.charAt(i) > 'z') {
          return null;
        }
        camel.append((char) (path.charAt(i) - 'a' + 'A'));
      } else if (isPart(c)) {
        camel.append(c);
      } else {
        return null;
      }
    }
    return camel.toString();
  }

  private static boolean isPart(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.';
  }
}
