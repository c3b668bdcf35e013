package ml.bine.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.CheckpointListener;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExternalizedCheckpointRetention;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.core.fs.FileStatus;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Checkpoints and savepoints of Flink on webhdfs://, and going on from them. */
class CheckpointTest {
  private static final int KEYS = 5;
  private static final long RECORDS = 5_000;
  private static final URI SERVER = URI.create(System.getenv("BINE_TEST_API"));

  /** What the job has seen: outside of it, since all of it runs in this process. */
  private static final ConcurrentHashMap<Long, Long> COUNTED = new ConcurrentHashMap<>();

  private static final AtomicInteger COMPLETED = new AtomicInteger();
  private static final AtomicInteger FAILURES = new AtomicInteger();
  private static final AtomicInteger STARTED_FROM = new AtomicInteger();

  private final String top =
      SERVER.getScheme().replace("http", "webhdfs").replace("webhdfss", "swebhdfs")
          + "://" + SERVER.getAuthority()
          + "/Projects/" + System.getenv("BINE_TEST_PROJECT") + "/Resources/flink/" + System.nanoTime();

  @BeforeEach
  void forget() throws Exception {
    COUNTED.clear();
    COMPLETED.set(0);
    FAILURES.set(0);
    STARTED_FROM.set(0);
    // Flink takes what begins with flink.hadoop. for Hadoop's own settings.
    FileSystem.initialize(settings(), null);
  }

  private Configuration settings() {
    Configuration c = new Configuration();
    String oauth = "flink.hadoop.dfs.webhdfs.oauth2.";
    c.setString(oauth + "enabled", "true");
    c.setString(oauth + "access.token.provider", "org.apache.hadoop.hdfs.web.oauth2.ConfCredentialBasedAccessTokenProvider");
    c.setString(oauth + "client.id", "flink");
    c.setString(oauth + "credential", System.getenv("BINE_API_KEY"));
    c.setString(oauth + "refresh.url", SERVER.resolve("/webhdfs/oauth2/token").toString());
    c.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
    c.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, top + "/checkpoints");
    c.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofMillis(200));
    c.set(CheckpointingOptions.FS_SMALL_FILE_THRESHOLD, MemorySize.ZERO); // every state is a file
    c.set(CheckpointingOptions.EXTERNALIZED_CHECKPOINT_RETENTION, ExternalizedCheckpointRetention.RETAIN_ON_CANCELLATION);
    c.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
    c.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY, Duration.ofMillis(100));
    c.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(32));
    c.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(32));
    c.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(32));
    return c;
  }

  /** Counts by key in checkpointed state. */
  static final class Count extends KeyedProcessFunction<Long, Long, Long> implements CheckpointListener {
    private final boolean fails;
    private transient ValueState<Long> count;

    Count(boolean fails) {
      this.fails = fails;
    }

    @Override
    public void open(OpenContext context) {
      count = getRuntimeContext().getState(new ValueStateDescriptor<>("count", Types.LONG));
    }

    @Override
    public void processElement(Long n, Context context, Collector<Long> out) throws Exception {
      if (fails && COMPLETED.get() >= 2 && FAILURES.getAndIncrement() == 0) {
        throw new IllegalStateException("the job fails once, after a checkpoint");
      }
      long had = count.value() == null ? 0 : count.value();
      if (had == 0) {
        STARTED_FROM.incrementAndGet();
      }
      count.update(had + 1);
      COUNTED.put(context.getCurrentKey(), had + 1);
      out.collect(n);
    }

    @Override
    public void notifyCheckpointComplete(long id) {
      COMPLETED.incrementAndGet();
    }
  }

  private StreamExecutionEnvironment job(Configuration settings, boolean fails) {
    StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(2, settings);
    DataGeneratorSource<Long> numbers =
        new DataGeneratorSource<>(n -> n, RECORDS, RateLimiterStrategy.perSecond(500), Types.LONG);
    env.fromSource(numbers, WatermarkStrategy.noWatermarks(), "numbers")
        .keyBy(n -> n % KEYS)
        .process(new Count(fails))
        .sinkTo(new DiscardingSink<>());
    return env;
  }

  private void assertEachOnce() {
    for (long key = 0; key < KEYS; key++) {
      assertEquals(RECORDS / KEYS, COUNTED.get(key), "records of key " + key);
    }
  }

  private static boolean has(String directory, String prefix) throws Exception {
    for (FileStatus s : new Path(directory).getFileSystem().listStatus(new Path(directory))) {
      if (s.getPath().getName().startsWith(prefix) || (s.isDir() && has(s.getPath().toString(), prefix))) {
        return true;
      }
    }
    return false;
  }

  @Test
  void aJobThatFailsGoesOnFromItsCheckpoint() throws Exception {
    job(settings(), true).execute();
    assertTrue(FAILURES.get() > 0, "the job was meant to fail once");
    assertTrue(COMPLETED.get() >= 2, "checkpoints that were completed: " + COMPLETED.get());
    assertEquals(KEYS, STARTED_FROM.get(), "keys that began from nothing");
    assertEachOnce();
  }

  @Test
  void aJobThatIsStoppedGoesOnFromItsSavepoint() throws Exception {
    JobClient first = job(settings(), false).executeAsync();
    while (COMPLETED.get() < 2 && first.getJobStatus().get() != JobStatus.FAILED) {
      TimeUnit.MILLISECONDS.sleep(50);
    }
    String savepoint = first.stopWithSavepoint(false, top + "/savepoints", SavepointFormatType.CANONICAL).get(60, TimeUnit.SECONDS);
    assertTrue(savepoint.startsWith(top), savepoint);
    assertTrue(has(savepoint, "_metadata"), "the savepoint has metadata");
    assertFalse(COUNTED.values().stream().allMatch(n -> n == RECORDS / KEYS), "the job was not stopped halfway");
    Configuration again = settings();
    again.set(StateRecoveryOptions.SAVEPOINT_PATH, savepoint);
    job(again, false).execute();
    assertEquals(KEYS, STARTED_FROM.get(), "keys that began from nothing");
    assertEachOnce();
  }
}
