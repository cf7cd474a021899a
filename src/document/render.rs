//! Diagnostics as text for people: the message, the line with a marker under it, and help.

use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Place, Severity};
use super::words::visible;

/// The text of diagnostics, each followed by an empty line. Nothing in it but our own colors acts on
/// a terminal.
pub fn text(diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&renderer.render(&[group(diagnostic)]));
        text.push_str("\n\n");
    }
    text
}

fn group(diagnostic: &Diagnostic) -> Group<'_> {
    let level = match diagnostic.code.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(&diagnostic.message).id(diagnostic.code.as_str());
    let mut group = Group::with_title(title);
    for element in shown(&diagnostic.place, AnnotationKind::Primary, None) {
        group = group.element(element);
    }
    for label in &diagnostic.labels {
        for element in shown(&label.place, AnnotationKind::Context, Some(&label.message)) {
            group = group.element(element);
        }
    }
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }
}

/// Where it is, and the line. The position is told apart from the line, which may be cut or escaped.
fn shown<'a>(place: &'a Place, kind: AnnotationKind, label: Option<&'a str>) -> [Element<'a>; 2] {
    let origin = Origin::path(visible(&place.path)).line(place.line).char_column(place.column);
    let annotation: Annotation<'a> = kind.span(place.mark.clone()).label(label);
    let line = Snippet::source(place.excerpt.as_str()).line_start(place.line).annotation(annotation);
    [origin.into(), line.into()]
}
