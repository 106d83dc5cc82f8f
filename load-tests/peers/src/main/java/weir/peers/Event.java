package weir.peers;

/**
 * The fields of one event that the job needs, read in place: by hand, in the order of
 * load-tests/bench/schemas/events/bench.executed.avsc. A general Avro reader would make an object
 * of each field and a text of each string.
 */
final class Event {
    /** Byte 0 and the id of the schema, as Confluent's serializers write them. */
    private static final int FRAME = 5;
    private static final byte[] PLATFORM = {'p', 'l', 'a', 't', 'f', 'o', 'r', 'm'};

    /** Both halves of the UUID. */
    long idHigh;
    long idLow;
    /** Microseconds. */
    long time;
    int platformAt;
    int platformLength;
    int emailAt;
    int emailLength;
    int teamAt;
    int teamLength;
    int capabilityAt;
    int capabilityLength;
    double duration;
    boolean success;
    long tokens;

    byte[] bytes;
    private int at;

    /** Reads a framed value. */
    void read(byte[] value) {
        if (value.length < FRAME || value[0] != 0) {
            throw new IllegalArgumentException("a record without Confluent's frame");
        }
        bytes = value;
        at = FRAME;
        readId();
        time = readLong();
        skipText(); // tenant: the log has one
        skipText(); // source
        readResource();
        emailLength = (int) readLong();
        emailAt = skip(emailLength);
        teamLength = (int) readLong();
        teamAt = skip(teamLength);
        capabilityLength = (int) readLong();
        capabilityAt = skip(capabilityLength);
        duration = (double) Bytes.DOUBLE.get(bytes, skip(8));
        success = bytes[skip(1)] != 0;
        if (readLong() != 0) {
            skipText(); // error_type
        }
        tokens = readLong();
    }

    private void readId() {
        int length = (int) readLong();
        if (length != 36) {
            throw new IllegalArgumentException("an event id that is no UUID");
        }
        int start = skip(length);
        long high = 0;
        long low = 0;
        for (int i = 0, digits = 0; i < length; i++) {
            int c = bytes[start + i];
            if (c == '-') {
                continue;
            }
            int digit = c <= '9' ? c - '0' : c - 'a' + 10;
            if (digits++ < 16) {
                high = high << 4 | digit;
            } else {
                low = low << 4 | digit;
            }
        }
        idHigh = high;
        idLow = low;
    }

    private void readResource() {
        platformLength = 0;
        for (long items = readLong(); items != 0; items = readLong()) {
            if (items < 0) {
                items = -items;
                readLong(); // size of the block
            }
            for (; items > 0; items--) {
                int length = (int) readLong();
                int key = skip(length);
                int valueLength = (int) readLong();
                int value = skip(valueLength);
                if (isPlatform(key, length)) {
                    platformAt = value;
                    platformLength = valueLength;
                }
            }
        }
    }

    private boolean isPlatform(int start, int length) {
        return java.util.Arrays.equals(bytes, start, start + length, PLATFORM, 0, PLATFORM.length);
    }

    private void skipText() {
        skip((int) readLong());
    }

    private int skip(int length) {
        int before = at;
        at += length;
        return before;
    }

    private long readLong() {
        long n = 0;
        int shift = 0;
        while (true) {
            int b = bytes[at++];
            n |= (long) (b & 0x7f) << shift;
            if (b >= 0) {
                return n >>> 1 ^ -(n & 1);
            }
            shift += 7;
        }
    }
}
