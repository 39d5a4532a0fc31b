package dev.weft.user;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.protobuf.FieldMask;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.Rejection.FieldViolation;
import dev.weft.shop.user.v1.ListUsersRequest;
import dev.weft.shop.user.v1.Preferences;
import dev.weft.shop.user.v1.Profile;
import dev.weft.shop.user.v1.RegisterUserRequest;
import dev.weft.shop.user.v1.UpdateUserRequest;
import dev.weft.shop.user.v1.User;
import dev.weft.user.User.Field;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class UserMessagesTest {
  private static final User ADA =
      User.newBuilder()
          .setProfile(Profile.newBuilder().setFirstName("Ada"))
          .setPreferences(Preferences.newBuilder().setLanguage(Preferences.Language.LANGUAGE_DE))
          .build();

  @Test
  void anUpdateWithoutAMaskChangesWhatHoldsSomething() {
    assertThat(UserMessages.change(update(ADA)).fields())
        .containsExactlyInAnyOrder(Field.FIRST_NAME, Field.LANGUAGE);
    assertThat(UserMessages.change(update(User.getDefaultInstance())).fields()).isEmpty();
  }

  @Test
  void aMaskSaysWhatChanges() {
    assertThat(UserMessages.change(update(ADA, "profile")).fields())
        .containsExactlyInAnyOrder(Field.FIRST_NAME, Field.LAST_NAME);
    assertThat(
            UserMessages.change(update(ADA, "preferences.newsletter", "profile.last_name"))
                .fields())
        .containsExactlyInAnyOrder(Field.NEWSLETTER, Field.LAST_NAME);
    assertThat(UserMessages.change(update(ADA, "etag")).fields()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "*",
        "",
        "profile.",
        "profile.age",
        "profile.first_name.x",
        "password",
        "Profile",
        "preferences.language.x"
      })
  void aMaskNamesNothingElse(String path) {
    assertThatExceptionOfType(Rejection.Invalid.class)
        .isThrownBy(() -> UserMessages.change(update(ADA, "profile", path)))
        .satisfies(
            refusal ->
                assertThat(refusal.violations())
                    .extracting(FieldViolation::field)
                    .containsExactly("update_mask"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"roles", "state", "email", "user_id", "create_time"})
  void aFieldThatCannotBeChangedIsNamedItself(String path) {
    assertThatExceptionOfType(Rejection.Invalid.class)
        .isThrownBy(() -> UserMessages.change(update(ADA, "profile", path)))
        .satisfies(
            refusal ->
                assertThat(refusal.violations())
                    .extracting(FieldViolation::field)
                    .containsExactly("user." + path));
  }

  @ParameterizedTest
  @CsvSource({"' ', B, user.profile.first_name", "A, '\u2003 ', user.profile.last_name"})
  void aNameIsMoreThanBlanks(String first, String last, String field) {
    User blank =
        User.newBuilder()
            .setProfile(Profile.newBuilder().setFirstName(first).setLastName(last))
            .build();

    assertThatExceptionOfType(Rejection.Invalid.class)
        .isThrownBy(() -> UserMessages.change(update(blank)))
        .satisfies(
            refusal ->
                assertThat(refusal.violations())
                    .extracting(FieldViolation::field)
                    .containsExactly(field));
  }

  @Test
  void everyFieldThatIsWrongIsNamed() {
    assertThatExceptionOfType(Rejection.Invalid.class)
        .isThrownBy(
            () ->
                UserMessages.registration(
                    RegisterUserRequest.newBuilder()
                        .setEmail("nobody")
                        .setPassword("twelve\u0000bytes long")
                        .setProfile(
                            Profile.newBuilder().setFirstName("A\u0000").setLastName("\u001b[31mB"))
                        .build()))
        .satisfies(
            refusal -> {
              assertThat(refusal.violations())
                  .extracting(FieldViolation::field)
                  .containsExactly("email", "password", "profile.first_name", "profile.last_name");
              assertThat(refusal.getMessage()).doesNotContain("nobody").doesNotContain("twelve");
            });
  }

  @Test
  void aPageHasASizeWithinBounds() {
    assertThat(UserMessages.page(ListUsersRequest.getDefaultInstance()).size()).isEqualTo(50);
    assertThat(UserMessages.page(ListUsersRequest.newBuilder().setPageSize(7).build()).size())
        .isEqualTo(7);
    assertThat(
            UserMessages.page(ListUsersRequest.newBuilder().setPageSize(Integer.MAX_VALUE).build())
                .size())
        .isEqualTo(200);
  }

  @Test
  void aPageLeadsToTheNextOfTheSameList() {
    ListUsersRequest request =
        ListUsersRequest.newBuilder().setPageSize(2).setState(User.State.STATE_ACTIVE).build();
    List<dev.weft.user.User> three = IntStream.range(0, 3).mapToObj(_ -> person()).toList();

    var response = UserMessages.users(three, UserMessages.page(request));
    assertThat(response.getUsersList()).hasSize(2);
    assertThat(
            UserMessages.page(request.toBuilder().setPageToken(response.getNextPageToken()).build())
                .before())
        .contains(three.get(1).id());

    assertThatExceptionOfType(Rejection.Invalid.class)
        .isThrownBy(
            () ->
                UserMessages.page(
                    ListUsersRequest.newBuilder()
                        .setPageToken(response.getNextPageToken())
                        .build()));
    assertThat(UserMessages.users(three.subList(0, 2), UserMessages.page(request)))
        .satisfies(last -> assertThat(last.getNextPageToken()).isEmpty());
  }

  @Test
  void deletedAccountsAreNoFilter() {
    assertThatExceptionOfType(Rejection.Invalid.class)
        .isThrownBy(
            () ->
                UserMessages.page(
                    ListUsersRequest.newBuilder().setState(User.State.STATE_DELETED).build()));
  }

  private static dev.weft.user.User person() {
    return new dev.weft.user.User(
        UUID.randomUUID(),
        "ada@weft.example",
        dev.weft.user.User.State.ACTIVE,
        Set.of(dev.weft.user.User.Role.CUSTOMER),
        dev.weft.user.User.Profile.UNKNOWN,
        dev.weft.user.User.Preferences.DEFAULT,
        Instant.EPOCH,
        Instant.EPOCH,
        1);
  }

  private static UpdateUserRequest update(User user, String... paths) {
    UpdateUserRequest.Builder request = UpdateUserRequest.newBuilder().setUser(user);
    if (paths.length > 0) {
      request.setUpdateMask(FieldMask.newBuilder().addAllPaths(List.of(paths)));
    }
    return request.build();
  }
}
