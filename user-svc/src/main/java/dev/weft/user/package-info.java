/**
 * Accounts of people, their logins, and the tokens that tell every other process who they are.
 *
 * <p>Open {@link dev.weft.user.Wiring} first. {@code Users} keeps accounts, {@code Sessions} turns
 * passwords and refresh tokens into access tokens, {@code RevocationFeed} tells the mesh which of
 * those no longer count.
 */
@NullMarked
package dev.weft.user;

import org.jspecify.annotations.NullMarked;
