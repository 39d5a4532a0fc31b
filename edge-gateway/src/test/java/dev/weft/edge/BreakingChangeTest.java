package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.api.AnnotationsProto;
import com.google.api.FieldBehavior;
import com.google.api.FieldBehaviorProto;
import com.google.api.HttpRule;
import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Label;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.MethodDescriptorProto;
import dev.weft.edge.notes.NotesProto;
import dev.weft.options.v1.MethodPolicy;
import dev.weft.options.v1.OptionsProto;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class BreakingChangeTest {
  private static final String NOTE = "notes.v1.Note";
  private static final String GET = "notes.v1.Notes/GetNote";

  static Stream<Arguments> breaking() {
    return Stream.of(
        change(
            "an RPC that is gone",
            file -> file.getServiceBuilder(0).removeMethod(2),
            "notes.v1.Notes/LockNote is gone",
            "LOCK /notes/{note} is gone"),
        change(
            "an RPC that is for services only",
            file ->
                method(file, "LockNote")
                    .getOptionsBuilder()
                    .setExtension(
                        OptionsProto.method,
                        MethodPolicy.newBuilder()
                            .setAccess(MethodPolicy.Access.ACCESS_SERVICE)
                            .build()),
            "notes.v1.Notes/LockNote is gone",
            "LOCK /notes/{note} is gone"),
        change(
            "a stream that was none",
            file -> method(file, "LockNote").setServerStreaming(true),
            "notes.v1.Notes/LockNote: UNARY becomes SERVER_STREAMING"),
        change(
            "another path",
            file -> rule(file, "GetNote", rule -> rule.setGet("/v1/notes/{note_id}")),
            "GET /notes/{note_id} is gone"),
        change(
            "an additional path that is gone",
            file -> rule(file, "GetNote", HttpRule.Builder::clearAdditionalBindings),
            "GET /{parent=shelves/*/boxes/*}/notes/{note_id} is gone"),
        change(
            "another method of HTTP",
            file -> rule(file, "AddNote", rule -> rule.setPut("/notes")),
            "POST /notes is gone"),
        change(
            "another body",
            file -> rule(file, "AddNote", rule -> rule.setBody("note")),
            "POST /notes: body \"*\" becomes \"note\""),
        change(
            "another body of the answer",
            file -> rule(file, "AddNote", HttpRule.Builder::clearResponseBody),
            "POST /notes: response_body \"note\" becomes \"\""),
        change(
            "a path that leads to another RPC",
            file -> {
              rule(file, "GetNote", rule -> rule.setGet("/v1/notes/{note_id}"));
              rule(file, "LockNote", rule -> rule.setGet("/notes/{note}"));
            },
            "GET /notes/{note_id}: " + GET + " becomes notes.v1.Notes/LockNote",
            "GET /notes/{note_id}: response_body \"note\" becomes \"\"",
            "LOCK /notes/{note} is gone"),
        change("a field that is gone", file -> remove(file, "seen"), NOTE + ".seen is gone"),
        change(
            "a field of another name",
            file -> field(file, "seen").setName("looked_at").clearJsonName(),
            NOTE + ".seen is gone, 8 is looked_at now"),
        change(
            "a field of another number",
            file -> field(file, "seen").setNumber(99),
            NOTE + ".seen: number 8 becomes 99"),
        change(
            "a field of another name in JSON",
            file -> field(file, "seen").setJsonName("looked"),
            NOTE + ".seen: JSON name seen becomes looked"),
        change(
            "a field of another type",
            file -> field(file, "seen").setType(FieldDescriptorProto.Type.TYPE_STRING),
            NOTE + ".seen: type uint32 becomes string"),
        change(
            "a time that is another message",
            file -> field(file, "due_time").setTypeName(".google.protobuf.Duration"),
            NOTE + ".due_time: type google.protobuf.Timestamp becomes google.protobuf.Duration"),
        change(
            "a list that is none",
            file -> field(file, "tags").setLabel(Label.LABEL_OPTIONAL),
            NOTE + ".tags: a list becomes one value"),
        change(
            "a value that is a list",
            file -> field(file, "seen").setLabel(Label.LABEL_REPEATED),
            NOTE + ".seen: one value becomes a list"),
        change(
            "an enum's value that is gone",
            file -> note(file).getEnumTypeBuilder(0).removeValue(2),
            NOTE + ".Mood.MOOD_BAD is gone"),
        change(
            "an enum's value of another number",
            file -> note(file).getEnumTypeBuilder(0).getValueBuilder(2).setNumber(7),
            NOTE + ".Mood.MOOD_BAD: number 2 becomes 7"),
        change(
            "a field that requests must have now",
            file ->
                field(file, "code")
                    .getOptionsBuilder()
                    .addExtension(FieldBehaviorProto.fieldBehavior, FieldBehavior.REQUIRED),
            NOTE + ".code is required now"),
        change(
            "a new field that requests must have",
            file -> {
              FieldDescriptorProto.Builder more = added(file);
              more.getOptionsBuilder()
                  .addExtension(FieldBehaviorProto.fieldBehavior, FieldBehavior.REQUIRED);
            },
            NOTE + ".more is required now"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource
  void breaking(String what, Consumer<FileDescriptorProto.Builder> change, List<String> said) {
    Optional<BreakingChange> found = BreakingChange.between(schema(_ -> {}), schema(change));

    assertThat(found.orElseThrow().changes()).as(what).containsExactlyElementsOf(said);
    assertThat(found.get().from()).isEqualTo(schema(_ -> {}).fingerprint());
    assertThat(found.get().to()).isEqualTo(schema(change).fingerprint());
    assertThat(found.get().more()).isZero();
  }

  static Stream<Arguments> harmless() {
    return Stream.of(
        change("nothing", _ -> {}),
        change("a field more", BreakingChangeTest::added),
        change(
            "an RPC more",
            file -> {
              MethodDescriptorProto.Builder more = method(file, "LockNote").clone();
              more.setName("UnlockNote").getOptionsBuilder().clearExtension(AnnotationsProto.http);
              file.getServiceBuilder(0).addMethod(more);
            }),
        change(
            "a path more",
            file ->
                rule(
                    file,
                    "LockNote",
                    rule -> rule.addAdditionalBindings(HttpRule.newBuilder().setPost("/lock")))),
        change(
            "another name of a path's variable",
            file -> {
              message(file, "LockNoteRequest")
                  .addField(
                      FieldDescriptorProto.newBuilder()
                          .setName("other")
                          .setNumber(2)
                          .setType(FieldDescriptorProto.Type.TYPE_STRING)
                          .setLabel(Label.LABEL_OPTIONAL));
              rule(
                  file,
                  "LockNote",
                  rule -> {
                    rule.getCustomBuilder().setPath("/notes/{other}");
                    return rule;
                  });
            }),
        change(
            "who may call",
            file ->
                method(file, "GetNote")
                    .getOptionsBuilder()
                    .setExtension(
                        OptionsProto.method,
                        MethodPolicy.newBuilder()
                            .setAccess(MethodPolicy.Access.ACCESS_AUTHENTICATED)
                            .addRoles("reader")
                            .build())),
        change(
            "names of types",
            file -> {
              message(file, "LockNoteRequest").setName("Lock");
              field(file, "GetNoteRequest", "filter").setTypeName(".notes.v1.Sieve");
              field(file, "Filter", "inner").setTypeName(".notes.v1.Sieve");
              message(file, "Filter").setName("Sieve");
              method(file, "LockNote").setInputType(".notes.v1.Lock");
            }),
        change("what callers never see", file -> file.addMessageTypeBuilder().setName("Hidden")));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource
  void harmless(String what, Consumer<FileDescriptorProto.Builder> change) {
    assertThat(BreakingChange.between(schema(_ -> {}), schema(change))).as(what).isEmpty();
  }

  @Test
  void requiresOfAnAnswerWhatItLikes() {
    Consumer<FileDescriptorProto.Builder> change =
        file -> {
          FieldDescriptorProto.Builder more =
              message(file, "GetNoteResponse")
                  .addFieldBuilder()
                  .setName("more")
                  .setNumber(9)
                  .setType(FieldDescriptorProto.Type.TYPE_STRING)
                  .setLabel(Label.LABEL_OPTIONAL);
          more.getOptionsBuilder()
              .addExtension(FieldBehaviorProto.fieldBehavior, FieldBehavior.REQUIRED);
        };

    assertThat(BreakingChange.between(schema(_ -> {}), schema(change))).isEmpty();
  }

  @Test
  void countsWhatItDoesNotName() {
    Consumer<FileDescriptorProto.Builder> many =
        file -> {
          for (int i = 0; i < BreakingChange.CHANGES_MAX + 3; i++) {
            note(file)
                .addFieldBuilder()
                .setName("f" + i)
                .setNumber(1_000 + i)
                .setType(FieldDescriptorProto.Type.TYPE_STRING)
                .setLabel(Label.LABEL_OPTIONAL);
          }
        };

    BreakingChange found = BreakingChange.between(schema(many), schema(_ -> {})).orElseThrow();

    assertThat(found.changes()).hasSize(BreakingChange.CHANGES_MAX);
    assertThat(found.more()).isEqualTo(3);
  }

  private static Arguments change(
      String what, Consumer<FileDescriptorProto.Builder> change, String... said) {
    return Arguments.of(what, change, List.of(said));
  }

  static ServiceSchema schema(Consumer<FileDescriptorProto.Builder> change) {
    FileDescriptorProto.Builder file = NotesProto.getDescriptor().toProto().toBuilder();
    change.accept(file);
    return ServiceSchema.of(
        "notes", Contracts.changed(NotesProto.getDescriptor(), file.build()), new Access.Public());
  }

  private static MethodDescriptorProto.Builder method(
      FileDescriptorProto.Builder file, String name) {
    return file.getServiceBuilder(0).getMethodBuilderList().stream()
        .filter(method -> method.getName().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static void rule(
      FileDescriptorProto.Builder file, String method, UnaryOperator<HttpRule.Builder> change) {
    var options = method(file, method).getOptionsBuilder();
    HttpRule.Builder rule = options.getExtension(AnnotationsProto.http).toBuilder();
    options.setExtension(AnnotationsProto.http, change.apply(rule).build());
  }

  private static DescriptorProto.Builder message(FileDescriptorProto.Builder file, String name) {
    return file.getMessageTypeBuilderList().stream()
        .filter(message -> message.getName().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static DescriptorProto.Builder note(FileDescriptorProto.Builder file) {
    return message(file, "Note");
  }

  private static FieldDescriptorProto.Builder field(FileDescriptorProto.Builder file, String name) {
    return field(file, "Note", name);
  }

  private static FieldDescriptorProto.Builder field(
      FileDescriptorProto.Builder file, String message, String name) {
    return message(file, message).getFieldBuilderList().stream()
        .filter(field -> field.getName().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static void remove(FileDescriptorProto.Builder file, String name) {
    DescriptorProto.Builder note = note(file);
    for (int i = note.getFieldCount() - 1; i >= 0; i--) {
      if (note.getField(i).getName().equals(name)) {
        note.removeField(i);
      }
    }
  }

  private static FieldDescriptorProto.Builder added(FileDescriptorProto.Builder file) {
    return note(file)
        .addFieldBuilder()
        .setName("more")
        .setNumber(99)
        .setType(FieldDescriptorProto.Type.TYPE_STRING)
        .setLabel(Label.LABEL_OPTIONAL);
  }
}
