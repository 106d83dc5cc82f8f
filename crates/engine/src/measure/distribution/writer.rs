//! Writes the bins of a packed distribution.

/// Writes bins one by one, ascending.
pub(super) struct Writer<'o> {
    /// What is behind `end` is room that is not used yet.
    out: &'o mut Vec<u8>,
    end: usize,
    pub before: u32,
}

impl<'o> Writer<'o> {
    /// `before`: where the first step is counted from; `room`: about how many bytes there will be.
    /// What stands before the bins comes first.
    pub fn new(out: &'o mut Vec<u8>, before: u32, room: usize) -> Writer<'o> {
        let end = out.len();
        out.resize(end + room, 0);
        Writer { out, end, before }
    }
    #[inline]
    pub fn put(&mut self, bin: u32, count: u64) {
        let step = (bin as u16).wrapping_sub(self.before as u16);
        self.before = bin;
        let more = count.saturating_sub(1);
        let many = u8::from(more > 0);
        let room = self
            .out
            .get_mut(self.end..)
            .and_then(<[u8]>::first_chunk_mut);
        match room {
            Some(room) if step.wrapping_sub(1) < 63 && more < 0x80 => {
                // Both bytes, of which the second does not count where there is one: that is no
                // branch.
                *room = [(step as u8) << 1 | many, more as u8];
                self.end += 1 + usize::from(many);
            }
            _ => self.put_long(step, more),
        }
    }
    #[inline(never)]
    fn put_long(&mut self, step: u16, more: u64) {
        let step = match step {
            0 => 1 << 16,
            n => u64::from(n),
        };
        // Two numbers have at most twenty bytes.
        if self.out.len() < self.end + 20 {
            self.out.resize(self.end + 64, 0);
        }
        self.put_number(step << 1 | u64::from(more > 0));
        if more > 0 {
            self.put_number(more);
        }
    }
    fn put_number(&mut self, mut v: u64) {
        while v >= 0x80 {
            self.out[self.end] = v as u8 | 0x80;
            self.end += 1;
            v >>= 7;
        }
        self.out[self.end] = v as u8;
        self.end += 1;
    }
    /// Copies bins that follow on the last one as they do on the one before them.
    #[inline]
    pub fn copy(&mut self, bytes: &[u8]) {
        let end = self.end + bytes.len();
        if self.out.len() < end {
            self.out.resize(end + 64, 0);
        }
        self.out[self.end..end].copy_from_slice(bytes);
        self.end = end;
    }
    /// Ends them; `rest`: what comes before that as it is.
    pub fn end(self, rest: &[u8]) {
        self.out.truncate(self.end);
        self.out.extend_from_slice(rest);
        self.out.push(0);
    }
}
