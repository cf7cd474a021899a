//! `docs/metrics.md` is made from the list of metrics.

use rescind::server::metrics::METRICS;

#[test]
fn the_page_of_metrics_is_made_from_the_list() {
    let mut page = String::from(
        "# Metrics\n\n\
         What `/metrics` of `rescind run` answers, as OpenMetrics text. This page is made from the program's own \
         list; a test compares the two. The samples of a counter end with `_total`. Labels come from closed \
         sets and from the names of policies: never from a thing, a job or the text of an error.\n\n\
         | metric | kind | labels | what it says |\n|---|---|---|---|\n",
    );
    for metric in METRICS {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind) = (metric.name, metric.kind.as_str());
        page.push_str(&format!("| `{name}` | {kind} | {} | {} |\n", labels.join(" "), metric.help));
    }
    crate::documents::compare("docs/metrics.md", &page);
}
