package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.consul.FakeAgent.Reply;
import dev.weft.consul.FakeAgent.Request;
import dev.weft.consul.Intention.Action;
import dev.weft.consul.Intention.HeaderMatch;
import dev.weft.consul.Intention.PathMatch;
import dev.weft.consul.Intention.Permission;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Intentions as old and new agents tell them. */
class IntentionsTest {
  private static final String MATCH = "/v1/connect/intentions/match";
  private static final String LIST = "/v1/connect/intentions";
  private static final String CHECK = "/v1/connect/intentions/check";
  private static final String SELF = "/v1/agent/self";

  private final FakeAgent agent = FakeAgent.start();
  private final Consul consul = Consul.connect(agent.config());

  @AfterEach
  void stop() {
    consul.close();
    agent.close();
  }

  private static String matched(String... intentions) {
    return "{\"shop\":[" + String.join(",", intentions) + "]}";
  }

  private static String rule(String source, String rest) {
    return """
    {"SourceNS":"default","SourceName":"%s","DestinationNS":"default","DestinationName":"shop",
     "SourceType":"consul","Precedence":9,%s}
    """
        .formatted(source, rest);
  }

  private static String permissions(String permissions) {
    return rule("web", "\"Permissions\":[" + permissions + "]");
  }

  /** An answer with an intention about some calls, and one that nobody here understands. */
  static String everything() {
    return matched(
        permissions(
            """
            {"Action":"allow","HTTP":{"PathPrefix":"/shop.","Methods":["POST"],
             "Header":[{"Name":"x-tenant","Exact":"a","Invert":true}]}}
            """),
        rule("*", "\"Action\":\"allow\",\"JWT\":{\"Providers\":[{}]}"));
  }

  private void defaultIs(boolean allowed) {
    agent.answer(CHECK, _ -> Reply.ok("{\"Allowed\":" + allowed + "}"));
  }

  private Intention only(String intention) {
    agent.answer(MATCH, _ -> Reply.indexed(3, matched(intention)));
    return consul.intentions().match("shop").intentions().getFirst();
  }

  @Test
  void followsTheMatchesOfAnAgentThatSaysTheirIndex() {
    Seen<IntentionMatch> seen = new Seen<>();
    defaultIs(true);
    agent.reply(MATCH, Reply.indexed(3, "{\"shop\":null}"));
    consul.intentions().watch("shop", seen);
    IntentionMatch none = seen.await(now -> true);
    assertThat(none).isEqualTo(new IntentionMatch("shop", List.of(), Action.ALLOW, false));
    agent.reply(MATCH, Reply.indexed(5, matched(rule("web", "\"Action\":\"deny\""))));
    IntentionMatch denied = seen.await(now -> now.intentions().size() == 1);
    assertThat(denied.deciding("default", "web").orElseThrow().action()).isEqualTo(Action.DENY);
    assertThat(denied.deciding("default", "other")).isEmpty();
    Request second = agent.request(MATCH, 2);
    assertThat(second.index()).isEqualTo("3");
    assertThat(second.query()).contains("by=destination", "name=shop", "wait=");
    assertThat(agent.requests(LIST)).isEmpty();
  }

  @Test
  void followsTheListWhereMatchesHaveNoIndex() {
    Seen<IntentionMatch> seen = new Seen<>();
    defaultIs(false);
    agent.answer(MATCH, _ -> Reply.ok(matched(rule("web", "\"Action\":\"allow\""))));
    agent.reply(LIST, Reply.indexed(3, "[]"));
    consul.intentions().watch("shop", seen);
    assertThat(seen.await(now -> true).defaultAction()).isEqualTo(Action.DENY);
    agent.request(LIST, 2);
    int before = agent.requests(MATCH).size();
    agent.answer(MATCH, _ -> Reply.ok(matched(rule("web", "\"Action\":\"deny\""))));
    agent.reply(LIST, Reply.indexed(4, "[]"));
    seen.await(now -> now.intentions().getFirst().action() == Action.DENY);
    assertThat(agent.requests(LIST).get(1).index()).isEqualTo("3");
    assertThat(agent.requests(LIST).get(1).query()).contains("filter=DestinationName");
    assertThat(agent.requests(MATCH)).as("read once for one change").hasSize(before + 1);
    assertThat(agent.requests(MATCH)).last().extracting(Request::index).isEqualTo("");
  }

  @Test
  void turnsStaleWhileTheAgentIsAwayAndBelievesItsNextAnswerWhole() {
    Seen<IntentionMatch> seen = new Seen<>();
    defaultIs(true);
    agent.reply(MATCH, Reply.indexed(3, matched(rule("web", "\"Action\":\"allow\""))));
    consul.intentions().watch("shop", seen);
    seen.await(now -> now.intentions().size() == 1);
    agent.reply(MATCH, Reply.status(500, "No cluster leader"));
    seen.await(IntentionMatch::stale);
    assertThat(seen.last().intentions()).hasSize(1);
    agent.reply(MATCH, Reply.indexed(3, matched()));
    seen.await(now -> !now.stale());
    assertThat(seen.last().intentions()).isEmpty();
  }

  @Test
  void readsPermissions() {
    defaultIs(false);
    Intention intention =
        only(
            permissions(
                """
                {"Action":"deny","HTTP":{"PathExact":"/shop.Shop/Drop"}},
                {"Action":"allow","HTTP":{"PathPrefix":"/shop.Shop/","Methods":["post"],
                 "Header":[{"Name":"x-tenant","Regex":"a|b","Invert":true},
                           {"Name":"x-debug","Present":true},
                           {"Name":"x-v","Exact":"1","Present":false,"Prefix":""},
                           {"Name":"x-retry","Exact":"0"},
                           {"Name":"x-canary","Exact":"false","Invert":true}]}},
                {"Action":"allow","HTTP":{"PathRegex":"/x/.*","Header":null}},
                {"Action":"allow","HTTP":{"Methods":["GET"]}}
                """));
    assertThat(intention.understood()).isTrue();
    assertThat(intention.permissions())
        .containsExactly(
            new Permission(
                Action.DENY,
                new PathMatch(PathMatch.Kind.EXACT, "/shop.Shop/Drop"),
                List.of(),
                List.of(),
                true),
            new Permission(
                Action.ALLOW,
                new PathMatch(PathMatch.Kind.PREFIX, "/shop.Shop/"),
                List.of(
                    new HeaderMatch("x-tenant", HeaderMatch.Kind.REGEX, "a|b", false, true),
                    new HeaderMatch("x-debug", HeaderMatch.Kind.PRESENT, "", false, false),
                    new HeaderMatch("x-v", HeaderMatch.Kind.EXACT, "1", false, false),
                    new HeaderMatch("x-retry", HeaderMatch.Kind.EXACT, "0", false, false),
                    new HeaderMatch("x-canary", HeaderMatch.Kind.EXACT, "false", false, true)),
                List.of("POST"),
                true),
            new Permission(
                Action.ALLOW,
                new PathMatch(PathMatch.Kind.REGEX, "/x/.*"),
                List.of(),
                List.of(),
                true),
            new Permission(
                Action.ALLOW,
                new PathMatch(PathMatch.Kind.ANY, ""),
                List.of(),
                List.of("GET"),
                true));
  }

  @Test
  void doesNotUnderstandAPermissionWithAnythingNew() {
    defaultIs(true);
    for (String permission :
        List.of(
            """
            {"Action":"allow","HTTP":{"PathPrefix":"/"},
             "JWT":{"Providers":[{"Name":"okta",
                                  "VerifyClaims":[{"Path":["role"],"Value":"admin"}]}]}}
            """,
            "{\"Action\":\"allow\",\"HTTP\":{\"PathTemplate\":\"/{x}\"}}",
            "{\"Action\":\"allow\",\"HTTP\":{\"Query\":\"0\"}}",
            "{\"Action\":\"allow\",\"GRPC\":{\"Service\":\"x\"}}",
            "{\"Action\":\"allow\",\"HTTP\":{\"Header\":[{\"Name\":\"x\",\"Range\":\"1-2\"}]}}",
            "{\"Action\":\"allow\",\"HTTP\":{\"Header\":"
                + "[{\"Name\":\"x\",\"Exact\":\"1\",\"Regex\":\"2\"}]}}")) {
      assertThat(only(permissions(permission)).permissions())
          .as(permission)
          .singleElement()
          .extracting(Permission::understood)
          .isEqualTo(false);
    }
  }

  @Test
  void doesNotUnderstandAnIntentionThatAsksForMoreThanAName() {
    defaultIs(true);
    for (String more :
        List.of(
            "\"Action\":\"allow\",\"JWT\":{\"Providers\":[{\"Name\":\"okta\"}]}",
            "\"Action\":\"allow\",\"SourceSamenessGroup\":\"all\"")) {
      assertThat(only(rule("web", more)).understood()).as(more).isFalse();
    }
    assertThat(only(rule("web", "\"Action\":\"allow\",\"NewerField\":1")).understood()).isTrue();
    assertThat(only(rule("web", "\"Action\":\"audit\"")).action()).isEqualTo(Action.DENY);
  }

  @Test
  void appliesToNobodyHereWhereTheSourceIsOfAnotherCluster() {
    defaultIs(true);
    Intention peer = only(rule("web", "\"Action\":\"deny\",\"SourcePeer\":\"east\""));
    assertThat(peer.appliesTo("default", "web")).isFalse();
    agent.answer(SELF, _ -> self("\"ACLsEnabled\":false"));
    Intention all = only(rule("*", "\"Action\":\"deny\""));
    assertThat(all.appliesTo("default", "web")).isTrue();
    assertThat(all.appliesTo("other", "web")).isFalse();
  }

  @Test
  void takesTheDefaultFromTheConfigurationWhereAnIntentionAboutEverybodyHidesIt() {
    defaultIs(true); // what the intention says of a stranger, not the default
    agent.answer(MATCH, _ -> Reply.indexed(3, matched(rule("*", "\"Action\":\"allow\""))));
    agent.answer(SELF, _ -> self("\"ACLsEnabled\":true,\"ACLDefaultPolicy\":\"deny\""));
    assertThat(consul.intentions().match("shop").defaultAction()).isEqualTo(Action.DENY);
    agent.answer(SELF, _ -> self("\"ACLsEnabled\":true,\"ACLDefaultPolicy\":\"allow\""));
    assertThat(consul.intentions().match("shop").defaultAction()).isEqualTo(Action.ALLOW);
    agent.answer(SELF, _ -> self("\"ACLsEnabled\":false,\"ACLDefaultPolicy\":\"deny\""));
    assertThat(consul.intentions().match("shop").defaultAction()).isEqualTo(Action.ALLOW);
    agent.answer(SELF, _ -> self("\"ACLsEnabled\":false,\"DefaultIntentionPolicy\":\"deny\""));
    assertThat(consul.intentions().match("shop").defaultAction()).isEqualTo(Action.DENY);
    agent.answer(SELF, _ -> Reply.status(403, "Permission denied"));
    assertThat(consul.intentions().match("shop").defaultAction()).isEqualTo(Action.DENY);
  }

  /** As of an agent of 1.9 or newer, which says its policy of ACLs with every answer. */
  private static Reply matchedBy(String aclPolicy, String... intentions) {
    return Reply.indexed(3, matched(intentions)).with("X-Consul-Default-ACL-Policy", aclPolicy);
  }

  private Action defaultAction() {
    return consul.intentions().match("shop").defaultAction();
  }

  @ParameterizedTest
  @CsvSource({
    "true, allow, '', ALLOW",
    "true, deny, '', DENY",
    "true, deny, allow, ALLOW",
    "true, allow, deny, DENY",
    "false, allow, '', ALLOW",
    "false, deny, '', ALLOW", // without ACLs it means nothing
    "false, allow, deny, DENY",
  })
  void takesTheDefaultOfANewerAgentFromItsConfiguration(
      boolean acls, String aclPolicy, String intentionPolicy, Action expected) {
    // Up to 2026 the check knows nothing of a policy for intentions (hashicorp/consul#23868).
    defaultIs(expected == Action.DENY);
    agent.answer(SELF, _ -> Reply.ok(Bodies.newerSelf(acls, aclPolicy, intentionPolicy)));
    agent.answer(MATCH, _ -> matchedBy(aclPolicy, rule("*", "\"Action\":\"allow\"")));
    assertThat(defaultAction()).as("behind an intention about everybody").isEqualTo(expected);
    agent.answer(MATCH, _ -> matchedBy(aclPolicy, rule("web", "\"Action\":\"allow\"")));
    assertThat(defaultAction()).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({"allow, ALLOW", "deny, DENY", "other, DENY"})
  void takesTheDefaultOfANewerAgentFromItsAnswersWithoutARightToItsConfiguration(
      String aclPolicy, Action expected) {
    agent.answer(SELF, _ -> Reply.status(403, "Permission denied"));
    agent.answer(MATCH, _ -> matchedBy(aclPolicy, rule("*", "\"Action\":\"allow\"")));
    assertThat(defaultAction()).isEqualTo(expected);
    assertThat(agent.requests(CHECK)).isEmpty();
    agent.answer(MATCH, _ -> matchedBy(aclPolicy, rule("web", "\"Action\":\"allow\"")));
    defaultIs(true);
    assertThat(defaultAction()).isEqualTo(Action.ALLOW);
    defaultIs(false);
    assertThat(defaultAction()).isEqualTo(Action.DENY);
  }

  @Test
  void keepsTheDefaultWhileTheAgentCannotSayIt() {
    Seen<IntentionMatch> seen = new Seen<>();
    agent.answer(SELF, _ -> Reply.ok(Bodies.newerSelf(true, "allow", "")));
    agent.reply(MATCH, matchedBy("allow", rule("*", "\"Action\":\"allow\"")));
    consul.intentions().watch("shop", seen);
    seen.await(_ -> true);
    agent.answer(SELF, _ -> Reply.status(500, "No cluster leader"));
    agent.reply(MATCH, matchedBy("allow", rule("*", "\"Action\":\"deny\"")));
    seen.await(IntentionMatch::stale);
    assertThat(seen.last().defaultAction()).isEqualTo(Action.ALLOW);
    assertThat(seen.last().intentions().getFirst().action()).isEqualTo(Action.ALLOW);
  }

  private static Reply self(String config) {
    return Reply.ok("{\"Config\":{},\"DebugConfig\":{" + config + "}}");
  }
}
