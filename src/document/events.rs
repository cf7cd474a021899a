//! The event pass: bounds, positions, and all the YAML that is refused although it is YAML.
//!
//! It runs before anything builds a value, so that a file can neither exhaust memory nor mean one
//! thing here and another thing there. What it builds is a [`Tree`] for each document; a document with
//! a problem that changes what it would mean has none.

use std::collections::BTreeMap;
use std::ops::Range;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError};

use super::diagnostic::{Code, Diagnostic};
use super::limits::Limits;
use super::scalar;
use super::source::Source;
use super::text;
use super::tree::{Content, Node, NodeId, Tree};
use super::words::quoted;

/// One document of a file.
#[derive(Debug)]
pub(super) struct RawDocument {
    /// Its bytes: from the line on which it begins to that on which the next one begins.
    pub(super) slice: Range<usize>,
    /// Where its content begins.
    pub(super) start: usize,
    /// Its nodes; none if it is not known what the document would mean.
    pub(super) tree: Option<Tree>,
    /// The values for which there is a diagnostic already.
    pub(super) reported: Vec<Range<usize>>,
}

/// What the event pass gives.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The documents, up to the first error of YAML's grammar.
    pub(super) documents: Vec<RawDocument>,
    /// What is wrong.
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// An open list or map.
struct Open {
    id: NodeId,
    /// The key that waits for its value.
    key: Option<(String, Range<usize>)>,
    /// The keys so far, in a map.
    keys: Option<BTreeMap<String, Range<usize>>>,
}

struct Pass<'a> {
    source: &'a Source<'a>,
    limits: &'a Limits,
    events: Events,
    tree: Tree,
    open: Vec<Open>,
    values: usize,
    /// Whether it is not known what the present document would mean.
    broken: bool,
    /// How deep inside a key that is a list or a map.
    in_key: usize,
}

/// Reads all events of a file.
pub(super) fn read(source: &Source<'_>, limits: &Limits) -> Events {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.disallow_directives = true;
    options.emit_unresolved_aliases = true;
    options.emit_anchor_events = true;
    options.block_scalar_eof_without_line_feed = true;
    options.flow_nesting_limit = limits.depth;
    options.block_nesting_limit = limits.depth;
    let mut pass = Pass {
        source,
        limits,
        events: Events::default(),
        tree: Tree::default(),
        open: Vec::new(),
        values: 0,
        broken: false,
        in_key: 0,
    };
    for next in Parser::new_from_str_with_options(source.text(), options) {
        let (event, span) = match next {
            Ok((event, span)) => {
                if let Some(tag) = span.tag_span() {
                    pass.tag(&tag.byte_range().unwrap_or_default());
                }
                (event, span.byte_range().unwrap_or_default())
            }
            Err(error) => {
                pass.grammar(&error);
                break;
            }
        };
        if pass.event(event, span).is_break() {
            break;
        }
    }
    pass.events
}

impl Pass<'_> {
    fn report(&mut self, code: Code, span: &Range<usize>, message: &str, help: &str) {
        let place = self.source.place(span);
        let help = (!help.is_empty()).then_some(help);
        self.events.diagnostics.push(Diagnostic::new(code, place, message, help));
        if let Some(document) = self.events.documents.last_mut() {
            document.reported.push(span.clone());
        }
    }

    /// Reports what leaves the document without a meaning.
    fn refuse(&mut self, code: Code, span: &Range<usize>, message: &str, help: &str) {
        self.report(code, span, message, help);
        self.broken = true;
    }

    /// Reports what ends the reading of the file.
    fn stop(
        &mut self,
        code: Code,
        span: &Range<usize>,
        message: &str,
        help: &str,
    ) -> std::ops::ControlFlow<()> {
        self.refuse(code, span, message, help);
        // What was read before is not worth its checks: the file is far from what it should be.
        self.events.documents.clear();
        std::ops::ControlFlow::Break(())
    }

    fn grammar(&mut self, error: &ScanError) {
        let at = error.marker().byte_offset().unwrap_or(self.source.text().len());
        // Where a key and its colon were expected, the parser stands behind what is wrong.
        let (code, message, help) = super::grammar::explain(error.kind(), self.limits);
        self.refuse(code, &(at..at + 1), &message, help);
    }

    fn event(&mut self, event: Event<'_>, span: Range<usize>) -> std::ops::ControlFlow<()> {
        use std::ops::ControlFlow::Continue;
        match event {
            Event::DocumentStart(..) => return self.document(span.start),
            Event::DocumentEnd => self.end_document(span.start),
            Event::Scalar(text, style, _, tag) => {
                self.broken |= tag.is_some();
                return self.scalar(&text, style, span);
            }
            Event::SequenceStart(_, _, tag) => {
                self.broken |= tag.is_some();
                return self.collection(Content::List(Vec::new()), span);
            }
            Event::MappingStart(_, _, tag) => {
                self.broken |= tag.is_some();
                return self.collection(Content::Map(Vec::new()), span);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span.end),
            Event::Anchor(_, name) => self.refuse(
                Code::SyntaxAnchor,
                &span,
                &format!("the anchor {}", quoted(&format!("&{name}"))),
                "remove it, and write the value out wherever it is meant",
            ),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let name = self.source.text().get(span.clone()).unwrap_or_default();
                self.refuse(
                    Code::SyntaxAlias,
                    &span,
                    &format!("the alias {}", quoted(name)),
                    "write the value out here; quote text that begins with `*`",
                );
                return self.scalar("", ScalarStyle::DoubleQuoted, span);
            }
            _ => {}
        }
        Continue(())
    }

    fn tag(&mut self, span: &Range<usize>) {
        self.refuse(
            Code::SyntaxTag,
            span,
            "a value with a tag",
            "remove the tag, the word that begins with `!`; quote text that begins with `!`",
        );
    }

    fn document(&mut self, start: usize) -> std::ops::ControlFlow<()> {
        let begin =
            if self.events.documents.is_empty() { 0 } else { self.source.line_start(start) };
        if let Some(last) = self.events.documents.last_mut() {
            last.slice.end = begin;
        }
        if self.events.documents.len() == self.limits.documents {
            let message = format!("more than {} documents", self.limits.documents);
            let help = "split the file";
            return self.stop(Code::SyntaxTooManyDocuments, &(start..start + 3), &message, help);
        }
        let slice = begin..self.source.text().len();
        self.events.documents.push(RawDocument { slice, start, tree: None, reported: Vec::new() });
        self.tree = Tree::default();
        self.open.clear();
        self.broken = false;
        self.in_key = 0;
        std::ops::ControlFlow::Continue(())
    }

    fn end_document(&mut self, end: usize) {
        let tree = std::mem::take(&mut self.tree);
        let Some(document) = self.events.documents.last_mut() else { return };
        let nothing = match tree.nodes.first().map(|root| &root.content) {
            None => true,
            Some(Content::Scalar { plain, .. }) => *plain && tree.nodes[0].span.is_empty(),
            Some(_) => false,
        };
        if nothing && !self.broken {
            let line = self.source.text()[document.start..].find('\n');
            let span = document.start..line.map_or(end, |line| document.start + line).max(end);
            self.refuse(
                Code::SyntaxEmpty,
                &span,
                "an empty document",
                "write a document behind the `---`, or remove the `---`",
            );
        } else if !self.broken {
            // The first line with content, for messages about the document as a whole.
            if let Some(root) = tree.nodes.first() {
                document.start = root.span.start;
            }
            document.tree = Some(tree);
        }
    }

    /// Makes a node, unless there are too many already.
    fn node(&mut self, content: Content, span: Range<usize>) -> NodeId {
        let id = self.tree.nodes.len();
        let parent = self.open.last_mut();
        let key = parent.and_then(|open| {
            match &mut self.tree.nodes[open.id].content {
                Content::List(children) | Content::Map(children) => children.push(id),
                Content::Scalar { .. } => {}
            }
            open.key.take()
        });
        self.tree.nodes.push(Node { key, span, content });
        id
    }

    fn count(&mut self, span: &Range<usize>) -> std::ops::ControlFlow<()> {
        self.values += 1;
        if self.values > self.limits.values {
            let message = format!("more than {} keys and values", self.limits.values);
            return self.stop(Code::SyntaxTooManyValues, span, &message, "split the file");
        }
        std::ops::ControlFlow::Continue(())
    }

    /// Whether the next node is a key.
    fn expects_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.keys.is_some() && open.key.is_none())
    }

    fn collection(&mut self, content: Content, span: Range<usize>) -> std::ops::ControlFlow<()> {
        self.count(&span)?;
        if self.open.len() + self.in_key >= self.limits.depth {
            let message =
                format!("more than {} lists and maps inside each other", self.limits.depth);
            return self.stop(Code::SyntaxTooDeep, &(span.start..span.start + 1), &message, "");
        }
        if self.in_key > 0 || self.expects_key() {
            if self.in_key == 0 {
                self.refuse(
                    Code::SyntaxKey,
                    &(span.start..span.start + 1),
                    "a list or a map as a key",
                    "keys are text; quote text that begins with `[` or `{`",
                );
            }
            self.in_key += 1;
            return std::ops::ControlFlow::Continue(());
        }
        let keys = matches!(content, Content::Map(_)).then(BTreeMap::new);
        let id = self.node(content, span);
        self.open.push(Open { id, key: None, keys });
        std::ops::ControlFlow::Continue(())
    }

    fn close(&mut self, end: usize) {
        if self.in_key > 0 {
            self.in_key -= 1;
            if let Some(open) = self.open.last_mut().filter(|_| self.in_key == 0) {
                open.key = Some((String::new(), end..end));
            }
            return;
        }
        if let Some(open) = self.open.pop() {
            let span = &mut self.tree.nodes[open.id].span;
            span.end = end.max(span.start);
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        span: Range<usize>,
    ) -> std::ops::ControlFlow<()> {
        self.count(&span)?;
        if text.len() > self.limits.text {
            let message =
                format!("a text of {} bytes; at most {} are read", text.len(), self.limits.text);
            return self.stop(Code::SyntaxTextTooLong, &span, &message, "");
        }
        if self.in_key > 0 {
            return std::ops::ControlFlow::Continue(());
        }
        // Raw ones were refused before; these were written as escapes.
        if let Some((code, message, _)) = text.chars().find_map(text::refused) {
            self.refuse(
                code,
                &span,
                &format!("{message}, written as an escape"),
                "remove the escape",
            );
        }
        let plain = style == ScalarStyle::Plain;
        if self.expects_key() {
            self.key(text, plain, span);
            return std::ops::ControlFlow::Continue(());
        }
        if plain && let Some((code, message, help)) = scalar::trap(text) {
            self.report(code, &span, &message, &help);
        }
        self.node(Content::Scalar { text: text.to_owned(), plain }, span);
        std::ops::ControlFlow::Continue(())
    }

    fn key(&mut self, text: &str, plain: bool, span: Range<usize>) {
        if plain && text == "<<" {
            self.refuse(
                Code::SyntaxMergeKey,
                &span,
                "the merge key `<<`",
                "write the keys out here, so that a reviewer sees what holds",
            );
        } else if plain && span.is_empty() {
            self.refuse(
                Code::SyntaxKey,
                &span,
                "a value without a key",
                "write the key before the `:`",
            );
        }
        let Some(open) = self.open.last_mut() else { return };
        let before = open.keys.as_ref().and_then(|keys| keys.get(text)).cloned();
        open.key = Some((text.to_owned(), span.clone()));
        if let Some(keys) = &mut open.keys {
            keys.entry(text.to_owned()).or_insert_with(|| span.clone());
        }
        if let Some(before) = before {
            self.refuse(
                Code::SyntaxDuplicateKey,
                &span,
                &format!("the key {} for the second time", quoted(text)),
                "remove one of them: YAML readers keep either",
            );
            let first = self.source.place(&before);
            if let Some(last) = self.events.diagnostics.pop() {
                self.events.diagnostics.push(last.label(first, "written here first"));
            }
        }
    }
}
