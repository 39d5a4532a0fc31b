package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.protobuf.Any;
import com.google.protobuf.BoolValue;
import com.google.protobuf.ByteString;
import com.google.protobuf.Duration;
import com.google.protobuf.Empty;
import com.google.protobuf.FieldMask;
import com.google.protobuf.Int64Value;
import com.google.protobuf.ListValue;
import com.google.protobuf.NullValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.weft.edge.notes.GetNoteResponse;
import dev.weft.edge.notes.Note;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the document says of messages. */
class ApiSchemasTest {
  private static final ServiceSchema NOTES = Contracts.notes();
  private static final Described DOCUMENT = Described.of(Contracts.table(NOTES));
  private static final JsonNode NOTE = DOCUMENT.schema("notes.v1.Note");

  @Test
  void fitsWhatTheEdgePrintsOfEveryKindOfField() {
    Value text = Value.newBuilder().setStringValue("x").build();
    Note small = Note.newBuilder().setText("abc").setCode("AB").setMail("a@b.example").build();
    Note note =
        small.toBuilder()
            .setNoteId("n1")
            .setOddCode("odd")
            .setStars(5)
            .setSeen(-1)
            .setSize(Long.MAX_VALUE)
            .setHash(-1)
            .setWarmth(Float.NEGATIVE_INFINITY)
            .setWeight(Double.NaN)
            .setOpen(true)
            .setImage(ByteString.copyFrom(new byte[] {-1, 0}))
            .setMood(Note.Mood.MOOD_GOOD)
            .addTags("aa")
            .putReplies(-3, small)
            .putCounts("c", Long.MIN_VALUE)
            .setDueWithin(Duration.newBuilder().setSeconds(-1).setNanos(-5000))
            .setMask(FieldMask.newBuilder().addPaths("note_id"))
            .setExtra(Struct.newBuilder().putFields("k", text))
            .setAnything(Value.newBuilder().setNullValue(NullValue.NULL_VALUE))
            .setList(ListValue.newBuilder().addValues(text))
            .setDetail(Any.pack(BoolValue.of(true)))
            .setMaybeLong(Int64Value.of(7))
            .setMaybe(BoolValue.of(false))
            .setNothing(Empty.getDefaultInstance())
            .setComment("")
            .setField(Note.getDescriptor().findFieldByName("parent"), small)
            .build();
    Transcoder transcoder = Contracts.transcoder(NOTES, "GET", "/notes/{note_id}");
    byte[] reply = GetNoteResponse.newBuilder().setNote(note).build().toByteArray();
    String json = new String(transcoder.response(reply, Optional.empty()), StandardCharsets.UTF_8);

    assertThat(DOCUMENT.wrong(NOTE, Described.node(json))).as(json).isEmpty();
    assertThat(Described.node(json).size())
        .as("every field but one of the oneof is printed")
        .isEqualTo(Note.getDescriptor().getFields().size() - 1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{}",
        "{'text':'ab'}",
        "{'text':'abcde'}",
        "{'text':'abc','code':'abc'}",
        "{'text':'abc','stars':6}",
        "{'text':'abc','stars':-1}",
        "{'text':'abc','stars':'1'}",
        "{'text':'abc','seen':4294967296}",
        "{'text':'abc','size':5}",
        "{'text':'abc','hash':'-5'}",
        "{'text':'abc','weight':0.6}",
        "{'text':'abc','mood':'MOOD_BAD'}",
        "{'text':'abc','mood':'GOOD'}",
        "{'text':'abc','tags':['a']}",
        "{'text':'abc','tags':['aa','aa']}",
        "{'text':'abc','tags':['aa','ab','ac','ad']}",
        "{'text':'abc','replies':{'x':{'text':'abc'}}}",
        "{'text':'abc','replies':{'1':{}}}",
        "{'text':'abc','dueTime':'2026-01-01T00:00:00Z','dueWithin':'1s'}",
        "{'text':'abc','dueWithin':'1'}",
        "{'text':'abc','nullValue':1}"
      })
  void sayWhatIsNotAsTheContractDemands(String json) {
    assertThat(DOCUMENT.wrong(NOTE, Described.node(json.replace('\'', '"')))).isNotEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "text     | {'type':'string','minLength':3,'maxLength':4}",
        "code     | {'type':'string','pattern':'^[A-Z]{2}$'}",
        "oddCode  | {'type':'string'}",
        "mail     | {'type':'string','format':'email'}",
        "otherId  | {'type':'string','format':'uuid'}",
        "noteId   | {'type':'string','readOnly':true}",
        "secret   | {'type':'string','writeOnly':true}",
        "image    | {'type':'string','contentEncoding':'base64'}",
        "dueTime  | {'type':'string','format':'date-time'}",
        "parent   | {'$ref':'#/components/schemas/notes.v1.Note','deprecated':true}",
        "mood     | {'$ref':'#/components/schemas/notes.v1.Note.Mood','not':{'enum':['MOOD_BAD']}}",
        "size     | {'type':'string','format':'int64','pattern':'^-?[0-9]+$','description':'More"
            + " than -5.'}"
      })
  void sayItInKeywords(String field, String schema) {
    assertThat(NOTE.path("properties").path(field))
        .isEqualTo(Described.node(schema.replace('\'', '"')));
  }
}
