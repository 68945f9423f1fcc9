//! A store in one SQLite file.
//!
//! ```text
//! commit ──queue──► [writer thread: drain ► one transaction, a savepoint per batch ► one fsync ► answer all]
//! reads  ──queue──►  the same thread, so they see every acknowledged batch
//! ```
//!
//! WAL with full synchronisation: an acknowledged batch survives the loss of power. Batches that arrive while the disk works
//! share the next fsync, so throughput grows with the number of waiting callers while each waits for at most two.
//! A batch that conflicts is rolled back to its savepoint and fails alone.

mod file;
mod read;
mod write;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::store::{Batch, Journal, SolverRecords, Store, StoreError, StreamInfo};

/// Jobs that may lie before the writer; more callers wait until one is done.
const QUEUE: usize = 1024;

type Read = Box<dyn FnOnce(&Connection) + Send>;

enum Job {
    Commit(Batch, oneshot::Sender<Result<(), StoreError>>),
    Read(Read),
}

/// Keeps everything in one SQLite file, owned by this user alone (mode 0600).
///
/// Clones share the file's one writer. When the last clone is dropped, the writer writes what it had accepted and closes the
/// file; the drop waits for that, for about one fsync.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    /// Bounds the queue. A caller waits here and not in the queue, so that nobody holds the queue open while it waits.
    slots: Arc<Semaphore>,
    /// Empty after shutdown.
    jobs: Mutex<Option<mpsc::UnboundedSender<Queued>>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

struct Queued {
    job: Job,
    /// Frees the slot when the job is done.
    _slot: OwnedSemaphorePermit,
}

impl SqliteStore {
    /// Opens the store at `path`, making it and its folder if they are missing. Other processes may open it too: writes wait
    /// up to 5 s for each other.
    ///
    /// Blocks for a few milliseconds.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Locked`], [`StoreError::Damaged`], [`StoreError::Access`],
    /// [`StoreError::DiskFull`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::start(path.as_ref(), false)
    }

    /// Opens the store for this process alone, as a service does whose memory mirrors the file.
    ///
    /// # Errors
    /// As [`Self::open`]; [`StoreError::Locked`] at once when another process has it open.
    pub fn open_exclusive(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::start(path.as_ref(), true)
    }

    fn start(path: &Path, exclusive: bool) -> Result<Self, StoreError> {
        Self::serve(file::open(path, exclusive)?, path)
    }

    /// Starts the writer.
    fn serve(connection: Connection, path: &Path) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::unbounded_channel();
        let at = path.to_owned();
        let thread = thread::Builder::new()
            .name("lilypad-store".to_owned())
            .spawn(move || serve(connection, queue, &at))
            .map_err(|source| StoreError::Access { path: path.to_owned(), source: Arc::new(source) })?;
        let inner = Inner {
            path: path.to_owned(),
            slots: Arc::new(Semaphore::new(QUEUE)),
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Writes what was accepted, closes the file and returns when that is done; blocks until then. Later calls on this store
    /// and its clones fail with [`StoreError::ShutDown`].
    pub fn shutdown(&self) {
        self.inner.shutdown();
    }

    fn ended(&self) -> StoreError {
        StoreError::ShutDown { path: self.inner.path.clone() }
    }

    async fn send(&self, job: Job) -> Result<(), StoreError> {
        let slot = Arc::clone(&self.inner.slots).acquire_owned().await.map_err(|_| self.ended())?;
        let jobs = lock(&self.inner.jobs);
        let jobs = jobs.as_ref().ok_or_else(|| self.ended())?;
        jobs.send(Queued { job, _slot: slot }).map_err(|_| self.ended())
    }

    /// Runs `read` on the writer's thread.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, read::ReadError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        // A caller that no longer waits needs no answer.
        let read: Read = Box::new(move |connection| drop(answer.send(read(connection))));
        self.send(Job::Read(read)).await?;
        let answer = answered.await.map_err(|_| self.ended())?;
        answer.map_err(|error| error.at(&self.inner.path))
    }
}

impl Inner {
    fn shutdown(&self) {
        self.slots.close();
        lock(&self.jobs).take();
        if let Some(thread) = lock(&self.thread).take() {
            // The writer reports every failure to the caller it concerns; there is nothing left to say here.
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shutdown();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

/// The writer: takes what waits, writes it as one transaction, answers.
fn serve(mut connection: Connection, mut queue: mpsc::UnboundedReceiver<Queued>, path: &Path) {
    while let Some(first) = queue.blocking_recv() {
        let mut slots = Vec::new();
        let (mut batches, mut answers) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        let read = loop {
            match next {
                Some(Queued { job: Job::Commit(batch, answer), _slot: slot }) => {
                    batches.push(batch);
                    answers.push(answer);
                    slots.push(slot);
                }
                Some(Queued { job: Job::Read(read), .. }) => break Some(read),
                None => break None,
            }
            // The slots bound a group, so a steady stream of callers cannot put off its own answers.
            next = queue.try_recv().ok();
        };
        if !batches.is_empty() {
            let results = write::commit_all(&mut connection, batches, path);
            for (answer, result) in answers.into_iter().zip(results) {
                // A caller that no longer waits needs no answer.
                let _ = answer.send(result);
            }
        }
        drop(slots);
        if let Some(read) = read {
            read(&connection);
        }
    }
}

impl Store for SqliteStore {
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.writes.is_empty() {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        self.send(Job::Commit(batch, answer)).await?;
        answered.await.map_err(|_| self.ended())?
    }

    async fn solver_records(&self) -> Result<SolverRecords, StoreError> {
        self.read(read::solver_records).await
    }

    async fn journal(&self, stream: &str) -> Result<Journal, StoreError> {
        let stream = stream.to_owned();
        self.read(move |connection| read::journal(connection, &stream)).await
    }

    async fn streams(&self, prefix: &str) -> Result<Vec<StreamInfo>, StoreError> {
        let prefix = prefix.to_owned();
        self.read(move |connection| read::streams(connection, &prefix)).await
    }

    async fn value(&self, ns: &str, key: &str) -> Result<Option<String>, StoreError> {
        let (ns, key) = (ns.to_owned(), key.to_owned());
        self.read(move |connection| read::value(connection, &ns, &key)).await
    }

    async fn values(&self, ns: &str) -> Result<Vec<(String, String)>, StoreError> {
        let ns = ns.to_owned();
        self.read(move |connection| read::values(connection, &ns)).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use std::task::{Context, Waker};

    use super::*;
    use crate::store::Write;

    fn put(key: &str, value: &str) -> Write {
        Write::PutValue { ns: "n".to_owned(), key: key.to_owned(), value: value.to_owned() }
    }

    #[tokio::test]
    async fn callers_beyond_the_queue_wait_and_a_shutdown_ends_them() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = SqliteStore::open(folder.path().join("lilypad.db")).unwrap();
        let commit = |key: usize| {
            let store = store.clone();
            async move { store.commit(Batch::from(vec![put(&key.to_string(), "v")])).await }
        };
        let all = tokio::task::unconstrained(futures_util::future::join_all((0..3 * QUEUE).map(commit)));
        let mut all = std::pin::pin!(all);
        // After one poll QUEUE callers or a few more are accepted; the others wait for a slot and are not polled again.
        assert!(all.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        store.shutdown();
        let answers = all.await;
        let ended = answers.iter().filter(|answer| matches!(answer, Err(StoreError::ShutDown { .. }))).count();
        let kept = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(kept + ended, 3 * QUEUE);
        assert!((QUEUE..3 * QUEUE).contains(&kept), "{kept}");
        let store = SqliteStore::open_exclusive(store.path()).unwrap();
        assert_eq!(store.values("n").await.unwrap().len(), kept, "what was answered is there, and nothing else");
    }

    #[tokio::test]
    async fn a_full_disk_fails_the_batch_and_nothing_else() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("lilypad.db");
        let connection = file::open(&path, false).unwrap();
        // A limit on the file stands in for the end of the disk: SQLite reports both as SQLITE_FULL.
        connection.pragma_update(None, "max_page_count", 60).unwrap();
        let store = SqliteStore::serve(connection, &path).unwrap();
        store.commit(Batch::from(vec![put("small", "v")])).await.unwrap();
        let large = "x".repeat(1 << 20);
        let error = store.commit(Batch::from(vec![put("other", "v"), put("large", &large)])).await.unwrap_err();
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
        assert!(error.is_retryable());
        assert_eq!(store.values("n").await.unwrap().len(), 1, "nothing of the batch was written");
        store.commit(Batch::from(vec![put("after", "v")])).await.unwrap();
        assert_eq!(store.values("n").await.unwrap().len(), 2);
    }
}
