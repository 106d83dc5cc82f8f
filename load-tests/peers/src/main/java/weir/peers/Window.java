package weir.peers;

import java.util.Arrays;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Stage 2: merges the partials of all raw partitions and writes each window once, when no partition
 * can add to it any more. What came too late for that is written at the next commit as rows of their
 * own: nothing is dropped.
 */
final class Window implements Processor<Integer, byte[], Integer, byte[]> {
    static final String OPEN = "open";
    static final String HOOK = "window-commit";
    private static final byte[] NO_HEAD = {};

    private final int results;
    private ProcessorContext<Integer, byte[]> context;
    private Journal journal;
    private final Rows open = new Rows();
    private final Rows late = new Rows();
    private final Row.Head head = new Row.Head();
    /** How far each raw partition is, microseconds. */
    private final long[] watermarks;
    /** Windows of earlier minutes are written. */
    private long finalMinute = Long.MIN_VALUE;
    private long time;
    private boolean changed;

    Window(int sources, int results) {
        this.results = results;
        watermarks = new long[sources];
        Arrays.fill(watermarks, Long.MIN_VALUE);
    }

    @Override
    public void init(ProcessorContext<Integer, byte[]> c) {
        context = c;
        KeyValueStore<Long, byte[]> store = c.getStateStore(OPEN);
        journal = new Journal(store, block -> fold(block, 8, false));
        finalMinute = complete();
        open.drainBefore(finalMinute, row -> {});
        BeforeCommit hook = c.getStateStore(HOOK);
        hook.call(c, this::flush);
    }

    @Override
    public void process(Record<Integer, byte[]> record) {
        changed = true;
        time = Math.max(time, record.timestamp());
        byte[] value = record.value();
        long last = fold(value, 0, true);
        Block block = new Block();
        block.putLong(last);
        block.put(value, 0, value.length);
        journal.add(block.toBytes(), finalMinute);
    }

    /** Adds a record of partials; the last minute that it says anything of. */
    private long fold(byte[] value, int start, boolean withLate) {
        int source = Partials.source(value, start);
        watermarks[source] = Math.max(watermarks[source], Partials.watermark(value, start));
        long last = Math.floorDiv(Partials.watermark(value, start), Combine.MINUTE);
        for (int at = start + Partials.HEAD; at < value.length; at += head.length) {
            head.read(value, at);
            if (head.late && !withLate) {
                continue;
            }
            long hash = Rows.hash(head.rollup, value, head.keyAt, head.keyLength);
            Rows to = head.late ? late : open;
            to.of(head.rollup, value, head.keyAt, head.keyLength, head.minute, head.late, hash)
                    .merge(value, at, head);
            if (!head.late) {
                last = Math.max(last, head.minute);
            }
        }
        return last;
    }

    /** The first minute that somebody may still add to. */
    private long complete() {
        long least = Long.MAX_VALUE;
        for (long w : watermarks) {
            least = Math.min(least, w);
        }
        return Math.floorDiv(least, Combine.MINUTE);
    }

    private void flush() {
        if (!changed) {
            return;
        }
        changed = false;
        Chunks out = new Chunks(context.taskId().partition() % results, NO_HEAD, this::send);
        long now = complete();
        if (now > finalMinute) {
            finalMinute = now;
            open.drainBefore(now, out::add);
        }
        late.drain(out::add);
        out.finish();
    }

    private void send(int partition, byte[] value) {
        context.forward(new Record<>(partition, value, time));
    }
}
