package weir.peers;

import java.time.Duration;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Stage 1: decodes events of one raw partition, drops repeated ones, adds them up by rollup, subject
 * and minute, and sends the sums at each commit: one record per partition of partials, instead of
 * five per event.
 */
final class Combine implements Processor<byte[], byte[], Integer, byte[]> {
    static final String SEEN = "seen";
    static final String HOOK = "combine-commit";
    static final long MINUTE = 60_000_000L;
    private static final long DISORDER = MINUTE;
    /** How far an event may be ahead of the log. */
    private static final long AHEAD = 5 * MINUTE;
    /** After so long without records, the clock says how far the partition is, as weir's ticks do. */
    private static final Duration IDLE = Duration.ofSeconds(5);

    private final int partials;
    private ProcessorContext<Integer, byte[]> context;
    private int source;

    private final Event event = new Event();
    private final Rows rows = new Rows();
    private final Seen seen = new Seen();
    /** Identities since the last commit, as the journal keeps them. */
    private final Block identities = new Block();
    private Journal journal;
    private final byte[] pair = new byte[1024];

    /** Microseconds. */
    private long logTime = Long.MIN_VALUE;
    private long watermark = Long.MIN_VALUE;
    /** Milliseconds of the clock; 0 before the first record and while idle. */
    private long lastRead;
    private boolean changed;

    Combine(int partials) {
        this.partials = partials;
    }

    @Override
    public void init(ProcessorContext<Integer, byte[]> c) {
        context = c;
        source = c.taskId().partition();
        KeyValueStore<Long, byte[]> store = c.getStateStore(SEEN);
        journal = new Journal(store, this::restore);
        BeforeCommit hook = c.getStateStore(HOOK);
        hook.call(c, this::flush);
        c.schedule(Duration.ofSeconds(1), PunctuationType.WALL_CLOCK_TIME, this::idle);
        clearIdentities();
    }

    /** A block: its last minute, log time, watermark, then identities with their minutes. */
    private void restore(byte[] block) {
        logTime = (long) Bytes.LONG.get(block, 8);
        watermark = (long) Bytes.LONG.get(block, 16);
        for (int at = 24; at < block.length; at += 20) {
            long high = (long) Bytes.LONG.get(block, at);
            long low = (long) Bytes.LONG.get(block, at + 8);
            seen.repeated(high, low, (int) Bytes.INT.get(block, at + 16));
        }
    }

    private void clearIdentities() {
        identities.clear();
        for (int i = 0; i < 3; i++) {
            identities.putLong(0);
        }
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        if (record.value() == null) {
            return; // a tick, which weir writes into its log
        }
        lastRead = context.currentSystemTimeMs();
        changed = true;
        logTime = Math.max(logTime, record.timestamp() * 1000);
        Event e = event;
        e.read(record.value());
        int now = (int) (logTime / MINUTE);
        identities.putLong(e.idHigh);
        identities.putLong(e.idLow);
        identities.putInt(now);
        if (seen.repeated(e.idHigh, e.idLow, now)) {
            return;
        }
        long time = Math.min(e.time, logTime + AHEAD);
        add(e, Math.floorDiv(time, MINUTE), time < watermark);
        watermark = Math.max(watermark, Math.min(e.time, logTime) - DISORDER);
    }

    private void add(Event e, long minute, boolean late) {
        int bin = Bins.of(e.duration);
        byte[] b = e.bytes;
        long engineer = Rows.hash(1, b, e.emailAt, e.emailLength);
        long capability = Rows.hash(0, b, e.capabilityAt, e.capabilityLength);
        long team = Rows.hash(2, b, e.teamAt, e.teamLength);
        rows.of(0, b, e.capabilityAt, e.capabilityLength, minute, late, capability)
                .add(e, bin, engineer);
        rows.of(1, b, e.emailAt, e.emailLength, minute, late, engineer).add(e, bin, engineer);
        rows.of(2, b, e.teamAt, e.teamLength, minute, late, team).add(e, bin, engineer);
        System.arraycopy(b, e.capabilityAt, pair, 0, e.capabilityLength);
        pair[e.capabilityLength] = 0;
        System.arraycopy(b, e.platformAt, pair, e.capabilityLength + 1, e.platformLength);
        int length = e.capabilityLength + 1 + e.platformLength;
        long both = Rows.hash(3, pair, 0, length);
        rows.of(3, pair, 0, length, minute, late, both).add(e, bin, engineer);
        long all = Rows.hash(4, b, 0, 0);
        rows.of(4, b, 0, 0, minute, late, all).add(e, bin, engineer);
    }

    private void idle(long nowMs) {
        if (lastRead == 0 || nowMs - lastRead < IDLE.toMillis()) {
            return;
        }
        lastRead = 0;
        watermark = Math.max(watermark, nowMs * 1000 - DISORDER);
        changed = true;
    }

    private void flush() {
        if (!changed) {
            return;
        }
        changed = false;
        byte[] notYet = Partials.head(source, Partials.NOT_YET);
        Chunks[] out = new Chunks[partials];
        for (int p = 0; p < partials; p++) {
            out[p] = new Chunks(p, notYet, this::send);
        }
        rows.drain(row -> out[(int) ((row.hash >>> 1) % partials)].add(row));
        byte[] last = Partials.head(source, watermark);
        for (Chunks chunks : out) {
            chunks.finish(last);
        }
        long minute = logTime / MINUTE;
        identities.setLong(0, minute);
        identities.setLong(8, logTime);
        identities.setLong(16, watermark);
        journal.add(identities.toBytes(), minute - Seen.MINUTES);
        clearIdentities();
    }

    private void send(int partition, byte[] value) {
        context.forward(new Record<>(partition, value, Math.max(0, logTime / 1000)));
    }
}
