package dev.weft.inventory;

import dev.weft.durable.PageToken;
import dev.weft.mesh.Rejection;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Some rows of a list, and the token of where it goes on; empty at its end. */
record Page<T>(List<T> rows, String nextToken) {
  /**
   * Which part of a list is asked for.
   *
   * @param token empty for the first page
   */
  record Wish(int size, String token) {
    /** Where the page begins, if it is not the first. */
    <K> Optional<K> after(Function<String, K> parse, String... arguments) {
      try {
        return PageToken.lastKey(token, arguments).map(parse);
      } catch (IllegalArgumentException e) {
        throw Rejection.invalid("page_token", "does not belong to this list");
      }
    }

    /** One row more than the page, which tells whether there is another. */
    int limit() {
      return size + 1;
    }

    /** The page of what was found with {@link #limit}. */
    <T> Page<T> of(List<T> found, Function<T, String> key, String... arguments) {
      if (found.size() <= size) {
        return new Page<>(found, "");
      }
      List<T> shown = found.subList(0, size);
      return new Page<>(shown, PageToken.after(key.apply(shown.getLast()), arguments));
    }
  }

  <R> Page<R> map(Function<T, R> each) {
    return new Page<>(rows.stream().map(each).toList(), nextToken);
  }
}
