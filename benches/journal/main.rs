//! What the journal takes: `cargo bench --bench journal`. Prints the section of `docs/JOURNAL.md`.
//!
//! Submissions of one entry, each of which waits until it is durable, by one client and by 64; beside them the least that
//! durability costs: the same bytes appended to a file by one thread that flushes what has come in meanwhile as one. And how
//! long it takes to read a large journal back, with the room that it takes on the disk and in memory.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark ends by panicking, prints what it finds, and works in ratios"
)]

mod jobs;
mod raw;
mod recovery;
mod submissions;

use std::path::PathBuf;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [what, folder] = &arguments[..]
        && what == recovery::READ_BACK
    {
        return recovery::read_back(folder.as_ref());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    println!("## Journal\n");
    runtime.block_on(submissions::run());
    recovery::run();
}

/// A folder on the disk that holds the build, which is a real one where the folder for temporary files may not be; removed at
/// the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("journal-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
