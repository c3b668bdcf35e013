package ml.bine.contract;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.contract.AbstractContractRootDirectoryTest;
import org.apache.hadoop.fs.contract.AbstractFSContract;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Test;

class RootDirectoryTest extends AbstractContractRootDirectoryTest {
  @Override
  protected AbstractFSContract createContract(Configuration conf) {
    return new BineContract(conf);
  }

  @Test
  @Disabled("it writes into the root or empties it; everything lies below /Projects/<project>")
  @Override
  public void testMkDirDepth1() {}

  @Test
  @Disabled("it writes into the root or empties it; everything lies below /Projects/<project>")
  @Override
  public void testRmEmptyRootDirRecursive() {}

  @Test
  @Disabled("it writes into the root or empties it; everything lies below /Projects/<project>")
  @Override
  public void testRmEmptyRootDirNonRecursive() {}

  @Test
  @Disabled("it writes into the root or empties it; everything lies below /Projects/<project>")
  @Override
  public void testRmNonEmptyRootDirNonRecursive() {}

  @Test
  @Disabled("it writes into the root or empties it; everything lies below /Projects/<project>")
  @Override
  public void testRmRootRecursive() {}

  @Test
  @Disabled("it writes into the root or empties it; everything lies below /Projects/<project>")
  @Override
  public void testListEmptyRootDirectory() {}
}
