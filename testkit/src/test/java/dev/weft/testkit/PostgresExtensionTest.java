package dev.weft.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class PostgresExtensionTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final PostgresExtension other = new PostgresExtension();

  @Test
  void givesADatabaseThatIsMigrated() {
    assertThat(count(postgres, "SELECT count(*) FROM request_id")).isZero();
  }

  @Test
  void givesEachADatabaseOfItsOwn() {
    postgres.database().inTransactionVoid(tx -> tx.execute("CREATE TABLE mine (id int)"));
    String tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'mine'";
    assertThat(count(postgres, tables)).isOne();
    assertThat(count(other, tables)).isZero();
  }

  @Test
  void opensTheSameDatabaseTwice() {
    assertThat(postgres.anotherDatabase().healthy()).isTrue();
  }

  private static int count(PostgresExtension extension, String sql) {
    return extension.database().read(tx -> tx.createQuery(sql).mapTo(Integer.class).one());
  }
}
