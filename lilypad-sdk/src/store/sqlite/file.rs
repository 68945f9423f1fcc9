//! Opening the file: who may read it, how it syncs, which schema it has.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use crate::store::StoreError;

/// The schema, one step a file. A file that was released is never changed: the next change is a new file.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_records.sql")];

/// How long a write waits for another process.
const BUSY: Duration = Duration::from_secs(5);

/// Pause before a file that is just being made is opened again.
const AGAIN: Duration = Duration::from_millis(5);

/// Opens or makes the store at `path` and brings its schema up to date.
pub(super) fn open(path: &Path, exclusive: bool) -> Result<Connection, StoreError> {
    prepare(path).map_err(|source| StoreError::Access { path: path.to_owned(), source: Arc::new(source) })?;
    let end = Instant::now() + BUSY;
    loop {
        let opened = connect(path, exclusive).map_err(|source| engine(source, path)).and_then(|mut connection| {
            migrate(&mut connection, path)?;
            Ok(connection)
        });
        match opened {
            // SQLite does not wait for the lock that turns a new file into one with a log: several processes that make the
            // same store at once would lose all but one.
            Err(StoreError::Locked { .. }) if !exclusive && Instant::now() < end => thread::sleep(AGAIN),
            opened => return opened,
        }
    }
}

/// Makes the folder and the file, both for this user alone; a file that others could read is closed to them.
fn prepare(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        }
    }
    drop(file);
    Ok(())
}

fn connect(path: &Path, exclusive: bool) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(if exclusive { Duration::ZERO } else { BUSY })?;
    if exclusive {
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    if exclusive {
        // The lock is taken by the first write; make one, so that a second opener fails here and not later.
        connection.execute_batch("BEGIN IMMEDIATE; COMMIT")?;
    }
    Ok(connection)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let engine = |source| engine(source, path);
    let supported = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if version(connection).map_err(engine)? == supported {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(engine)?;
    // Read again: another process may have migrated while this one waited.
    let found = version(&transaction).map_err(engine)?;
    let done = usize::try_from(found).ok().filter(|done| *done <= MIGRATIONS.len());
    let Some(done) = done else { return Err(StoreError::Newer { path: path.to_owned(), found, supported }) };
    for step in &MIGRATIONS[done..] {
        transaction.execute_batch(step).map_err(engine)?;
    }
    transaction.pragma_update(None, "user_version", supported).map_err(engine)?;
    transaction.commit().map_err(engine)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// What a failure of SQLite means to a caller.
pub(super) fn engine(source: rusqlite::Error, path: &Path) -> StoreError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked { path },
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { path },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Damaged { path },
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StoreError::Access { path, source: Arc::new(source) }
        }
        _ => StoreError::Engine { path, source: Arc::new(source) },
    }
}
