//! The least that durability costs: appending to a file, with the same group commit as the journal's.

use std::fs::File;
use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::Folder;

type Message = (Vec<u8>, oneshot::Sender<()>);

/// A file, and the thread that appends to it: whatever comes in while it flushes is flushed as one.
pub(crate) struct RawLog {
    outbox: Sender<Message>,
    thread: JoinHandle<()>,
}

impl RawLog {
    pub(crate) fn open(folder: &Folder) -> Self {
        let file = File::create(folder.0.join("raw")).expect("a file");
        let (outbox, inbox) = channel();
        Self { outbox, thread: std::thread::spawn(move || append(file, &inbox)) }
    }

    /// Durable when it answers.
    pub(crate) async fn append(&self, bytes: Vec<u8>) {
        let (told, answer) = oneshot::channel();
        self.outbox.send((bytes, told)).expect("the thread lives");
        answer.await.expect("the thread lives");
    }

    pub(crate) fn close(self) {
        drop(self.outbox);
        self.thread.join().expect("the thread does not panic");
    }
}

fn append(mut file: File, inbox: &Receiver<Message>) {
    while let Ok(first) = inbox.recv() {
        let batch: Vec<Message> = std::iter::once(first).chain(inbox.try_iter()).collect();
        let bytes: Vec<u8> = batch.iter().flat_map(|(bytes, _)| bytes).copied().collect();
        file.write_all(&bytes).expect("room");
        file.sync_data().expect("a disk");
        for (_, told) in batch {
            let _ = told.send(());
        }
    }
}
