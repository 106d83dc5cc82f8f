package weir.peers;

import java.util.Arrays;

/**
 * A count of distinct texts: the 2,048 smallest hashes, as weir keeps them. Few are a list; more a
 * hash set that is cut to the smallest when it holds twice as many.
 */
final class Distinct {
    static final int KEPT = 2048;
    private static final int FEW = 8;

    /** Positive; 0 is a free place. */
    private long[] hashes = new long[1];
    private int used;
    private boolean set;
    /** Hashes from here on are not among the smallest. */
    private long limit = Long.MAX_VALUE;

    /** Adds a hash; its sign is not used. */
    void add(long hash) {
        long h = Math.max(1, hash & Long.MAX_VALUE);
        if (h >= limit) {
            return;
        }
        if (set) {
            addToSet(h);
            return;
        }
        for (int i = 0; i < used; i++) {
            if (hashes[i] == h) {
                return;
            }
        }
        if (used == FEW) {
            rebuild(4 * FEW, hashes, used);
            addToSet(h);
            return;
        }
        if (used == hashes.length) {
            hashes = Arrays.copyOf(hashes, 2 * used);
        }
        hashes[used++] = h;
    }

    private void addToSet(long h) {
        int mask = hashes.length - 1;
        int i = (int) h & mask;
        while (hashes[i] != 0) {
            if (hashes[i] == h) {
                return;
            }
            i = i + 1 & mask;
        }
        hashes[i] = h;
        if (++used * 2 > hashes.length) {
            if (used > 2 * KEPT) {
                cut();
            } else {
                rebuild(2 * hashes.length, hashes, hashes.length);
            }
        }
    }

    private void rebuild(int size, long[] from, int end) {
        long[] all = new long[size];
        int mask = size - 1;
        int n = 0;
        for (int k = 0; k < end; k++) {
            long h = from[k];
            if (h == 0) {
                continue;
            }
            int i = (int) h & mask;
            while (all[i] != 0) {
                i = i + 1 & mask;
            }
            all[i] = h;
            n++;
        }
        hashes = all;
        used = n;
        set = true;
    }

    private void cut() {
        long[] smallest = smallest();
        limit = smallest[KEPT - 1] + 1;
        rebuild(hashes.length, smallest, KEPT);
    }

    private long[] smallest() {
        long[] all = new long[used];
        int n = 0;
        int end = set ? hashes.length : used;
        for (int i = 0; i < end; i++) {
            if (hashes[i] != 0) {
                all[n++] = hashes[i];
            }
        }
        Arrays.sort(all);
        return all;
    }

    void write(Block to) {
        int n = Math.min(used, KEPT);
        to.putShort(n);
        if (used <= KEPT) {
            int end = set ? hashes.length : used;
            for (int i = 0; i < end; i++) {
                if (hashes[i] != 0) {
                    to.putLong(hashes[i]);
                }
            }
            return;
        }
        long[] all = smallest();
        for (int i = 0; i < n; i++) {
            to.putLong(all[i]);
        }
    }

    /** Adds what was written; where it ends. */
    int merge(byte[] from, int at) {
        int n = (short) Bytes.SHORT.get(from, at) & 0xffff;
        at += 2;
        for (; n > 0; n--, at += 8) {
            add((long) Bytes.LONG.get(from, at));
        }
        return at;
    }
}
