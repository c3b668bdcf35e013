package ml.bine.contract;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystemContractBaseTest;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Test;

/** The older contract, which HDFS holds its own WebHDFS to. */
class FileSystemContractTest extends FileSystemContractBaseTest {
  private final BineContract contract = new BineContract(new Configuration());

  @BeforeEach
  void connect() throws Exception {
    fs = contract.getTestFileSystem();
    fs.setWorkingDirectory(new Path(getDefaultWorkingDirectory()));
  }

  @Override
  protected Path getTestBaseDir() {
    return new Path(contract.getTestPath(), "older");
  }

  @Override
  protected String getDefaultWorkingDirectory() {
    return fs.makeQualified(contract.getTestPath()).toString();
  }

  @Test
  @Disabled("it writes into the root; everything lies below /Projects/<project>")
  @Override
  public void testLSRootDir() {}

  @Test
  @Disabled("it writes into the root; everything lies below /Projects/<project>")
  @Override
  public void testListStatusRootDir() {}
}
