//! The policy root of a run: files that are edited, broken, deleted and mended, and half written when
//! they are read at the wrong moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rescind::document::SourceFile;
use rescind::policy::Digest;
use rescind::source::{Error, Source, Tree};

use crate::judge::{Judge, Written};
use crate::random::Random;
use crate::rules::{Asks, Limit, Rule, Shield, Size};
use crate::world::World;

const POLICIES: [&str; 3] = ["a", "b", "c"];
const GUARDS: [&str; 2] = ["g", "h"];

/// The files, and the latest that each name stood for.
#[derive(Default)]
pub struct Files {
    texts: BTreeMap<String, String>,
    pub rules: BTreeMap<&'static str, Rule>,
    pub shields: BTreeMap<&'static str, Shield>,
    revision: u64,
    /// Whether there is a job that AWS may abort.
    aborts: bool,
    /// How much of a file stood there when somebody was last seen writing.
    half: Option<u64>,
}

impl Files {
    pub fn draw(random: &mut Random, judge: &mut Judge, aborts: bool, now: Timestamp) -> Self {
        let mut files = Self { aborts, ..Self::default() };
        for name in &POLICIES[..usize::try_from(random.between(1, 3)).expect("few")] {
            files.put_rule(name, Rule::draw(random, aborts, now), judge);
        }
        if random.chance(60) {
            files.put_shield(GUARDS[0], Shield::draw(random, now), judge);
        }
        files
    }

    /// One policy that cancels everything.
    pub fn still(judge: &mut Judge) -> Self {
        let mut files = Self::default();
        let rule = Rule {
            status: rescind::execution::OpenStatus::Queued,
            older_than: 30,
            enforce: true,
            priority: 0,
            force: false,
            suspended: None,
            expires_at: None,
            window: None,
            grouped: true,
            stable_for: None,
            asks: Asks::Nothing,
            limit: Limit { size: Size::Count(2), per: 60 },
            halts: false,
            aborts: false,
        };
        files.put_rule(POLICIES[0], rule, judge);
        files
    }

    fn put_rule(&mut self, name: &'static str, rule: Rule, judge: &mut Judge) {
        self.revision += 1;
        self.texts.insert(format!("{name}.yaml"), rule.write(name, self.revision));
        self.rules.insert(name, rule.clone());
        judge.write(name, self.revision, Written::Rule(rule));
    }

    fn put_shield(&mut self, name: &'static str, shield: Shield, judge: &mut Judge) {
        self.revision += 1;
        self.texts.insert(format!("{name}.yaml"), shield.write(name, self.revision));
        if shield.retired {
            judge.retired.insert(name.to_owned());
        } else {
            judge.retired.remove(name);
        }
        self.shields.insert(name, shield.clone());
        judge.write(name, self.revision, Written::Shield(shield));
    }

    /// Somebody edits a file; what, in words.
    pub fn edit(&mut self, random: &mut Random, judge: &mut Judge, now: Timestamp) -> String {
        let (policy, guard) = (random.pick(&POLICIES), random.pick(&GUARDS));
        match random.below(10) {
            0..=3 => {
                self.put_rule(policy, Rule::draw(random, self.aborts, now), judge);
                format!("policy {policy} is rev-{}", self.revision)
            }
            // What the stop of an emergency looks like: the same, but for its mode.
            4 => {
                let Some(rule) = self.rules.get(policy).cloned() else {
                    return "nothing".to_owned();
                };
                self.put_rule(policy, Rule { enforce: !rule.enforce, ..rule }, judge);
                format!("policy {policy} is rev-{} with the other mode", self.revision)
            }
            5..=6 => {
                self.put_shield(guard, Shield::draw(random, now), judge);
                format!("guard {guard} is rev-{}", self.revision)
            }
            7 => {
                let name = if random.chance(50) { policy } else { guard };
                // Of what does not say what it has, everything waits that never knew it.
                let kind = if random.chance(70) { "kind: CancelPolicy\n" } else { "" };
                self.texts.insert(format!("{name}.yaml"), format!("{kind}spec: [\n"));
                judge.unwrite(name);
                format!("{name}.yaml is broken")
            }
            8 => {
                let name = if random.chance(50) { policy } else { guard };
                self.texts.remove(&format!("{name}.yaml"));
                judge.unwrite(name);
                format!("{name}.yaml is deleted")
            }
            _ => {
                let Some(shield) = self.shields.get(guard).cloned() else {
                    return "nothing".to_owned();
                };
                self.put_shield(guard, Shield { retired: true, ..shield }, judge);
                format!("guard {guard} is retired")
            }
        }
    }

    /// Everything is mended, and with `plenty` nothing is in the way any more.
    pub fn free(&mut self, plenty: bool, judge: &mut Judge) {
        // What never said anything is taken away.
        self.texts.clear();
        for (name, rule) in self.rules.clone() {
            let limit = Limit { size: Size::Count(1_000), per: 60 };
            let limit = if plenty { limit } else { Limit { per: 60, ..rule.limit } };
            self.put_rule(name, rule.freed(limit), judge);
        }
        for (name, shield) in self.shields.clone() {
            self.put_shield(name, shield.freed(), judge);
        }
    }
}

/// The root as a process reads it.
pub struct Root(pub Arc<World>);

#[async_trait]
impl Source for Root {
    async fn hint(&mut self) {
        self.0.bell.notified().await;
    }

    async fn read(&mut self) -> Result<Tree, Error> {
        tokio::task::yield_now().await;
        let mut inner = self.0.inner();
        let mut files: Vec<_> = inner
            .files
            .texts
            .iter()
            .map(|(path, text)| SourceFile { path: path.clone(), text: text.clone().into_bytes() })
            .collect();
        // Somebody is writing.
        if inner.strikes("half written", self.0.scenario.half_written)
            && let Some(file) = files.first_mut()
        {
            let half = inner.random.below(file.text.len() as u64 + 1);
            // Whoever stands still in the middle is not told from whoever has done.
            if inner.files.half.replace(half) != Some(half) {
                file.text.truncate(usize::try_from(half).expect("short"));
            }
        }
        if files.is_empty() {
            return Err(Error::NoFiles("root".into()));
        }
        let mut seen = String::new();
        for file in &files {
            seen.push_str(&format!("{} {}\n", file.path, Digest::of(&file.text)));
        }
        let digest = Digest::of(seen.as_bytes());
        Ok(Tree { files, unreadable: BTreeMap::new(), digest, revision: None, lock: None })
    }
}
