package dev.weft.edge;

import java.util.List;
import java.util.Map;

/** Writes a tree, as {@link JsonTree} does, for people: what fits into a line stands in one. */
final class ReadableJson {
  private static final int WIDTH = 110;
  private static final String STEP = "  ";

  private final StringBuilder out = new StringBuilder();

  private ReadableJson() {}

  /** The JSON of a tree, with a line break at its end. */
  static String text(Map<String, Object> tree) {
    ReadableJson text = new ReadableJson();
    text.object(tree, "");
    return text.out.append('\n').toString();
  }

  private void value(Object tree, String indent, int used) {
    String line = line(tree);
    if (indent.length() + used + line.length() <= WIDTH) {
      out.append(line);
      return;
    }
    switch (tree) {
      case Map<?, ?> map -> object(map, indent);
      case List<?> list -> {
        String inner = indent + STEP;
        String between = "[\n";
        for (Object element : list) {
          out.append(between).append(inner);
          value(element, inner, 1);
          between = ",\n";
        }
        out.append('\n').append(indent).append(']');
      }
      default -> out.append(line);
    }
  }

  private void object(Map<?, ?> map, String indent) {
    String inner = indent + STEP;
    String between = "{\n";
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      String name = JsonTree.text(String.valueOf(entry.getKey())) + ": ";
      out.append(between).append(inner).append(name);
      value(entry.getValue(), inner, name.length() + 1);
      between = ",\n";
    }
    out.append('\n').append(indent).append('}');
  }

  private static String line(Object tree) {
    return switch (tree) {
      case Map<?, ?> map -> {
        StringBuilder text = new StringBuilder("{");
        map.forEach(
            (name, value) ->
                text.append(text.length() > 1 ? ", " : "")
                    .append(JsonTree.text(String.valueOf(name)))
                    .append(": ")
                    .append(line(value)));
        yield text.append('}').toString();
      }
      case List<?> list -> {
        StringBuilder text = new StringBuilder("[");
        for (Object element : list) {
          text.append(text.length() > 1 ? ", " : "").append(line(element));
        }
        yield text.append(']').toString();
      }
      default -> JsonTree.text(tree);
    };
  }
}
