package weir.peers;

import java.util.Arrays;
import java.util.function.Consumer;
import java.util.function.Predicate;

/** Rows by rollup, subject, minute and lateness. Keys are looked up where they lie in a record. */
final class Rows {
    private Row[] table = new Row[1024];
    private int used;

    static long hash(int rollup, byte[] from, int start, int length) {
        return Bytes.hash(from, start, length, rollup);
    }

    /** The row of a subject, made where there is none; {@code hash} is that of the subject. */
    Row of(int rollup, byte[] from, int start, int length, long minute, boolean late, long hash) {
        int mask = table.length - 1;
        int i = place(hash, minute, late) & mask;
        for (Row row; (row = table[i]) != null; i = i + 1 & mask) {
            if (row.hash == hash
                    && row.minute == minute
                    && row.late == late
                    && row.rollup == rollup
                    && Arrays.equals(row.key, 0, row.key.length, from, start, start + length)) {
                return row;
            }
        }
        byte[] key = Arrays.copyOfRange(from, start, start + length);
        Row row = new Row(rollup, key, minute, late, hash);
        table[i] = row;
        if (++used * 2 > table.length) {
            rebuild(2 * table.length, r -> true);
        }
        return row;
    }

    private static int place(long hash, long minute, boolean late) {
        return (int) (hash ^ minute * 0x9e3779b97f4a7c15L >>> 20) + (late ? 1 : 0);
    }

    private void rebuild(int size, Predicate<Row> stays) {
        Row[] all = new Row[size];
        int mask = size - 1;
        used = 0;
        for (Row row : table) {
            if (row != null && stays.test(row)) {
                int i = place(row.hash, row.minute, row.late) & mask;
                while (all[i] != null) {
                    i = i + 1 & mask;
                }
                all[i] = row;
                used++;
            }
        }
        table = all;
    }

    /** Hands out all rows and forgets them. */
    void drain(Consumer<Row> to) {
        for (Row row : table) {
            if (row != null) {
                to.accept(row);
            }
        }
        Arrays.fill(table, null);
        used = 0;
    }

    /** Hands out the rows of earlier minutes and forgets them. */
    void drainBefore(long minute, Consumer<Row> to) {
        for (Row row : table) {
            if (row != null && row.minute < minute) {
                to.accept(row);
            }
        }
        rebuild(table.length, row -> row.minute >= minute);
    }
}
