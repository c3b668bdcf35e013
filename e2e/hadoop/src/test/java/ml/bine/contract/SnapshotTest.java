package ml.bine.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.OutputStream;
import java.util.Set;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.hdfs.protocol.SnapshotDiffReport;
import org.apache.hadoop.hdfs.protocol.SnapshotDiffReport.DiffReportEntry;
import org.apache.hadoop.hdfs.protocol.SnapshotStatus;
import org.apache.hadoop.hdfs.web.WebHdfsFileSystem;
import org.junit.jupiter.api.Test;

/** Snapshots as Hadoop's client makes, lists and compares them. */
class SnapshotTest {
  private static void write(WebHdfsFileSystem fs, Path at, String text) throws Exception {
    try (OutputStream out = fs.create(at, true)) {
      out.write(text.getBytes("UTF-8"));
    }
  }

  private static Set<String> told(SnapshotDiffReport report) {
    Set<String> all = new TreeSet<>();
    for (DiffReportEntry entry : report.getDiffList()) {
      all.add(entry.toString().replace('\t', ' '));
    }
    assertEquals(all.size(), report.getDiffList().size());
    return all;
  }

  @Test
  void snapshotsAreListedAndCompared() throws Exception {
    Configuration configuration = new Configuration();
    BineContract contract = new BineContract(configuration);
    contract.init();
    WebHdfsFileSystem fs = (WebHdfsFileSystem) contract.getTestFileSystem();
    Path dir = new Path(contract.getTestPath(), "snapshots");
    fs.mkdirs(new Path(dir, "d/deep"));
    fs.mkdirs(new Path(dir, "e"));
    write(fs, new Path(dir, "a"), "a");
    write(fs, new Path(dir, "b"), "b");
    write(fs, new Path(dir, "e/kept"), "k");
    fs.allowSnapshot(dir);
    fs.createSnapshot(dir, "one");
    fs.rename(new Path(dir, "a"), new Path(dir, "d/deep/moved"));
    fs.delete(new Path(dir, "b"), false);
    fs.rename(new Path(dir, "e"), new Path(dir, "f"));
    write(fs, new Path(dir, "f/new"), "n");
    write(fs, new Path(dir, "top"), "t");
    fs.createSnapshot(dir, "two");

    SnapshotStatus[] list = fs.getSnapshotListing(dir);
    assertEquals(2, list.length);
    assertEquals(dir.toUri().getPath() + "/.snapshot/one", list[0].getFullPath().toString());
    // Between two snapshots the client puts the report together from a listing, to now it asks for all of it.
    Set<String> between = told(fs.getSnapshotDiffReport(dir, "one", "two"));
    assertEquals(told(fs.getSnapshotDiffReport(dir, "one", "")), between);
    assertEquals(told(fs.getSnapshotDiffReport(dir, "two", "two")), Set.of());
    assertEquals(
        new TreeSet<>(Set.of("M .", "M ./d/deep", "R ./a -> ./d/deep/moved", "- ./b", "R ./e -> ./f", "M ./e", "+ ./f/new", "+ ./top")), between);
    for (String name : new String[] {"one", "two"}) {
      fs.deleteSnapshot(dir, name);
    }
    fs.disallowSnapshot(dir);
    fs.delete(dir, true);
  }
}
