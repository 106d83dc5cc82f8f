package weir.peers;

/** The measures of one subject in one window: count, failures, tokens, durations, engineers. */
final class Row {
    final int rollup;
    final byte[] key;
    /** Number of the minute since 1970. */
    final long minute;
    /** Came after its window was final: told at once, never part of a final row. */
    final boolean late;
    final long hash;

    private long count;
    private long failures;
    private long tokens;
    /** Billionths: sums are exact, whatever the order. */
    private long durationSum;
    private double durationMin = Double.POSITIVE_INFINITY;
    private double durationMax = Double.NEGATIVE_INFINITY;
    private final Bins bins = new Bins();
    private final Distinct engineers = new Distinct();

    Row(int rollup, byte[] key, long minute, boolean late, long hash) {
        this.rollup = rollup;
        this.key = key;
        this.minute = minute;
        this.late = late;
        this.hash = hash;
    }

    void add(Event e, int bin, long engineer) {
        count++;
        failures += e.success ? 0 : 1;
        tokens += e.tokens;
        durationSum += Math.round(e.duration * 1e9);
        durationMin = Math.min(durationMin, e.duration);
        durationMax = Math.max(durationMax, e.duration);
        bins.add(bin, 1);
        engineers.add(engineer);
    }

    /**
     * Writes it with its length before it. {@code peers.rs} of the benchmark reads the head of it, up
     * to the tokens.
     */
    void write(Block to) {
        int start = to.length();
        to.putInt(0);
        to.putByte(rollup);
        to.putByte(late ? 1 : 0);
        to.putLong(minute);
        to.putLong(count);
        to.putLong(failures);
        to.putLong(tokens);
        to.putShort(key.length);
        to.put(key, 0, key.length);
        to.putLong(durationSum);
        to.putLong(Double.doubleToRawLongBits(durationMin));
        to.putLong(Double.doubleToRawLongBits(durationMax));
        bins.write(to);
        engineers.write(to);
        to.setInt(start, to.length() - start - 4);
    }

    /** What stands at the head of a written row. */
    static final class Head {
        static final int KEY = 4 + 1 + 1 + 4 * 8 + 2;
        int length;
        int rollup;
        boolean late;
        long minute;
        int keyAt;
        int keyLength;

        void read(byte[] from, int at) {
            length = 4 + (int) Bytes.INT.get(from, at);
            rollup = from[at + 4];
            late = from[at + 5] != 0;
            minute = (long) Bytes.LONG.get(from, at + 6);
            keyLength = (short) Bytes.SHORT.get(from, at + KEY - 2);
            keyAt = at + KEY;
        }
    }

    /** Adds a written row of the same subject and window. */
    void merge(byte[] from, int at, Head head) {
        count += (long) Bytes.LONG.get(from, at + 14);
        failures += (long) Bytes.LONG.get(from, at + 22);
        tokens += (long) Bytes.LONG.get(from, at + 30);
        int next = head.keyAt + head.keyLength;
        durationSum += (long) Bytes.LONG.get(from, next);
        durationMin = Math.min(durationMin, real(from, next + 8));
        durationMax = Math.max(durationMax, real(from, next + 16));
        engineers.merge(from, bins.merge(from, next + 24));
    }

    private static double real(byte[] from, int at) {
        return Double.longBitsToDouble((long) Bytes.LONG.get(from, at));
    }
}
