package weir.peers;

/** Rows on their way to one partition: a record when there is enough of them, the rest at the end. */
final class Chunks {
    /** Bytes of a record, about: well below the largest that Kafka takes. */
    private static final int FULL = 512 * 1024;

    /** Takes a finished record. */
    interface Sender {
        void send(int partition, byte[] value);
    }

    private final Block block = new Block();
    private final int partition;
    private final byte[] head;
    private final Sender sender;

    /** Every record begins with {@code head}. */
    Chunks(int partition, byte[] head, Sender sender) {
        this.partition = partition;
        this.head = head;
        this.sender = sender;
        block.put(head, 0, head.length);
    }

    void add(Row row) {
        row.write(block);
        if (block.length() >= FULL) {
            send(head);
        }
    }

    /** Sends what is left, with another head of the same length. */
    void finish(byte[] last) {
        for (int i = 0; i < last.length; i++) {
            block.setByte(i, last[i]);
        }
        send(head);
    }

    /** Sends what is left, if there is anything. */
    void finish() {
        if (block.length() > head.length) {
            send(head);
        }
    }

    private void send(byte[] next) {
        sender.send(partition, block.toBytes());
        block.clear();
        block.put(next, 0, next.length);
    }
}
