package weir.peers;

import java.util.ArrayDeque;
import java.util.function.Consumer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * What a processor would have to read again after a restart: one block per commit in a key-value
 * store with a changelog, deleted when its last minute is over. It costs one record per commit where
 * a store of all keys would cost one per key.
 */
final class Journal {
    private record Entry(long number, long lastMinute) {}

    private final KeyValueStore<Long, byte[]> store;
    private final ArrayDeque<Entry> entries = new ArrayDeque<>();
    private long next;

    /** Opens it and hands out what it holds. A block begins with its last minute. */
    Journal(KeyValueStore<Long, byte[]> store, Consumer<byte[]> restored) {
        this.store = store;
        try (KeyValueIterator<Long, byte[]> all = store.all()) {
            while (all.hasNext()) {
                KeyValue<Long, byte[]> e = all.next();
                entries.add(new Entry(e.key, (long) Bytes.LONG.get(e.value, 0)));
                next = e.key + 1;
                restored.accept(e.value);
            }
        }
    }

    /** Adds a block and deletes the oldest whose last minutes are before {@code minute}. */
    void add(byte[] block, long minute) {
        entries.add(new Entry(next, (long) Bytes.LONG.get(block, 0)));
        store.put(next++, block);
        while (!entries.isEmpty() && entries.peek().lastMinute < minute) {
            store.delete(entries.poll().number);
        }
    }
}
