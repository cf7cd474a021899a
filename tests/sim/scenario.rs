//! What a seed stands for: how large, how long, what fails how often. Each fault is sometimes off.

use std::time::Duration;

use crate::random::Random;

/// What happens in a run, and how often. Rates are per cent of the calls that they can befall.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub seed: u64,
    pub things: usize,
    pub interval: Duration,
    /// How long things move and fail.
    pub busy: Duration,
    /// The longest pauses between two moves of devices and operators, and between two edits, in
    /// seconds; none for no moves, no edits.
    pub moves: Option<u64>,
    pub edits: Option<u64>,
    /// How often an execution moves in the moment in which a cancel of it lands.
    pub races: u64,
    pub page: usize,
    /// How far a process's clock may be off when it starts, in seconds: less than what opens a breaker.
    pub skew: u64,
    pub throttle: u64,
    pub unavailable: u64,
    pub lost_reply: u64,
    pub late: u64,
    pub slow: u64,
    pub stale: u64,
    pub slow_sync: u64,
    pub full_disk: u64,
    pub half_written: u64,
    /// How often a process stands still for a while, in per cent of the looks at it.
    pub standstill: u64,
    /// How often a cancel is denied.
    pub denied: u64,
    /// The longest life of a process in the busy time, in seconds; none for no crash.
    pub crashes: Option<u64>,
    /// The polls after which each process in turn dies, before any other crash.
    pub polls: Vec<u64>,
    /// Whether everything gets through in the end, or budgets stay as they are.
    pub plenty: bool,
    /// Whether nothing is in the way from the beginning on: much is canceled.
    pub lavish: bool,
    /// Whether the state is lost once, with what it knew of the past.
    pub forgets: bool,
    /// Whether the state is the real one, in a SQLite file.
    pub in_file: bool,
    /// When AWS aborts the first job; none for never.
    pub abort: Option<Criterion>,
}

/// So many percent of at least so many executions that have ended FAILED.
#[derive(Clone, Copy, Debug)]
pub struct Criterion {
    pub percent: u64,
    pub least: u64,
}

impl Criterion {
    /// By chance of its own, so that the seeds without one are what they were.
    fn draw(seed: u64) -> Option<Self> {
        let random = &mut Random::new(seed ^ 0xAB07);
        let drawn = Self { percent: random.between(5, 50), least: random.between(3, 30) };
        random.chance(15).then_some(drawn)
    }
}

/// Each so many-th seed has its state in a file: that costs several times as much.
const IN_FILE: u64 = 8;

/// How many things there are where much goes on; elsewhere fewer.
const CROWD: u64 = 16;

pub const HOUR: Duration = Duration::from_secs(3_600);

impl Scenario {
    /// The world of a seed. One in four is about one thing, which the others seldom come to.
    pub fn draw(seed: u64) -> Self {
        let any = Self::any(seed);
        match seed % 24 {
            19 => any.throttled(),
            20 => any.racing(),
            21 => any.switched(),
            22 | 23 | 0 => any.halting(),
            _ => any,
        }
    }

    /// A world of which every part is drawn.
    pub fn any(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        // So much going on that shares of many cancels mean something.
        let crowd = random.chance(4);
        let mut rate = |often: u64, most: u64| {
            if random.chance(often) { random.between(1, most) } else { 0 }
        };
        let (throttle, lost_reply) = (rate(40, 40), rate(60, 30));
        // Rarely so much that what is asked again and again is not known in the end.
        let unavailable = if rate(8, 1) > 0 { 60 } else { rate(40, 15) };
        let (late, slow, stale) = (rate(50, 25), rate(40, 20), rate(40, 30));
        let (slow_sync, full_disk, half_written) = (rate(40, 30), rate(15, 5), rate(30, 40));
        let (standstill, denied) = (rate(25, 5), rate(12, 20));
        Self {
            seed,
            things: usize::try_from(if crowd { CROWD } else { random.between(1, 6) }).expect("few"),
            interval: Duration::from_secs(random.pick(&[30, 60, 300])),
            busy: Duration::from_secs(random.between(5, 35) * 60),
            moves: random.chance(85).then(|| if crowd { 5 } else { random.between(5, 120) }),
            edits: random.chance(60).then(|| random.between(60, 600)),
            races: match random.chance(50) {
                true if crowd => 70,
                true => random.between(1, 30),
                false => 0,
            },
            page: usize::try_from(random.pick(&[1, 2, 3, 250])).expect("few"),
            skew: random.pick(&[0, 0, 20, 50]),
            throttle,
            unavailable,
            lost_reply,
            late,
            slow,
            stale,
            slow_sync,
            full_disk,
            half_written,
            standstill,
            denied,
            crashes: random.chance(60).then(|| random.between(20, 900)),
            polls: Vec::new(),
            plenty: random.chance(60),
            lavish: false,
            forgets: random.chance(10),
            in_file: seed.is_multiple_of(IN_FILE),
            abort: Criterion::draw(seed),
        }
    }

    /// Nothing fails and nothing moves: one policy, a few executions.
    pub fn still(polls: Vec<u64>, seed: u64) -> Self {
        Self {
            seed,
            things: 3,
            interval: Duration::from_secs(30),
            busy: Duration::from_secs(120),
            moves: None,
            edits: None,
            races: 0,
            page: 250,
            skew: 0,
            throttle: 0,
            unavailable: 0,
            lost_reply: 0,
            late: 0,
            slow: 0,
            stale: 0,
            slow_sync: 0,
            full_disk: 0,
            half_written: 0,
            standstill: 0,
            denied: 0,
            crashes: None,
            polls,
            plenty: true,
            lavish: false,
            forgets: false,
            in_file: false,
            abort: None,
        }
    }

    /// Whether so much goes on that shares of many cancels mean something.
    pub fn is_crowded(&self) -> bool {
        self.things as u64 == CROWD
    }

    /// Whether calls fail by nothing but what executions have become.
    pub fn is_undisturbed(&self) -> bool {
        [self.throttle, self.unavailable, self.lost_reply, self.late, self.denied, self.full_disk]
            .iter()
            .all(|rate| *rate == 0)
    }

    /// Nothing but throttling, so that nothing else puts anything off for long.
    pub fn throttled(self) -> Self {
        let busy = Duration::from_secs(40 * 60);
        Self { throttle: 60, busy, ..Self::still(Vec::new(), self.seed) }
    }

    /// So many cancels meet what has moved that a breaker has to open.
    pub fn racing(self) -> Self {
        let racing = Self {
            things: 16,
            interval: Duration::from_secs(30),
            races: 70,
            moves: Some(5),
            edits: None,
            busy: HOUR,
            crashes: None,
            forgets: false,
            lavish: true,
            ..self
        };
        racing.undisturbed()
    }

    /// The stop switch is used while much is on its way.
    pub fn switched(self) -> Self {
        let (slow, slow_sync) = (30, 60);
        Self { slow, slow_sync, moves: Some(5), edits: Some(20), lavish: true, ..self }
    }

    /// More comes due than budgets allow that halt: a root that is drawn, and never edited.
    pub fn halting(self) -> Self {
        let halting = Self {
            things: 6,
            interval: Duration::from_secs(30),
            moves: None,
            edits: Some(100_000),
            busy: HOUR,
            ..self
        };
        halting.undisturbed()
    }

    /// The same without what disturbs.
    fn undisturbed(self) -> Self {
        let (throttle, unavailable, lost_reply, late) = (0, 0, 0, 0);
        Self { throttle, unavailable, lost_reply, late, denied: 0, full_disk: 0, ..self }
    }

    /// Whether anything can fail so that an execution is left alone for long.
    pub fn backs_off(&self) -> bool {
        [self.unavailable, self.lost_reply, self.late, self.slow, self.full_disk, self.denied]
            .iter()
            .any(|rate| *rate > 0)
            || self.crashes.is_some()
            || !self.polls.is_empty()
    }
}
