package org.apache.hadoop.hdfs.web;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Map;
import org.apache.hadoop.hdfs.protocol.LocatedBlocks;
import org.apache.hadoop.util.JsonSerialization;
import org.junit.jupiter.api.Test;

/** What clients before Hadoop 3.4 ask where blocks are, read as they read it. */
class LocatedBlocksTest {
  private final String files =
      System.getenv("BINE_TEST_API") + "/webhdfs/v1/Projects/" + System.getenv("BINE_TEST_PROJECT") + "/Resources/located";

  private String ask(String method, String query, String content) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(files + query))
            .header("Authorization", "Bearer " + System.getenv("BINE_API_KEY"))
            .header("Content-Type", "application/octet-stream")
            .method(method, HttpRequest.BodyPublishers.ofString(content))
            .build();
    HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    assertTrue(answer.statusCode() < 300, answer.statusCode() + " " + answer.body());
    return answer.body();
  }

  private LocatedBlocks located(String query) throws Exception {
    Map<?, ?> json = JsonSerialization.mapReader().readValue(ask("GET", "?op=GET_BLOCK_LOCATIONS" + query, ""));
    return JsonUtilClient.toLocatedBlocks(json);
  }

  @Test
  void blocksAreHere() throws Exception {
    ask("PUT", "?op=CREATE&overwrite=true&data=true", "0123456789");
    LocatedBlocks all = located("");
    assertEquals(10, all.getFileLength());
    assertTrue(all.isLastBlockComplete());
    assertEquals(1, all.locatedBlockCount());
    assertEquals(10, all.get(0).getBlockSize());
    assertEquals(URI.create(files).getHost(), all.get(0).getLocations()[0].getHostName());
    assertEquals(0, located("&offset=10").locatedBlockCount());
    ask("PUT", "?op=CREATE&overwrite=true&data=true", "");
    assertEquals(0, located("").locatedBlockCount());
  }
}
