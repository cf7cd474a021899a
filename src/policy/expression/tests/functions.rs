//! The list of functions that people look up is that of the checker.

use std::collections::BTreeSet;

use crate::policy::expression::check::calls::{GLOBAL, MEMBER};
use crate::policy::expression::functions::FUNCTIONS;
use crate::policy::expression::{Expression, Findings, Scope, Wanted};

#[test]
fn each_function_is_listed_with_an_example_that_compiles() {
    let listed: BTreeSet<_> = FUNCTIONS.iter().map(|function| function.name).collect();
    let known: BTreeSet<_> = GLOBAL.into_iter().chain(MEMBER).collect();
    assert_eq!(listed, known);
    for function in FUNCTIONS {
        let mut findings = Findings::default();
        let made = Expression::compile(
            function.example,
            Wanted::Anything,
            &Scope::default(),
            &mut findings,
        );
        assert!(made.is_some(), "{}: {findings:?}", function.example);
        assert!(function.example.contains(&format!("{}(", function.name)), "{}", function.name);
    }
}
