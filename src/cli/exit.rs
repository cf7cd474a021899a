//! Exit codes: one closed set, stable for scripts.

use std::process::ExitCode;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done. For `plan` also "there are changes", unless `--detailed-exitcode`.
    Done,
    /// A bad policy, credentials, AWS, or a bug. With `--detailed-exitcode` also that nothing was found to
    /// cancel while something could not be read.
    Error,
    /// Changes are pending, also where not everything could be read; only with `--detailed-exitcode` of `plan` and `diff`.
    Changes,
    /// Some cancels failed, were superseded or are unresolved, or are left alone for a while since they did; not
    /// everything could be read, or the journal not be written; or nothing of a saved plan went now, and something
    /// of it waits for a budget or a window (without a saved plan that is 0). Running again is safe.
    Partial,
    /// Safety stopped it: another account or region than was asked for or than a guard has in its scope,
    /// the stop switch, a breaker, a freeze, a guard on a line of a saved plan, a budget that says Halt.
    Stopped,
    /// The saved plan is stale, or the policies changed while `apply` asked or looked.
    Stale,
    /// A mistake in the command line. Not clap's own 2, which means "changes" here.
    Usage,
    /// SIGINT; calls in flight were finished and recorded.
    Interrupted,
    /// SIGTERM; calls in flight were finished and recorded.
    Terminated,
}

impl Exit {
    /// Every variant.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Error,
        Self::Changes,
        Self::Partial,
        Self::Stopped,
        Self::Stale,
        Self::Usage,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Changes => 2,
            Self::Partial => 3,
            Self::Stopped => 4,
            Self::Stale => 5,
            Self::Usage => 64,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
