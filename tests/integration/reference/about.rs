//! What the page of the JSON output says of each document beside its keys: who writes it, and what it is used
//! for with jq.

/// What is written about a document beside its keys.
pub struct About {
    /// Its form.
    pub form: &'static str,
    /// The title of its section.
    pub title: &'static str,
    /// Who writes it.
    pub commands: &'static str,
    /// What it is.
    pub says: &'static str,
    /// What it is used for: each a question, the command, and the program of jq.
    pub examples: &'static [(&'static str, &'static str, &'static str)],
}

/// All of them, in the order of the page.
pub const ABOUT: [About; 10] = [
    About {
        form: "rescind/plan/v1",
        title: "plan",
        commands: "`rescind plan ROOT -o json`",
        says: "Written also where the exit code is 2, 1 since a list or a job could not be read (`problems` names \
               it; its executions are missing from `lines`), 1 since something is `undecided`, or 4 since the \
               account or region is outside of a guard's scope.",
        examples: &[
            (
                "all executions that would be canceled",
                "rescind plan policies -o json",
                r#".lines[] | select(.decision == "cancel") | [.job, .thing, .policy] | @tsv"#,
            ),
            ("how many executions have each reason", "rescind plan policies -o json", ".reasons"),
            (
                "what is not known of those that are kept for want of a fact",
                "rescind plan policies -o json",
                r#".lines[] | select(.reason == "factUnknown") | .explanation"#,
            ),
        ],
    },
    About {
        form: "rescind/saved-plan/v1",
        title: "plan --out",
        commands: "`rescind plan ROOT --out FILE`",
        says: "The file for `apply --plan`; with `--out -` it is what stands on stdout. It is read, not edited: \
               `apply` refuses one with a key more or another checksum.",
        examples: &[(
            "the executions that were approved, with their versions",
            "cat plan.json",
            r#".lines[] | "\(.job) \(.thing) \(.versionNumber)""#,
        )],
    },
    About {
        form: "rescind/apply/v1",
        title: "apply",
        commands: "`rescind apply ROOT --yes -o json`, or with `--plan FILE`",
        says: "Written once, at the end, also where the exit code is 3, 4 since something was stopped on the way, or 130 or 143 (`left` is null then). \
               What ends before anything could be sent (a pause, an open breaker, a stale plan, another account) \
               writes nothing to stdout and why to stderr. `outcome` is one of the [outcomes](#outcome) of the \
               journal, or one of four that are in no journal: `kept`, the policies in force, asked in the moment \
               of acting, keep it, or rescind canceled it before; `budgetExhausted`, no unit was left for it; `beyondMax`, `--max` were canceled \
               before its turn came; `notTried`, because of what others met. Of these `superseded`, `withdrawn`, \
               `failed`, `unresolved` and `notTried` make the exit code 3.",
        examples: &[
            (
                "how many lines ended how",
                "rescind apply policies --yes -o json",
                r#".outcomes | to_entries[] | "\(.value) \(.key)""#,
            ),
            (
                "what has to be looked at, and AWS's request id",
                "rescind apply policies --yes -o json",
                r#".lines[] | select(.outcome | IN("failed", "unresolved", "notTried")) | [.job, .thing, .outcome, .requestId, .note] | @tsv"#,
            ),
        ],
    },
    About {
        form: "rescind/explain/v1",
        title: "explain",
        commands: "`rescind explain THING JOB -o json`",
        says: "The exit code says nothing of the decision: 0 if the execution is there; 1, with the document, if files of \
               the root have an error (`broken`).",
        examples: &[
            (
                "why it is not canceled, and what would have to change",
                "rescind explain robot-008 fw-4-2-0 -o json",
                ".decision // empty | .explanation, .allToChange[]",
            ),
            (
                "the clauses of each policy that do not hold",
                "rescind explain robot-008 fw-4-2-0 -o json",
                r#".policies[] | .name as $policy | .clauses[] | select(.answer != "yes") | "\($policy): \(.saw)""#,
            ),
        ],
    },
    About {
        form: "rescind/diff/v1",
        title: "diff",
        commands: "`rescind diff OLD NEW -o json`",
        says: "Written also where the exit code is 2, or 1 since something could not be read.",
        examples: &[(
            "what a pull request would cancel in addition",
            "rescind diff main...HEAD -o json",
            r#".changes[] | select(.kind == "newlyCanceled") | [.job, .thing, .new.policy] | @tsv"#,
        )],
    },
    About {
        form: "rescind/validate/v1",
        title: "validate",
        commands: "`rescind validate PATH… -o json`",
        says: "",
        examples: &[
            (
                "a line for each problem, as compilers write it",
                "rescind validate policies -o json",
                r#".diagnostics[] | "\(.path):\(.line):\(.column): \(.severity): \(.message) [\(.code)]""#,
            ),
            (
                "all IAM actions that the policies need",
                "rescind validate policies -o json",
                "[.costs[], .guardCosts[] | .actions[]] | unique[]",
            ),
        ],
    },
    About {
        form: "rescind/test/v1",
        title: "test",
        commands: "`rescind test PATH… -o json`",
        says: "Without any CancelTest, and without a broken file, nothing is written to stdout, and the exit code is 1.",
        examples: &[(
            "the tests that did not pass, and where",
            "rescind test policies -o json",
            r#".tests[] | select(.outcome != "passed") | "\(.path):\(.line) \(.name)""#,
        )],
    },
    About {
        form: "rescind/audit/v1",
        title: "audit",
        commands: "`rescind audit -o json`",
        says: "",
        examples: &[
            (
                "what has no outcome that is known",
                "rescind audit -o json",
                r#".entries[] | select(.outcome == null or .outcome == "unresolved") | [.begunAt, .job, .thing, .note] | @tsv"#,
            ),
            (
                "how many cancels each policy had at each commit",
                "rescind audit --outcome canceled -o json",
                r#"[.entries[] | "\(.policy) \(.revision // "-")"] | group_by(.)[] | "\(length) \(.[0])""#,
            ),
        ],
    },
    About {
        form: "rescind/verify/v1",
        title: "audit --verify",
        commands: "`rescind audit --verify WITNESS -o json`",
        says: "[What it asks](../promises.md#a-journal-that-you-need-not-believe), and whom.",
        examples: &[(
            "what cannot be in a true journal",
            "rescind audit --verify aws -o json",
            r#".findings[] | select(.breach) | "\(.rule) \(.job) \(.thing): \(.text)""#,
        )],
    },
    About {
        form: "rescind/status/v1",
        title: "status, GET /api/v1/status",
        commands: "`rescind status -o json`, and `GET /api/v1/status` of a running controller",
        says: "The same from both, but that `rescind status` leaves out what a newer controller has and it does not \
               know. With `--watch` a document follows another, with an empty line between them; `jq` reads them as \
               they come. What is in `unready` is a heading of the [runbook](../runbook.md). `endings` and \
               `endingsSinceLook` have the labels of `outcome` of [apply](#apply).",
        examples: &[
            (
                "budgets with nothing left, and when they refill",
                "rescind status -o json",
                r#".policies[], .guards[] | .name as $name | .budgets[] | select(.left == 0) | "\($name) \(.limit) \(.refillsAt)""#,
            ),
            (
                "why it sends nothing",
                "curl -s http://127.0.0.1:9464/api/v1/status",
                ".unready[], .paused // empty, (.breakers[] | select(.open) | .why)",
            ),
        ],
    },
];
