//! Small files of the state directory that others read: each is written whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Puts a text in the place of a file. It is made under a name that nobody could lay a link at and that no other
/// writer has, and goes unless it comes to its place. Whoever may enter the directory may read it: root pauses
/// and asks what another user runs.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut part = tempfile::Builder::new().prefix(".").suffix(".part").tempfile_in(folder)?;
    part.as_file().set_permissions(Permissions::from_mode(0o644))?;
    part.write_all(text.as_bytes())?;
    part.as_file().sync_all()?;
    part.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}
