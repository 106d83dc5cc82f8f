package weir.peers;

import java.util.Arrays;

/** A growing array of bytes: what is written to topics is put together in one. Big-endian. */
final class Block {
    private byte[] bytes = new byte[256];
    private int length;

    int length() {
        return length;
    }

    void clear() {
        length = 0;
    }

    byte[] toBytes() {
        return Arrays.copyOf(bytes, length);
    }

    private int grow(int more) {
        int at = length;
        length += more;
        if (length > bytes.length) {
            bytes = Arrays.copyOf(bytes, Math.max(length, 2 * bytes.length));
        }
        return at;
    }

    void putByte(int v) {
        int at = grow(1);
        bytes[at] = (byte) v;
    }

    void setByte(int at, int v) {
        bytes[at] = (byte) v;
    }

    void putShort(int v) {
        int at = grow(2);
        Bytes.SHORT.set(bytes, at, (short) v);
    }

    void putInt(int v) {
        int at = grow(4);
        Bytes.INT.set(bytes, at, v);
    }

    void setShort(int at, int v) {
        Bytes.SHORT.set(bytes, at, (short) v);
    }

    /** Overwrites what was put at a place before. */
    void setInt(int at, int v) {
        Bytes.INT.set(bytes, at, v);
    }

    void setLong(int at, long v) {
        Bytes.LONG.set(bytes, at, v);
    }

    void putLong(long v) {
        int at = grow(8);
        Bytes.LONG.set(bytes, at, v);
    }

    void put(byte[] from, int start, int count) {
        int at = grow(count);
        System.arraycopy(from, start, bytes, at, count);
    }
}
