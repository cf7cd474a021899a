//! Lists over all their pages, by a port's reader.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use futures_util::future::BoxFuture;

use super::{Error, ErrorKind, JobsReader, Operation, Page, PageToken, Result};
use crate::execution::{Account, JobId, JobStatus, OpenStatus, ThingName};
use crate::inventory::{Queue, QueuedExecution};

/// The groups of a thing over all pages.
pub async fn thing_groups(reader: &dyn JobsReader, thing: &ThingName) -> Result<BTreeSet<String>> {
    let list = List {
        operation: Operation::ListThingGroupsForThing,
        of: format!("thing {thing}"),
        expected: 0,
    };
    let groups = pages(list, |page| {
        Box::pin(async move { reader.list_thing_groups(thing, page.as_ref()).await })
    });
    Ok(groups.await?.into_iter().collect())
}

/// The tags of a job over all pages.
pub async fn job_tags(reader: &dyn JobsReader, job: &JobId) -> Result<BTreeMap<String, String>> {
    let list =
        List { operation: Operation::ListTagsForResource, of: format!("job {job}"), expected: 0 };
    let tags =
        pages(list, |page| Box::pin(async move { reader.list_job_tags(job, page.as_ref()).await }));
    Ok(tags.await?.into_iter().collect())
}

/// What is QUEUED on a thing over all pages.
pub async fn thing_queue(reader: &dyn JobsReader, thing: &ThingName) -> Result<Queue> {
    Ok(Queue(on_thing(reader, thing, OpenStatus::Queued).await?))
}

/// What is in a status on a thing over all pages.
pub async fn on_thing(
    reader: &dyn JobsReader,
    thing: &ThingName,
    status: OpenStatus,
) -> Result<Vec<QueuedExecution>> {
    let list = List {
        operation: Operation::ListJobExecutionsForThing,
        of: format!("thing {thing}"),
        expected: 0,
    };
    let rows = pages(list, |page| {
        Box::pin(async move { reader.list_on_thing(thing, status, page.as_ref()).await })
    });
    rows.await
}

/// Who answers, as the first job tells that is found; none if there is no job.
pub async fn account(reader: &dyn JobsReader) -> Result<Option<Account>> {
    for status in JobStatus::KNOWN {
        let page = reader.list_jobs(status, None).await?;
        let account = page.items.into_iter().find_map(|job| job.account);
        if account.is_some() {
            return Ok(account);
        }
    }
    Ok(None)
}

/// A list that is read over all its pages.
#[derive(Clone, Debug)]
pub struct List {
    /// What lists it.
    pub operation: Operation,
    /// Of what, as in [`Error::resource`].
    pub of: String,
    /// About how many rows it has, 0 if that is not known: room for them is taken at once, since a list that
    /// grows leaves holes behind that are too small for the next one.
    pub expected: usize,
}

/// All rows of a list, or the error of the page at which it broke off. A list that leads back to one of its
/// own pages would be read for ever, and is an error.
pub async fn pages<'a, T>(
    list: List,
    read: impl Fn(Option<PageToken>) -> BoxFuture<'a, Result<Page<T>>>,
) -> Result<Vec<T>> {
    let mut rows = Vec::with_capacity(list.expected);
    let mut token = None;
    // By their hashes: a list of a million rows has thousands of tokens of up to a kilobyte.
    let mut read_before = BTreeSet::new();
    loop {
        let page = read(token).await?;
        if rows.capacity() - rows.len() < page.items.len() {
            // By an eighth, and not twofold: a list may have a million rows.
            rows.reserve_exact(page.items.len().max(rows.len() / 8));
        }
        rows.extend(page.items);
        let Some(next) = page.next else { return Ok(rows) };
        let mut hash = DefaultHasher::new();
        next.0.hash(&mut hash);
        if !read_before.insert(hash.finish()) {
            return Err(Error {
                operation: list.operation,
                resource: list.of,
                kind: ErrorKind::Malformed,
                message: "AWS's answer made no sense: it leads back to a page that was read"
                    .to_owned(),
                request_id: None,
                account: None,
                source: None,
            });
        }
        token = Some(next);
    }
}
