package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The page that shows the shop's API, in a browser: one logs in there and tries a call. {@code
 * WEFT_CHROMIUM} names the browser, if the PATH does not have it.
 */
@ExtendWith(SharedWeft.class)
final class DocsTest {
  private static final String SAID = "document.getElementById('said').textContent";

  private final Weft weft;

  DocsTest(Weft weft) {
    this.weft = weft;
  }

  @Test
  void whoLogsInThereTriesACallThatNeedsIt() {
    JsonNode account = weft.demo().path("customer");
    try (Browser page = Browser.open(chromium())) {
      page.goTo(weft.url("edge") + "/docs");
      page.type(input("email"), account.path("email").textValue());
      page.type(input("password"), "not the password of anybody");
      page.click("document.querySelector('#login button')");
      page.awaitTrue(SAID + ".length > 1");
      assertThat(page.value(SAID).textValue()).doesNotContain("logged in", "Error");
      assertThat(tried(page)).isEqualTo("401");

      page.type(input("password"), account.path("password").textValue());
      page.click("document.querySelector('#login button')");
      page.awaitTrue(SAID + ".startsWith('logged in')");
      assertThat(page.value(input("password") + ".value").textValue()).isEmpty();

      page.click(me() + ".querySelector('.execute')");
      page.awaitTrue(status() + " && " + status() + ".startsWith('200')");
      assertThat(page.value(me() + ".textContent").textValue())
          .contains(account.path("email").textValue());
    }
  }

  /** What a call of one's own account is answered that is made by the page's own buttons. */
  private static String tried(Browser page) {
    page.value(
        "void document.querySelectorAll('.opblock-tag-section:not(.is-open) .opblock-tag')"
            + ".forEach(tag => tag.click())");
    page.click(me() + "?.querySelector('.opblock-summary-control')");
    page.click(me() + ".querySelector('.try-out__btn')");
    page.click(me() + ".querySelector('.execute')");
    page.awaitTrue(status());
    return page.value(status()).textValue().strip().substring(0, 3);
  }

  private static String input(String name) {
    return "document.querySelector('#login:not([hidden]) input[name=" + name + "]')";
  }

  private static String me() {
    return "[...document.querySelectorAll('.opblock-get')].find(block =>"
        + " block.querySelector('[data-path=\"/v1/me\"]'))";
  }

  private static String status() {
    return me() + ".querySelector('.live-responses-table tbody .response-col_status')?.textContent";
  }

  private static Path chromium() {
    return Command.find("WEFT_CHROMIUM", "chromium")
        .orElseGet(
            () -> {
              String why = "no chromium: put it on the PATH or name it in WEFT_CHROMIUM";
              System.out.println("SKIPPED: " + why);
              return abort(why);
            });
  }
}
