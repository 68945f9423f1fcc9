//! Writing: a group of batches is one transaction, each batch a savepoint.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::file;
use crate::{
    store::{Batch, Expected, StoreError, Write, batch::wrong_seq},
    types::{DealId, DealState, to_canonical_json},
};

/// Why a batch was not written.
enum WriteError {
    /// It lost against the rules; the others of its group go on.
    Refused(StoreError),
    /// SQLite failed; the group fails.
    Engine(rusqlite::Error),
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for WriteError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Engine(source)
    }
}

/// Writes all batches with one fsync and returns the answer to each, in order.
pub(super) fn commit_all(connection: &mut Connection, batches: Vec<Batch>, path: &Path) -> Vec<Result<(), StoreError>> {
    let count = batches.len();
    match write_all(connection, batches) {
        Ok(answers) => answers,
        Err(source) => {
            let error = file::engine(source, path);
            vec![Err(error); count]
        }
    }
}

fn write_all(connection: &mut Connection, batches: Vec<Batch>) -> rusqlite::Result<Vec<Result<(), StoreError>>> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut answers = Vec::with_capacity(batches.len());
    for batch in batches {
        // Dropping a savepoint that was not committed rolls it back.
        let savepoint = transaction.savepoint()?;
        match batch.writes.into_iter().try_for_each(|write| apply(&savepoint, write)) {
            Ok(()) => {
                savepoint.commit()?;
                answers.push(Ok(()));
            }
            Err(WriteError::Refused(error)) => {
                savepoint.finish()?;
                answers.push(Err(error));
            }
            Err(WriteError::Engine(source)) => return Err(source),
        }
    }
    transaction.commit()?;
    Ok(answers)
}

fn apply(connection: &Connection, write: Write) -> Result<(), WriteError> {
    match write {
        Write::PutJobOffer { container, envelope, expected } => {
            let id = container.id.as_str();
            check(connection, "job offer", "SELECT state, deal_id FROM job_offers WHERE id = ?1", id, &expected)?;
            let mut put = connection.prepare_cached(
                "INSERT INTO job_offers (id, state, deal_id, record, envelope) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id) DO UPDATE SET state = ?2, deal_id = ?3, record = ?4, envelope = ?5",
            )?;
            let record = to_canonical_json(&*container);
            put.execute(params![id, container.state.code(), container.deal_id.as_str(), record, envelope])?;
        }
        Write::PutResourceOffer { container, envelope, expected } => {
            let id = container.id.as_str();
            let query = "SELECT state, deal_id FROM resource_offers WHERE id = ?1";
            check(connection, "resource offer", query, id, &expected)?;
            let mut put = connection.prepare_cached(
                "INSERT INTO resource_offers (id, state, deal_id, record, envelope) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id) DO UPDATE SET state = ?2, deal_id = ?3, record = ?4, envelope = ?5",
            )?;
            let record = to_canonical_json(&*container);
            put.execute(params![id, container.state.code(), container.deal_id.as_str(), record, envelope])?;
        }
        Write::RemoveResourceOffer { id } => {
            connection.prepare_cached("DELETE FROM resource_offers WHERE id = ?1")?.execute([id.as_str()])?;
        }
        Write::PutDeal { container, expected } => {
            let id = container.id.as_str();
            check(connection, "deal", "SELECT state, id FROM deals WHERE id = ?1", id, &expected)?;
            let mut put = connection.prepare_cached(
                "INSERT INTO deals (id, state, record) VALUES (?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET state = ?2, record = ?3",
            )?;
            put.execute(params![id, container.state.code(), to_canonical_json(&*container)])?;
        }
        Write::PutResult { result } => {
            let mut put =
                connection.prepare_cached("INSERT OR REPLACE INTO results (deal_id, record) VALUES (?1, ?2)")?;
            put.execute(params![result.deal_id.as_str(), to_canonical_json(&result)])?;
        }
        Write::AppendEvent { stream, seq, event } => {
            let found = find(connection, &stream)?;
            let next = found.as_ref().map_or(0, |found| found.next);
            if i64::try_from(seq) != Ok(next) {
                return Err(wrong_seq(stream, seq, u64::try_from(next).unwrap_or(0)).into());
            }
            let id = open(connection, stream, found)?;
            let mut append =
                connection.prepare_cached("INSERT INTO events (stream, seq, event) VALUES (?1, ?2, ?3)")?;
            append.execute(params![id, next, event])?;
            let mut advance = connection.prepare_cached("UPDATE streams SET next = next + 1 WHERE id = ?1")?;
            advance.execute([id])?;
        }
        Write::AddEffect { stream, key, effect } => {
            let found = find(connection, &stream)?;
            let id = open(connection, stream, found)?;
            let mut add = connection.prepare_cached(
                "INSERT INTO effects (stream, key, effect) VALUES (?1, ?2, ?3) ON CONFLICT (stream, key) DO NOTHING",
            )?;
            add.execute(params![id, key, effect])?;
        }
        Write::CompleteEffect { stream, key } => {
            let mut complete = connection.prepare_cached(
                "DELETE FROM effects WHERE stream = (SELECT id FROM streams WHERE name = ?1) AND key = ?2",
            )?;
            complete.execute(params![stream, key])?;
        }
        Write::PutValue { ns, key, value } => {
            let mut put =
                connection.prepare_cached("INSERT OR REPLACE INTO items (ns, key, value) VALUES (?1, ?2, ?3)")?;
            put.execute(params![ns, key, value])?;
        }
        Write::DeleteValue { ns, key } => {
            connection.prepare_cached("DELETE FROM items WHERE ns = ?1 AND key = ?2")?.execute(params![ns, key])?;
        }
        Write::CloseStream { stream } => {
            let mut close = connection.prepare_cached(
                "INSERT INTO streams (name, next, closed) VALUES (?1, 0, 1) ON CONFLICT (name) DO UPDATE SET closed = 1",
            )?;
            close.execute([stream])?;
        }
    }
    Ok(())
}

/// Compares the row that `query` finds for `id` (its state and deal) with what is `expected`.
fn check(
    connection: &Connection,
    what: &'static str,
    query: &str,
    id: &str,
    expected: &Expected,
) -> Result<(), WriteError> {
    if *expected == Expected::Anything {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(query)?;
    let found = statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let found = found.map(|(state, deal): (u8, String)| (DealState::try_from(state), DealId::from_wire(deal)));
    let found = match &found {
        None => None,
        Some((Ok(state), deal)) => Some((*state, deal)),
        Some((Err(unknown), _)) => {
            let source = std::sync::Arc::new(unknown.clone());
            return Err(StoreError::Decode { what, id: id.to_owned(), source }.into());
        }
    };
    Ok(expected.check(what, id, found)?)
}

struct Stream {
    id: i64,
    next: i64,
    closed: bool,
}

fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<Stream>> {
    let mut statement = connection.prepare_cached("SELECT id, next, closed FROM streams WHERE name = ?1")?;
    statement.query_row([name], |row| Ok(Stream { id: row.get(0)?, next: row.get(1)?, closed: row.get(2)? })).optional()
}

/// The row of the stream `name`, made when it is new.
fn open(connection: &Connection, name: String, found: Option<Stream>) -> Result<i64, WriteError> {
    match found {
        Some(Stream { closed: true, .. }) => Err(StoreError::Closed { stream: name }.into()),
        Some(Stream { id, .. }) => Ok(id),
        None => {
            let mut insert = connection.prepare_cached("INSERT INTO streams (name, next, closed) VALUES (?1, 0, 0)")?;
            Ok(insert.insert([name])?)
        }
    }
}
