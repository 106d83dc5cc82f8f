package weir.peers;

/** The head of a record of partials: which raw partition it comes from, and how far that is. */
final class Partials {
    static final int HEAD = 4 + 8;
    /** Of records that others of the same commit follow. */
    static final long NOT_YET = Long.MIN_VALUE;

    private Partials() {}

    static byte[] head(int source, long watermark) {
        Block block = new Block();
        block.putInt(source);
        block.putLong(watermark);
        return block.toBytes();
    }

    static int source(byte[] value, int at) {
        return (int) Bytes.INT.get(value, at);
    }

    static long watermark(byte[] value, int at) {
        return (long) Bytes.LONG.get(value, at + 4);
    }
}
