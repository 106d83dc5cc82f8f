package weir.peers;

/**
 * Identities of a partition read in the last ten minutes of log time. An open hash table; what is
 * older goes when it is full.
 */
final class Seen {
    /** Minutes that an identity is kept after it was read last. */
    static final int MINUTES = 10;

    private long[] high = new long[1 << 12];
    private long[] low = new long[1 << 12];
    /** Minute that an identity was read last in; 0 is a free place. */
    private int[] minutes = new int[1 << 12];
    private int used;

    /** Remembers an identity; whether it was read before. */
    boolean repeated(long h, long l, int minute) {
        int mask = minutes.length - 1;
        int i = place(h, l) & mask;
        while (minutes[i] != 0) {
            if (low[i] == l && high[i] == h) {
                boolean again = minutes[i] >= minute - MINUTES;
                minutes[i] = Math.max(minutes[i], minute);
                return again;
            }
            i = i + 1 & mask;
        }
        high[i] = h;
        low[i] = l;
        minutes[i] = minute;
        if (++used * 3 > minutes.length * 2) {
            rebuild(minute);
        }
        return false;
    }

    private static int place(long h, long l) {
        return (int) (Bytes.mix(h ^ l * 0x9e3779b97f4a7c15L) >>> 16);
    }

    private void rebuild(int now) {
        int live = 0;
        for (int m : minutes) {
            live += m >= now - MINUTES && m != 0 ? 1 : 0;
        }
        int size = minutes.length;
        while (live * 3 > size) {
            size *= 2;
        }
        long[] h = high;
        long[] l = low;
        int[] m = minutes;
        high = new long[size];
        low = new long[size];
        minutes = new int[size];
        used = live;
        int mask = size - 1;
        for (int k = 0; k < m.length; k++) {
            if (m[k] != 0 && m[k] >= now - MINUTES) {
                int i = place(h[k], l[k]) & mask;
                while (minutes[i] != 0) {
                    i = i + 1 & mask;
                }
                high[i] = h[k];
                low[i] = l[k];
                minutes[i] = m[k];
            }
        }
    }
}
