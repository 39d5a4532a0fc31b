package dev.weft.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.weft.bench.v1.CatalogProto;
import dev.weft.transcoder.ReplyPlan;
import dev.weft.transcoder.RequestBytes;
import dev.weft.transcoder.RequestPlan;
import dev.weft.transcoder.Schema;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/**
 * What it costs to make wire bytes of JSON and JSON of wire bytes: with the transcoder, with
 * protobuf's own JsonFormat on messages whose classes were generated and on dynamic ones, and what
 * Jackson alone takes to read the same JSON and to read and write it. All begin and end with byte
 * arrays, as an edge does.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 1,
    jvmArgs = {"-Xmx512m", "-XX:+UseSerialGC", "--sun-misc-unsafe-memory-access=allow"})
@NullUnmarked // What JMH sets up before it measures.
public class Transcoding {
  private static final JsonFormat.Printer PRINTER =
      JsonFormat.printer().omittingInsignificantWhitespace().alwaysPrintFieldsWithNoPresence();
  private static final JsonFormat.Parser PARSER = JsonFormat.parser();
  private static final JsonFactory JACKSON = new JsonFactory();

  /** 0.3, 33 and 2 KB of JSON. */
  @Param({"item", "page", "order"})
  public String message;

  private Message generated;
  private byte[] wire;
  private byte[] json;
  private RequestPlan request;
  private ReplyPlan reply;

  /** Runs all of it, or what the arguments of JMH choose. */
  public static void main(String[] arguments) throws IOException {
    List<String> all = new ArrayList<>(List.of(arguments));
    if (all.isEmpty() || all.getFirst().startsWith("-")) {
      // Options alone would run what every program here measures.
      all.addFirst("Transcoding");
    }
    all.addAll(List.of("-prof", CpuTime.class.getName()));
    org.openjdk.jmh.Main.main(all.toArray(new String[0]));
  }

  @Setup
  public void prepare() throws IOException {
    generated =
        switch (message) {
          case "item" -> CatalogSamples.item(123);
          case "page" -> CatalogSamples.page(100);
          case "order" -> CatalogSamples.order(20);
          default -> throw new IllegalArgumentException(message);
        };
    wire = generated.toByteArray();
    Schema schema = Schema.of(List.of(CatalogProto.getDescriptor()));
    RequestPlan.Rule whole = new RequestPlan.Rule(List.of(), "*", false, false, false);
    request = RequestPlan.of(schema, generated.getDescriptorForType(), whole);
    reply = ReplyPlan.of(schema, generated.getDescriptorForType(), "");
    json = reply.json(wire);
    System.out.printf(
        "# %s: %d bytes on the wire, %d of JSON%n", message, wire.length, json.length);
    if (!generated.getParserForType().parseFrom(jsonToWire()).equals(generated)
        || !generated.getParserForType().parseFrom(jsonToWireByJsonFormat()).equals(generated)) {
      throw new IllegalStateException("the ways do not agree on " + message);
    }
  }

  @Benchmark
  public byte[] wireToJson() {
    return reply.json(wire);
  }

  @Benchmark
  public byte[] wireToJsonByJsonFormat() throws IOException {
    return PRINTER.print(generated.getParserForType().parseFrom(wire)).getBytes(UTF_8);
  }

  @Benchmark
  public byte[] wireToJsonByJsonFormatDynamic() throws IOException {
    Message read = DynamicMessage.parseFrom(generated.getDescriptorForType(), wire);
    return PRINTER.print(read).getBytes(UTF_8);
  }

  @Benchmark
  public byte[] jsonToWire() {
    RequestBytes bytes = request.body(json);
    return bytes.finish();
  }

  @Benchmark
  public byte[] jsonToWireByJsonFormat() throws IOException {
    return read(generated.newBuilderForType());
  }

  @Benchmark
  public byte[] jsonToWireByJsonFormatDynamic() throws IOException {
    return read(DynamicMessage.newBuilder(generated.getDescriptorForType()));
  }

  private byte[] read(Message.Builder into) throws IOException {
    PARSER.merge(new String(json, UTF_8), into);
    return into.build().toByteArray();
  }

  @Benchmark
  public void jacksonReads(Blackhole hole) throws IOException {
    try (JsonParser in = JACKSON.createParser(json)) {
      for (JsonToken token = in.nextToken(); token != null; token = in.nextToken()) {
        switch (token) {
          case FIELD_NAME -> hole.consume(in.currentName());
          case VALUE_STRING -> hole.consume(in.getTextLength());
          case VALUE_NUMBER_INT -> hole.consume(in.getLongValue());
          case VALUE_NUMBER_FLOAT -> hole.consume(in.getDoubleValue());
          default -> hole.consume(token);
        }
      }
    }
  }

  @Benchmark
  public byte[] jacksonReadsAndWrites() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(json.length);
    try (JsonParser in = JACKSON.createParser(json);
        JsonGenerator out = JACKSON.createGenerator(bytes)) {
      in.nextToken();
      out.copyCurrentStructure(in);
    }
    return bytes.toByteArray();
  }
}
