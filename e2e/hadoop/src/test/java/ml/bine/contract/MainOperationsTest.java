package ml.bine.contract;

import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSMainOperationsBaseTest;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Test;

/** The main operations, as HDFS tests its own WebHDFS. */
class MainOperationsTest extends FSMainOperationsBaseTest {
  private static final BineContract CONTRACT = new BineContract(new Configuration());

  MainOperationsTest() {
    super(CONTRACT.getTestPath() + "/main");
  }

  @Override
  protected FileSystem createFileSystem() throws Exception {
    return CONTRACT.getTestFileSystem();
  }

  @Override
  protected Path getDefaultWorkingDirectory() throws IOException {
    return fSys.makeQualified(new Path("/user/" + System.getenv("BINE_TEST_USER")));
  }

  @Test
  @Disabled("Data Owners read what is in their project, whatever its mode")
  @Override
  public void testListStatusThrowsExceptionForUnreadableDir() {}

  @Test
  @Disabled("Data Owners read what is in their project, whatever its mode")
  @Override
  public void testGlobStatusThrowsExceptionForUnreadableDir() {}
}
