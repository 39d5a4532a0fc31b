package dev.weft.edge;

import java.util.ArrayList;
import java.util.List;

/**
 * The path of a route as OpenAPI writes one: with a parameter for each wildcard, since a parameter
 * there never holds a slash.
 *
 * @param text such as {@code /v1/orders/{order_id}:cancel}
 * @param parameters in the order of the path
 */
record ApiPath(String text, List<Parameter> parameters) {

  /**
   * One wildcard.
   *
   * @param fields the path of the field that it fills, with its neighbours if it is a part of a
   *     variable; empty when it fills none
   * @param rest whether it stands for any number of segments, which OpenAPI cannot say
   * @param part whether the field takes more than this
   */
  record Parameter(String name, List<String> fields, boolean rest, boolean part) {}

  ApiPath {
    parameters = List.copyOf(parameters);
  }

  static ApiPath of(PathTemplate template) {
    StringBuilder text = new StringBuilder();
    List<Parameter> parameters = new ArrayList<>();
    for (int i = 0; i < template.segments().size(); i++) {
      text.append('/');
      if (template.segments().get(i) instanceof PathTemplate.Literal(String literal)) {
        text.append(literal);
      } else {
        Parameter parameter = parameter(template, i, parameters.size());
        parameters.add(parameter);
        text.append('{').append(parameter.name).append('}');
      }
    }
    template.verb().ifPresent(verb -> text.append(':').append(verb));
    return new ApiPath(text.toString(), parameters);
  }

  private static Parameter parameter(PathTemplate template, int segment, int before) {
    boolean rest = template.segments().get(segment) instanceof PathTemplate.Rest;
    for (PathTemplate.Variable variable : template.variables()) {
      if (variable.start() <= segment && segment < variable.end()) {
        List<Integer> wild = wildcards(template, variable);
        String name =
            wild.size() == 1
                ? variable.name()
                : variable.name() + "_" + (wild.indexOf(segment) + 1);
        boolean part = variable.end() - variable.start() > 1;
        return new Parameter(name, variable.fieldPath(), rest, part);
      }
    }
    return new Parameter("segment_" + (before + 1), List.of(), rest, false);
  }

  private static List<Integer> wildcards(PathTemplate template, PathTemplate.Variable variable) {
    List<Integer> wild = new ArrayList<>();
    for (int i = variable.start(); i < variable.end(); i++) {
      if (!(template.segments().get(i) instanceof PathTemplate.Literal)) {
        wild.add(i);
      }
    }
    return wild;
  }

  /** Without the names: OpenAPI takes two paths of one shape for the same. */
  String shape() {
    return text.replaceAll("\\{[^}]*}", "{}");
  }
}
