package weir.peers;

import java.util.Arrays;

/**
 * How often each bin of a distribution was hit: a DDSketch of 35 bins per octave, as weir's. Few bins
 * are a list, many an array from the lowest to the highest.
 */
final class Bins {
    private static final int PER_OCTAVE = 35;
    private static final int OFFSET = 17_500;
    private static final double LOG2 = PER_OCTAVE / Math.log(2);
    private static final int FEW = 12;

    private short[] bins = new short[2];
    private int[] counts = new int[2];
    private int used;
    /** The lowest bin of the array; -1 while it is a list. */
    private int base = -1;

    /** The bin of a value that is not negative. */
    static int of(double x) {
        return x <= 0 ? 0 : (int) Math.floor(Math.log(x) * LOG2) + OFFSET;
    }

    void add(int bin, int n) {
        if (base >= 0) {
            addDense(bin, n);
            return;
        }
        for (int i = 0; i < used; i++) {
            if (bins[i] == bin) {
                counts[i] += n;
                return;
            }
        }
        if (used == FEW) {
            toDense();
            addDense(bin, n);
            return;
        }
        if (used == bins.length) {
            bins = Arrays.copyOf(bins, Math.min(FEW, 2 * used));
            counts = Arrays.copyOf(counts, Math.min(FEW, 2 * used));
        }
        bins[used] = (short) bin;
        counts[used++] = n;
    }

    private void toDense() {
        int low = Integer.MAX_VALUE;
        int high = 0;
        for (int i = 0; i < used; i++) {
            low = Math.min(low, bins[i]);
            high = Math.max(high, bins[i]);
        }
        int[] all = new int[high - low + 1];
        for (int i = 0; i < used; i++) {
            all[bins[i] - low] += counts[i];
        }
        base = low;
        counts = all;
        bins = null;
    }

    private void addDense(int bin, int n) {
        int i = bin - base;
        if (i < 0 || i >= counts.length) {
            int low = Math.min(base, bin);
            // Half as much again on the side that grows: values come in any order.
            int more = counts.length / 2;
            int low2 = i < 0 ? Math.max(0, low - more) : base;
            int high = i < 0 ? base + counts.length : bin + 1 + more;
            int[] all = new int[high - low2];
            System.arraycopy(counts, 0, all, base - low2, counts.length);
            base = low2;
            counts = all;
            i = bin - base;
        }
        counts[i] += n;
    }

    void write(Block to) {
        int place = to.length();
        to.putShort(0);
        int n = 0;
        int end = base < 0 ? used : counts.length;
        for (int i = 0; i < end; i++) {
            if (counts[i] != 0) {
                to.putShort(base < 0 ? bins[i] : base + i);
                to.putInt(counts[i]);
                n++;
            }
        }
        to.setShort(place, n);
    }

    /** Adds what was written; where it ends. */
    int merge(byte[] from, int at) {
        int n = (short) Bytes.SHORT.get(from, at) & 0xffff;
        at += 2;
        for (; n > 0; n--, at += 6) {
            add((short) Bytes.SHORT.get(from, at), (int) Bytes.INT.get(from, at + 2));
        }
        return at;
    }
}
