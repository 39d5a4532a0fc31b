package dev.weft.edge;

import com.google.api.FieldBehavior;
import com.google.api.FieldBehaviorProto;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What callers of one contract would miss in another, over REST or by name: RPCs and routes that
 * are gone, bodies that mean another field, streams that are none any more or have become some, and
 * of the messages of RPCs that are served, as deep as they go, fields and values that are gone or
 * have another number, type, JSON name or list-ness, and fields of requests that are required now.
 *
 * <p>Not looked at, since it may have to change at once or breaks nobody's code: who may call,
 * limits, deadlines, statuses, rules of validation, names of types and of path variables, oneofs.
 *
 * @param from the fingerprint of the one contract
 * @param to that of the other
 * @param changes each as a sentence without an end; at most {@value #CHANGES_MAX}
 * @param more changes beside those
 */
record BreakingChange(String from, String to, List<String> changes, int more) {
  static final int CHANGES_MAX = 100;

  BreakingChange {
    changes = List.copyOf(changes);
  }

  /** What breaks if the second takes the place of the first; empty if nothing does. */
  static Optional<BreakingChange> between(ServiceSchema before, ServiceSchema after) {
    if (before.fingerprint().equals(after.fingerprint())) {
      return Optional.empty();
    }
    List<String> found = new Comparison().of(before, after);
    int shown = Math.min(found.size(), CHANGES_MAX);
    return found.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new BreakingChange(
                before.fingerprint(),
                after.fingerprint(),
                found.subList(0, shown),
                found.size() - shown));
  }

  private static final class Comparison {
    /** Once each, although a type may go both ways. */
    private final Set<String> found = new LinkedHashSet<>();

    private final Set<Pair> compared = new HashSet<>();

    /** Messages that were compared already, or are just being: they may hold themselves. */
    private record Pair(String before, String after, Way way) {}

    /** Where a message goes: what is fine in an answer need not be in a request. */
    private enum Way {
      REQUEST,
      REPLY
    }

    List<String> of(ServiceSchema before, ServiceSchema after) {
      Map<String, Route> named = byKey(after.named());
      for (Route was : before.named()) {
        Route is = named.get(was.key());
        if (is == null) {
          found.add(was.rpc().name() + " is gone");
        } else {
          rpc(was.rpc(), was.transcoder().method(), is.rpc(), is.transcoder().method());
        }
      }
      Map<String, Route> routes = byKey(after.routes());
      for (Route was : before.routes()) {
        String name = was.httpMethod() + " " + was.template().text();
        Route is = routes.get(was.key());
        if (is == null) {
          found.add(name + " is gone");
        } else {
          route(name, was, is);
        }
      }
      return List.copyOf(found);
    }

    private static Map<String, Route> byKey(List<Route> routes) {
      Map<String, Route> byKey = new HashMap<>();
      // Of two in one contract the first is served.
      routes.forEach(route -> byKey.putIfAbsent(route.key(), route));
      return byKey;
    }

    private void rpc(Rpc was, MethodDescriptor before, Rpc is, MethodDescriptor after) {
      becomes(was.name(), "", was.grpc().getType(), is.grpc().getType());
      messages(before.getInputType(), after.getInputType(), Way.REQUEST);
      messages(before.getOutputType(), after.getOutputType(), Way.REPLY);
    }

    private void route(String name, Route was, Route is) {
      becomes(name, "", was.rpc().name(), is.rpc().name());
      Transcoder.Binding before = was.transcoder().binding();
      Transcoder.Binding after = is.transcoder().binding();
      becomes(name, "body ", quoted(before.body()), quoted(after.body()));
      becomes(name, "response_body ", quoted(before.responseBody()), quoted(after.responseBody()));
    }

    private static String quoted(String text) {
      return "\"" + text + "\"";
    }

    private void becomes(String where, String what, Object before, Object after) {
      if (!before.equals(after)) {
        found.add(where + ": " + what + before + " becomes " + after);
      }
    }

    private void messages(Descriptor before, Descriptor after, Way way) {
      if (!compared.add(new Pair(before.getFullName(), after.getFullName(), way))) {
        return;
      }
      for (FieldDescriptor was : before.getFields()) {
        FieldDescriptor is = after.findFieldByName(was.getName());
        if (is == null) {
          FieldDescriptor other = after.findFieldByNumber(was.getNumber());
          found.add(
              was.getFullName()
                  + " is gone"
                  + (other == null
                      ? ""
                      : ", " + was.getNumber() + " is " + other.getName() + " now"));
        } else {
          fields(was, is, way);
        }
      }
      if (way == Way.REQUEST) {
        for (FieldDescriptor is : after.getFields()) {
          FieldDescriptor was = before.findFieldByName(is.getName());
          if (isRequired(is) && (was == null || !isRequired(was))) {
            found.add(is.getFullName() + " is required now");
          }
        }
      }
    }

    private static boolean isRequired(FieldDescriptor field) {
      return field.isRequired()
          || field
              .getOptions()
              .getExtension(FieldBehaviorProto.fieldBehavior)
              .contains(FieldBehavior.REQUIRED);
    }

    private void fields(FieldDescriptor was, FieldDescriptor is, Way way) {
      String name = was.getFullName();
      becomes(name, "number ", was.getNumber(), is.getNumber());
      becomes(name, "JSON name ", was.getJsonName(), is.getJsonName());
      becomes(name, "", plurality(was), plurality(is));
      becomes(name, "type ", type(was), type(is));
      if (!type(was).equals(type(is))) {
        return;
      }
      switch (was.getJavaType()) {
        case MESSAGE -> {
          // Those that are known everywhere never change.
          if (!isWellKnown(was.getMessageType())) {
            messages(was.getMessageType(), is.getMessageType(), way);
          }
        }
        case ENUM -> values(was.getEnumType(), is.getEnumType());
        default -> {
          // Nothing inside.
        }
      }
    }

    private static String plurality(FieldDescriptor field) {
      return field.isMapField() ? "a map" : field.isRepeated() ? "a list" : "one value";
    }

    /** Names of types are not on the wire, unless JSON has a form of its own for one. */
    private static String type(FieldDescriptor field) {
      return field.getJavaType() == FieldDescriptor.JavaType.MESSAGE
              && isWellKnown(field.getMessageType())
          ? field.getMessageType().getFullName()
          : field.getType().name().toLowerCase(Locale.ROOT);
    }

    private static boolean isWellKnown(Descriptor type) {
      return type.getFile().getPackage().equals("google.protobuf");
    }

    private void values(EnumDescriptor before, EnumDescriptor after) {
      if (!compared.add(new Pair(before.getFullName(), after.getFullName(), Way.REPLY))) {
        return;
      }
      for (EnumValueDescriptor was : before.getValues()) {
        String name = before.getFullName() + "." + was.getName();
        EnumValueDescriptor is = after.findValueByName(was.getName());
        if (is == null) {
          found.add(name + " is gone");
        } else {
          becomes(name, "number ", was.getNumber(), is.getNumber());
        }
      }
    }
  }
}
