//! Diagnostics as text for people: the message, the line with a marker under it, and help.

use annotate_snippets::{
    Annotation, AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet,
};

use super::diagnostic::{Diagnostic, Place, Severity};
use super::words::visible;

/// The text of diagnostics, each followed by an empty line. Nothing in it but our own colors acts on
/// a terminal.
pub fn text(diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in diagnostics {
        let rendered = renderer.render(&[group(diagnostic)]);
        for line in rendered.lines().filter(|line| !is_empty_reference(line)) {
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
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

/// Whether a line is the introduction of another file without its name. The renderer writes one before
/// a line whose position is told apart from it.
fn is_empty_reference(line: &str) -> bool {
    line.match_indices(":::").count() == 1 && !line.contains('|') && line.matches(':').count() == 3
}

/// Where it is, and the line. Where the line is shown cut or escaped, the renderer would count the
/// column in what is shown, and the position is told apart.
fn shown<'a>(place: &'a Place, kind: AnnotationKind, label: Option<&'a str>) -> Vec<Element<'a>> {
    let annotation: Annotation<'a> = kind.span(place.mark.clone()).label(label);
    let line =
        Snippet::source(place.excerpt.as_str()).line_start(place.line).annotation(annotation);
    let path = visible(&place.path);
    let column = place.excerpt[..place.mark.start].chars().count() + 1;
    if column == place.column {
        return vec![line.path(path).into()];
    }
    let origin = Origin::path(path).line(place.line).char_column(place.column);
    vec![origin.into(), line.into()]
}
