package ml.bine.contract;

import java.io.IOException;
import java.net.URI;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.contract.AbstractFSContract;

/**
 * A Bine server by Hadoop's own WebHDFS client, configured as docs/webhdfs.md says: no class of
 * ours is on the client's side. BINE_TEST_API is the server's address, BINE_API_KEY a key,
 * BINE_TEST_PROJECT a project of its user.
 */
final class BineContract extends AbstractFSContract {
  private final URI server = URI.create(environment("BINE_TEST_API"));

  BineContract(Configuration conf) {
    super(conf);
    addConfResource("contract/webhdfs.xml");
    conf.set("dfs.webhdfs.oauth2.refresh.url", server.resolve("/webhdfs/oauth2/token").toString());
  }

  private static String environment(String name) {
    String value = System.getenv(name);
    if (value == null || value.isEmpty()) {
      throw new IllegalStateException(name + " is not set");
    }
    return value;
  }

  @Override
  public FileSystem getTestFileSystem() throws IOException {
    return FileSystem.get(URI.create(getScheme() + "://" + server.getAuthority()), getConf());
  }

  @Override
  public String getScheme() {
    return server.getScheme().equals("https") ? "swebhdfs" : "webhdfs";
  }

  @Override
  public Path getTestPath() {
    return new Path("/Projects/" + environment("BINE_TEST_PROJECT") + "/Resources/contract");
  }
}
