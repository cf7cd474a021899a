//! The expressions of a policy: variables, conditions, those of rules, and templates.
//!
//! What is wrong inside an expression becomes a finding at its bytes in the document.

use std::sync::Arc;

use super::Compiler;
use crate::document::diagnostic::Code;
use crate::document::finding::join;
use crate::document::words::quoted;
use crate::policy::expression::{Expression, Findings, Problem, Revision, Scope, Variable, Wanted};
use crate::policy::shapes::{ConditionShape, PolicyDocument, PolicySpec, VariableShape};
use crate::policy::template::{Template, TemplateFindings};
use crate::policy::{Clause, Condition, Origin, Test};

/// What the expressions of a policy can name from the start.
pub(super) fn scope(
    document: &PolicyDocument,
    origin: &Origin,
    revision: Option<&Arc<str>>,
) -> Scope {
    let texts =
        [("policy.name", document.metadata.name.clone()), ("source.path", origin.path.to_string())];
    Scope {
        texts: texts.into(),
        revision: revision.cloned().map_or(Revision::Unknown, Revision::Is),
        labels: Some(Arc::new(document.metadata.labels.clone())),
        variables: Vec::new(),
    }
}

/// What the expressions of a guard can name beside facts: it has no policy and no variables.
pub(super) fn scope_of_guard(origin: &Origin) -> Scope {
    Scope { texts: [("source.path", origin.path.to_string())].into(), ..Scope::default() }
}

/// Whether a variable can have a name: CEL reads it behind a dot.
fn is_variable(name: &str) -> bool {
    const RESERVED: [&str; 4] = ["true", "false", "null", "in"];
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=63).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !RESERVED.contains(&name)
}

impl Compiler<'_> {
    /// Each variable can be named by all that stands behind it, and so never by itself.
    pub(super) fn variables(&mut self, shapes: &[VariableShape]) {
        for (index, shape) in shapes.iter().enumerate() {
            let at = join("/spec/variables", index);
            let at_name = join(&at, "name");
            let name = shape.name.as_str();
            if !is_variable(name) {
                let message = format!("{} is not a variable's name", quoted(name));
                let help = "write 1 to 63 letters, digits and '_', not beginning with a digit; not true, \
                            false, null or in";
                self.findings.value(Code::MeaningName, &at_name, message, Some(help));
            }
            if self.scope.variables.iter().any(|variable| variable.name == name) {
                let message = format!("a second variable of the name {}", quoted(name));
                let help = "give each variable a name of its own";
                self.findings.value(Code::MeaningDuplicate, &at_name, message, Some(help));
            }
            let expression =
                self.expression(&join(&at, "expression"), &shape.expression, Wanted::Anything);
            self.scope.variables.push(Variable { name: name.to_owned(), expression });
        }
    }

    /// The policy's conditions, as further clauses.
    pub(super) fn policy_conditions(
        &mut self,
        shapes: &[ConditionShape],
        clauses: &mut Vec<Clause>,
    ) {
        for (index, shape) in shapes.iter().enumerate() {
            let at = join("/spec/conditions", index);
            let at_name = join(&at, "name");
            self.label(&at_name, &shape.name, "a condition's name");
            if shapes[..index].iter().any(|before| before.name == shape.name) {
                let message = format!("a second condition of the name {}", quoted(&shape.name));
                let help = "give each condition a name of its own: decisions name it";
                self.findings.value(Code::MeaningDuplicate, at_name, message, Some(help));
            }
            let name = Some(shape.name.clone());
            let test = self.condition(&join(&at, "expression"), name, &shape.expression);
            let path = format!("conditions[{index}]");
            clauses.extend(test.map(|test| Clause { path, test }));
        }
    }

    /// A policy that asks nothing would cancel all that it lists.
    pub(super) fn asks_something(&mut self, spec: &PolicySpec) {
        if spec.matching.is_none() && spec.conditions.is_empty() {
            self.findings.value(
                Code::MeaningNoCondition,
                "/spec",
                "the policy has neither `match` nor `conditions`",
                Some("write which executions are canceled: `match`, `conditions`, or both"),
            );
        }
    }

    /// One condition.
    pub(super) fn condition(
        &mut self,
        pointer: &str,
        name: Option<String>,
        text: &str,
    ) -> Option<Test> {
        let expression = self.expression(pointer, text, Wanted::Condition)?;
        Some(Test::Expression(Condition { name, expression }))
    }

    fn expression(&mut self, pointer: &str, text: &str, wanted: Wanted) -> Option<Arc<Expression>> {
        let mut found = Findings::default();
        let expression = Expression::compile(text, wanted, &self.scope, &mut found);
        self.found(pointer, found);
        self.uses_revision |= expression.as_ref().is_some_and(Expression::uses_revision);
        expression.map(Arc::new)
    }

    pub(super) fn template(&mut self, pointer: &str, text: &str) -> Option<Template> {
        let mut found = TemplateFindings::default();
        let template = Template::parse(text, &self.scope, &mut found);
        for problem in found.text {
            self.problem(Code::MeaningTemplate, pointer, problem);
        }
        for problem in found.lookalikes {
            self.problem(Code::MeaningNoTemplate, pointer, problem);
        }
        self.found(pointer, found.expressions);
        let template = template?;
        self.uses_revision |= template.expressions().any(|(_, it)| it.uses_revision());
        Some(template)
    }

    fn found(&mut self, pointer: &str, found: Findings) {
        for problem in found.errors {
            self.problem(Code::MeaningExpression, pointer, problem);
        }
        for problem in found.warnings {
            self.problem(Code::MeaningAbsentKey, pointer, problem);
        }
    }

    fn problem(&mut self, code: Code, pointer: &str, problem: Problem) {
        let Problem { at, message, help } = problem;
        self.findings.inside(code, pointer, at, message, Some(&help));
    }
}
