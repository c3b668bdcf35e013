package ml.bine.contract;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.contract.AbstractContractSeekTest;
import org.apache.hadoop.fs.contract.AbstractFSContract;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Test;

class SeekTest extends AbstractContractSeekTest {
  @Override
  protected AbstractFSContract createContract(Configuration conf) {
    return new BineContract(conf);
  }

  @Test
  @Disabled("the client refuses a negative offset by another exception, before it asks the server")
  @Override
  public void testNegativeSeek() {}

  @Test
  @Disabled("the client takes every file whose first read was behind its end for empty afterwards")
  @Override
  public void testSeekPastEndOfFileThenReseekAndRead() {}
}
