package dev.weft.transcoder;

import com.google.protobuf.Descriptors.Descriptor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * All there is to know of a message type for reading it from JSON and printing it. Immutable data
 * once a {@link Schema} has handed it out, but for one guess; thread-safe.
 */
public final class MessagePlan {
  /** Fields with numbers up to here are found in an array. */
  private static final int DENSE_MAX = 512;

  final String fullName;
  final Form form;

  /** Of these a change replaces all: an amount or a date has no parts that could be kept. */
  final boolean valueObject;

  /** In the order of the contract, extensions last. */
  FieldPlan[] fields = {};

  /** How many oneofs there are, not counting those that only stand for {@code optional}. */
  int oneofs;

  /** Whether it or something inside of it has a required field. */
  boolean requires;

  /**
   * Whether all messages of it that were printed had their fields as {@link InOrder} wants them. A
   * guess, which threads may see late.
   */
  boolean inOrder = true;

  private final Map<String, FieldPlan> byName = new HashMap<>();

  /** By place, the field's name in JSON; null where another field is meant by it. */
  private @Nullable String[] expected = {};

  private @Nullable FieldPlan[] dense = {};
  private final Map<Integer, FieldPlan> sparse = new HashMap<>();

  MessagePlan(Descriptor type, Form form) {
    this.fullName = type.getFullName();
    this.form = form;
    this.valueObject = fullName.startsWith("google.");
  }

  /** Called once, before anybody else sees it. */
  void complete(List<FieldPlan> all, int oneofCount) {
    fields = all.toArray(new FieldPlan[0]);
    oneofs = oneofCount;
    int last = -1;
    for (FieldPlan field : fields) {
      if (field.number < DENSE_MAX) {
        last = Math.max(last, field.number);
      } else {
        sparse.put(field.number, field);
      }
      byName.putIfAbsent(field.jsonName, field);
    }
    dense = new FieldPlan[last + 1];
    for (FieldPlan field : fields) {
      if (field.number < DENSE_MAX) {
        dense[field.number] = field;
      }
      // The name in the contract is stronger than what another field's name becomes in JSON.
      byName.put(field.name, field);
    }
    expected = new String[fields.length];
    for (FieldPlan field : fields) {
      expected[field.index] = byName.get(field.jsonName) == field ? field.jsonName : null;
    }
  }

  /** The full name of the type. */
  public String fullName() {
    return fullName;
  }

  /** The field of this name, as in the contract or in lowerCamel. */
  @Nullable FieldPlan field(String name) {
    return byName.get(name);
  }

  /**
   * The same.
   *
   * @param guess the place of the field that it probably is: the one after the last
   */
  @Nullable FieldPlan field(String name, int guess) {
    return guess < expected.length && name.equals(expected[guess])
        ? fields[guess]
        : byName.get(name);
  }

  @Nullable FieldPlan field(int number) {
    return number < dense.length ? dense[number] : number < DENSE_MAX ? null : sparse.get(number);
  }

  List<String> jsonNames() {
    List<String> names = new ArrayList<>(fields.length);
    for (FieldPlan field : fields) {
      names.add(field.jsonName);
    }
    return names;
  }

  /** The only field of a wrapper, and the first of every other type. */
  FieldPlan first() {
    return fields[0];
  }

  @Override
  public String toString() {
    return fullName;
  }
}
