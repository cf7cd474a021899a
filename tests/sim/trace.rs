//! What happened, line by line, and its hash: two runs of a seed are the same if their hashes are.

use tokio::time::Instant;

pub struct Trace {
    started: Instant,
    hash: u64,
    /// The lines, if somebody is going to read them.
    pub lines: Option<Vec<String>>,
    /// How many lines there are.
    pub length: usize,
}

impl Trace {
    pub fn new(keep: bool) -> Self {
        let lines = keep.then(Vec::new);
        Self { started: Instant::now(), hash: 0xCBF2_9CE4_8422_2325, lines, length: 0 }
    }

    pub fn add(&mut self, line: &str) {
        let at = self.started.elapsed();
        let line = format!("{:>9}.{:03} {line}", at.as_secs(), at.subsec_millis());
        // FNV-1a: any change of any line changes it.
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        self.length += 1;
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }
}
