package ml.bine.contract;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.contract.AbstractContractVectoredReadTest;
import org.apache.hadoop.fs.contract.AbstractFSContract;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

@ParameterizedClass(name = "buffers {0}")
@MethodSource("params")
class VectoredReadTest extends AbstractContractVectoredReadTest {
  VectoredReadTest(String buffers) {
    super(buffers);
  }

  @Override
  protected AbstractFSContract createContract(Configuration conf) {
    return new BineContract(conf);
  }
}
