use std::{
    env, fs,
    io::{BufRead, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use lilypad_sdk::store::{Batch, DynStore, Expected, MemoryStore, SqliteStore, Store, StoreError, Write, conformance};
use tempfile::TempDir;

fn put(ns: &str, key: &str, value: &str) -> Write {
    Write::PutValue { ns: ns.to_owned(), key: key.to_owned(), value: value.to_owned() }
}

fn append(stream: &str, seq: u64, event: &str) -> Write {
    Write::AppendEvent { stream: stream.to_owned(), seq, event: event.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_store_conforms() {
    conformance::all(MemoryStore::new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_store_conforms() {
    let folder = TempDir::new().unwrap();
    let count = std::cell::Cell::new(0);
    let make = || {
        count.set(count.get() + 1);
        SqliteStore::open(folder.path().join(format!("{}.db", count.get()))).unwrap()
    };
    conformance::all(make).await;
    assert!(count.get() > 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_boxed_store_conforms() {
    conformance::all(|| Arc::new(MemoryStore::new()) as Arc<dyn DynStore>).await;
}

#[tokio::test]
async fn sqlite_keeps_everything_across_a_reopening() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("deep/er/lilypad.db");
    let store = SqliteStore::open(&path).unwrap();
    let job = conformance::job_offer("a", 1);
    let offer = Write::PutJobOffer {
        container: Box::new(job.clone()),
        envelope: Some("{}".to_owned()),
        expected: Expected::Absent,
    };
    store.commit(Batch::from(vec![offer, append("s", 0, "e"), put("n", "k", "v")])).await.unwrap();
    let before = (store.solver_records().await.unwrap(), store.journal("s").await.unwrap());
    store.shutdown();
    assert!(matches!(store.value("n", "k").await, Err(StoreError::ShutDown { .. })));
    assert!(matches!(store.commit(Batch::from(vec![put("n", "k", "w")])).await, Err(StoreError::ShutDown { .. })));

    let store = SqliteStore::open(&path).unwrap();
    assert_eq!((store.solver_records().await.unwrap(), store.journal("s").await.unwrap()), before);
    assert_eq!(before.0.job_offers[0].container, job);
    assert_eq!(store.value("n", "k").await.unwrap().as_deref(), Some("v"));
}

#[cfg(unix)]
#[tokio::test]
async fn sqlite_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state/lilypad.db");
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    store.commit(Batch::from(vec![put("n", "k", "v")])).await.unwrap();
    let mut files = 0;
    for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        files += 1;
    }
    assert_eq!(files, 3, "the file, its log and the log's index");
}

#[tokio::test]
async fn sqlite_refuses_what_it_cannot_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lilypad.db");
    SqliteStore::open(&path).unwrap().shutdown();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, supported: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("has schema 99; this version reads up to 1"), "{error}");

    let damaged = folder.path().join("damaged.db");
    fs::write(&damaged, "this is no database, whatever its name says\n".repeat(200)).unwrap();
    assert!(matches!(SqliteStore::open(&damaged).unwrap_err(), StoreError::Damaged { .. }));
    assert!(fs::read_to_string(&damaged).unwrap().starts_with("this is no database"), "it is not overwritten");

    let error = SqliteStore::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Access { .. }), "{error:?}");
}

#[tokio::test]
async fn an_exclusive_store_has_one_opener() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lilypad.db");
    let store = SqliteStore::open_exclusive(&path).unwrap();
    store.commit(Batch::from(vec![put("n", "k", "v")])).await.unwrap();
    let error = SqliteStore::open_exclusive(&path).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    assert!(error.is_retryable());
    store.shutdown();
    let store = SqliteStore::open_exclusive(&path).unwrap();
    assert_eq!(store.value("n", "k").await.unwrap().as_deref(), Some("v"));
}

#[test]
fn many_who_make_one_file_at_once_all_get_it() {
    let folder = TempDir::new().unwrap();
    for round in 0..20 {
        let path = folder.path().join(format!("{round}.sqlite"));
        let start = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            let open = || {
                start.wait();
                SqliteStore::open(&path).map(drop)
            };
            let openers: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            for opener in openers {
                opener.join().unwrap().unwrap();
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_openers_of_one_file_do_not_lose_each_others_events() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lilypad.db");
    let writers = [0, 1].map(|name| {
        let store = SqliteStore::open(&path).unwrap();
        tokio::spawn(async move {
            for own in 0..50 {
                loop {
                    let seq = store.journal("s").await.unwrap().events.len() as u64;
                    let event = append("s", seq, &format!("{name}:{own}"));
                    match store.commit(Batch::from(vec![event])).await {
                        Ok(()) => break,
                        Err(error) => assert!(error.is_conflict(), "{error:?}"),
                    }
                }
            }
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }
    let events = SqliteStore::open(&path).unwrap().journal("s").await.unwrap().events;
    for name in [0, 1] {
        let own: Vec<_> = events.iter().filter(|event| event.starts_with(&format!("{name}:"))).collect();
        assert_eq!(own.len(), 50);
        assert!((0..50).all(|at| *own[at] == format!("{name}:{at}")), "in the order they were sent");
    }
}

const CHILD: &str = "LILYPAD_TEST_STORE_CHILD";

/// Not a test of its own: the process that the next test kills. It writes until it dies and says what was acknowledged.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Ok(path) = env::var(CHILD) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(path).unwrap();
        let writers: Vec<_> = (0..4)
            .map(|name| {
                let store = store.clone();
                tokio::spawn(async move {
                    for seq in 0.. {
                        let stream = format!("w{name}");
                        let writes = vec![append(&stream, seq, "e"), put(&stream, &seq.to_string(), "v")];
                        store.commit(Batch::from(writes)).await.unwrap();
                        writeln!(std::io::stderr().lock(), "acknowledged {name} {seq}").unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lilypad.db");
    let mut last = [None::<usize>; 4];
    for round in 1..=3 {
        // Each round writes to its own file in the same way; the last file is what is looked at.
        let path = path.with_extension(format!("{round}.db"));
        last = [None; 4];
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "store::child_that_writes_until_it_is_killed", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = 0;
        let mut killed = false;
        for line in lines.by_ref() {
            let line = line.unwrap();
            let Some(rest) = line.strip_prefix("acknowledged ") else { continue };
            let Some((name, seq)) = rest.split_once(' ') else { continue };
            let (Ok(name), Ok(seq)) = (name.parse::<usize>(), seq.parse::<usize>()) else { continue };
            last[name] = Some(seq);
            said += 1;
            if said == 100 * round && !killed {
                // SIGKILL in the middle of its work; what it said before is still in the pipe.
                child.kill().unwrap();
                killed = true;
            }
        }
        child.wait().unwrap();
        assert!(killed, "the child ended by itself after {said} lines");

        let store = SqliteStore::open(&path).unwrap();
        for (name, last) in last.iter().enumerate() {
            let stream = format!("w{name}");
            let events = store.journal(&stream).await.unwrap().events.len();
            let values = store.values(&stream).await.unwrap().len();
            assert_eq!(events, values, "a batch is there as a whole or not at all");
            let acknowledged = last.map_or(0, |seq| seq + 1);
            assert!(events >= acknowledged, "{name}: {acknowledged} acknowledged, {events} found");
            assert!(
                events <= acknowledged + 1,
                "{name}: {events} found, {acknowledged} acknowledged and one on its way"
            );
        }
    }
    assert!(last.iter().any(Option::is_some));
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_batches_share_a_transaction() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(folder.path().join("lilypad.db")).unwrap();
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                // Every tenth batch conflicts and must not take its group with it.
                let seq = u64::from(number % 10 == 0);
                store.commit(Batch::from(vec![append(&format!("s{number}"), seq, "e")])).await
            })
        })
        .collect();
    let mut refused = 0;
    for task in tasks {
        refused += usize::from(task.await.unwrap().is_err());
    }
    assert_eq!(refused, 20);
    assert_eq!(store.streams("s").await.unwrap().len(), 180);
    let transactions = transactions_in_log(&folder.path().join("lilypad.db-wal"));
    assert!((1..150).contains(&transactions), "200 batches took {transactions} transactions");
}

/// Counts the transactions in a write-ahead log by its format: a header of 32 bytes, then frames of 24 bytes and a page;
/// the second number of a frame is not zero in the last frame of a transaction.
fn transactions_in_log(path: &Path) -> usize {
    let log = fs::read(path).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let page = usize::try_from(number(8)).unwrap();
    let frames = (32..log.len()).step_by(24 + page);
    frames.filter(|frame| number(frame + 4) != 0 && number(frame + 8) == number(16)).count()
}
