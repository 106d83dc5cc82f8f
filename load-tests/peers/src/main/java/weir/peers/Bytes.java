package weir.peers;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Numbers in arrays of bytes, and hashes of parts of them. */
final class Bytes {
    static final VarHandle SHORT = handle(short[].class, ByteOrder.BIG_ENDIAN);
    static final VarHandle INT = handle(int[].class, ByteOrder.BIG_ENDIAN);
    static final VarHandle LONG = handle(long[].class, ByteOrder.BIG_ENDIAN);
    /** Avro writes doubles with the lowest byte first. */
    static final VarHandle DOUBLE = handle(double[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle WORD = handle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private Bytes() {}

    private static VarHandle handle(Class<?> of, ByteOrder order) {
        return MethodHandles.byteArrayViewVarHandle(of, order);
    }

    /** Spreads all bits over all bits. */
    static long mix(long v) {
        v = (v ^ v >>> 30) * 0xbf58476d1ce4e5b9L;
        v = (v ^ v >>> 27) * 0x94d049bb133111ebL;
        return v ^ v >>> 31;
    }

    /** A hash of a part of an array, eight bytes at a time. */
    static long hash(byte[] of, int start, int length, long seed) {
        long h = seed ^ length * 0x9e3779b97f4a7c15L;
        int at = start;
        for (int end = start + length - 7; at < end; at += 8) {
            h = (h ^ (long) WORD.get(of, at)) * 0x9fb21c651e98df25L;
            h ^= h >>> 32;
        }
        for (; at < start + length; at++) {
            h = (h ^ of[at] & 0xff) * 0x9fb21c651e98df25L;
        }
        return mix(h);
    }
}
