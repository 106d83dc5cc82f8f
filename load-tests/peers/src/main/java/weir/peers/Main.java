package weir.peers;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.IntegerDeserializer;
import org.apache.kafka.common.serialization.IntegerSerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** The benchmark's job on Kafka Streams, until SIGTERM. Options are pairs of a name and a value. */
public final class Main {
    private final Map<String, String> options = new HashMap<>();

    private Main(String[] arguments) {
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            options.put(arguments[i], arguments[i + 1]);
        }
    }

    private String option(String name) {
        String value = options.get(name);
        if (value == null) {
            throw new IllegalArgumentException(name + " is missing");
        }
        return value;
    }

    private int number(String name) {
        return Integer.parseInt(option(name));
    }

    /** Keys are the numbers of the partitions that records go to. */
    private static Optional<Set<Integer>> byKey(String topic, Integer key, byte[] value, int of) {
        return Optional.of(Set.of(key));
    }

    /** In memory: what is open is small and short-lived, and RocksDB would only add its own work. */
    private static StoreBuilder<KeyValueStore<Long, byte[]>> journal(String name) {
        Map<String, String> log = Map.of("max.message.bytes", "16000000");
        return Stores.keyValueStoreBuilder(
                        Stores.inMemoryKeyValueStore(name), Serdes.Long(), Serdes.ByteArray())
                .withCachingDisabled()
                .withLoggingEnabled(log);
    }

    private Topology topology() {
        int sources = number("--raw-partitions");
        int partials = number("--partials-partitions");
        int results = number("--results-partitions");
        StreamPartitioner<Integer, byte[]> partitioner = Main::byKey;
        Topology t = new Topology();
        ByteArrayDeserializer bytes = new ByteArrayDeserializer();
        IntegerSerializer key = new IntegerSerializer();
        ByteArraySerializer value = new ByteArraySerializer();
        t.addSource("raw", bytes, bytes, option("--raw"));
        t.addProcessor("combine", () -> new Combine(partials), "raw");
        t.addStateStore(journal(Combine.SEEN), "combine");
        t.addStateStore(BeforeCommit.builder(Combine.HOOK), "combine");
        t.addSink("partials", option("--partials"), key, value, partitioner, "combine");
        t.addSource("merged", new IntegerDeserializer(), bytes, option("--partials"));
        t.addProcessor("window", () -> new Window(sources, results), "merged");
        t.addStateStore(journal(Window.OPEN), "window");
        t.addStateStore(BeforeCommit.builder(Window.HOOK), "window");
        t.addSink("results", option("--results"), key, value, partitioner, "window");
        return t;
    }

    private Properties config() {
        Properties p = new Properties();
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, option("--group"));
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, option("--brokers"));
        p.put(StreamsConfig.STATE_DIR_CONFIG, option("--state"));
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, number("--threads"));
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, number("--commit-ms"));
        p.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        p.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        p.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
        p.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        p.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
        p.put(StreamsConfig.consumerPrefix(ConsumerConfig.FETCH_MIN_BYTES_CONFIG), 1);
        p.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        p.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 1_000_000);
        p.put(StreamsConfig.producerPrefix(ProducerConfig.MAX_REQUEST_SIZE_CONFIG), 16_000_000);
        p.put(StreamsConfig.producerPrefix(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG), 30_000);
        return p;
    }

    /** Starts the job and waits for the signal; an error ends the process with status 1. */
    public static void main(String[] arguments) throws InterruptedException {
        Main main = new Main(arguments);
        KafkaStreams streams = new KafkaStreams(main.topology(), main.config());
        CountDownLatch failed = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(
                e -> {
                    e.printStackTrace();
                    failed.countDown();
                    return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
                });
        Thread end =
                new Thread(
                        () -> {
                            streams.close();
                            // Java's own status after SIGTERM is that of a failure.
                            Runtime.getRuntime().halt(failed.getCount() == 0 ? 1 : 0);
                        });
        Runtime.getRuntime().addShutdownHook(end);
        streams.start();
        failed.await();
        System.exit(1);
    }
}
