//! Queries.

use std::{path::Path, sync::Arc};

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use super::file;
use crate::store::{Journal, SolverRecords, StoreError, StoredOffer, StreamInfo};

/// Why a query gave nothing.
pub(super) enum ReadError {
    Engine(rusqlite::Error),
    Decode { what: &'static str, id: String, source: serde_json::Error },
}

impl ReadError {
    pub(super) fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Engine(source) => file::engine(source, path),
            Self::Decode { what, id, source } => StoreError::Decode { what, id, source: Arc::new(source) },
        }
    }
}

impl From<rusqlite::Error> for ReadError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Engine(source)
    }
}

pub(super) fn solver_records(connection: &Connection) -> Result<SolverRecords, ReadError> {
    let offer = |record, row: &Row<'_>| Ok(StoredOffer { container: record, envelope: row.get(2)? });
    let mut records = SolverRecords {
        job_offers: all(connection, "job offer", "SELECT id, record, envelope FROM job_offers", offer)?,
        resource_offers: all(
            connection,
            "resource offer",
            "SELECT id, record, envelope FROM resource_offers",
            |record, row| Ok(StoredOffer { container: record, envelope: row.get(2)? }),
        )?,
        deals: all(connection, "deal", "SELECT id, record FROM deals", |record, _| Ok(record))?,
        results: all(connection, "result of deal", "SELECT deal_id, record FROM results", |record, _| Ok(record))?,
    };
    records.sort();
    Ok(records)
}

/// All rows of `query`, whose first columns are the id and the record's JSON.
fn all<R: DeserializeOwned, T>(
    connection: &Connection,
    what: &'static str,
    query: &str,
    build: impl Fn(R, &Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, ReadError> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        let record = match serde_json::from_str(text) {
            Ok(record) => record,
            Err(source) => return Err(ReadError::Decode { what, id: row.get(0)?, source }),
        };
        found.push(build(record, row)?);
    }
    Ok(found)
}

pub(super) fn journal(connection: &Connection, name: &str) -> Result<Journal, ReadError> {
    let mut stream = connection.prepare_cached("SELECT id, closed FROM streams WHERE name = ?1")?;
    let found = stream.query_row([name], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()?;
    let Some((id, closed)) = found else { return Ok(Journal::default()) };
    let mut events = connection.prepare_cached("SELECT event FROM events WHERE stream = ?1 ORDER BY seq")?;
    let events = events.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut pending = connection.prepare_cached("SELECT key, effect FROM effects WHERE stream = ?1 ORDER BY id")?;
    let pending = pending.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok(Journal { events, pending, closed })
}

pub(super) fn streams(connection: &Connection, prefix: &str) -> Result<Vec<StreamInfo>, ReadError> {
    // Ordered by bytes, as the memory store orders names; the prefix is cut in Rust because LIKE has wildcards.
    let mut statement =
        connection.prepare_cached("SELECT name, next, closed FROM streams WHERE name >= ?1 ORDER BY name")?;
    let mut rows = statement.query([prefix])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        if !name.starts_with(prefix) {
            break;
        }
        let events: i64 = row.get(1)?;
        found.push(StreamInfo { name, events: u64::try_from(events).unwrap_or(0), closed: row.get(2)? });
    }
    Ok(found)
}

pub(super) fn value(connection: &Connection, ns: &str, key: &str) -> Result<Option<String>, ReadError> {
    let mut statement = connection.prepare_cached("SELECT value FROM items WHERE ns = ?1 AND key = ?2")?;
    Ok(statement.query_row(params![ns, key], |row| row.get(0)).optional()?)
}

pub(super) fn values(connection: &Connection, ns: &str) -> Result<Vec<(String, String)>, ReadError> {
    let mut statement = connection.prepare_cached("SELECT key, value FROM items WHERE ns = ?1 ORDER BY key")?;
    Ok(statement.query_map([ns], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}
