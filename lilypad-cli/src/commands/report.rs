//! A job as JSON, for `--output json` (one document at the end) and `ndjson` (one object an event, the same document last).
//!
//! ```text
//! event            "stage" while it goes on; "completed", "failed", "cancelled" or "detached" at the end
//! module, commit   as it was typed, and the commit that every party runs
//! price            null until there is a deal, then {wei, at_most_wei}: of a unit, and of all units together
//! warnings         what the creator may not have meant, though the job runs
//! state, state_code     the network's name and number of the state
//! job_offer_id, deal_id, data_id, result_dir, stdout, stderr, exit_code, settlement     null until they are known
//! error            null, or {message, hints, exit_code} with the program's own exit code
//! stdout_truncated, stderr_truncated     whether the text is only the first MiB of the file at stdout_path, stderr_path
//! ```
//!
//! A failure before there is a job has the same members, so that a program reads one shape only.

use std::{fs::File, io::Read as _, path::Path};

use lilypad_sdk::{Job, JobOutput, client::SettlementRecord, types::DealState};
use serde_json::{Value, json};

use crate::exit::Failure;

/// Most bytes of each of the job's streams that a document carries; the files hold the rest.
const MAX_STREAM_BYTES: u64 = 1 << 20;

/// What is known of a job.
#[derive(Debug, Default)]
pub(crate) struct Report {
    state: Option<DealState>,
    job_offer_id: Value,
    deal_id: Value,
    module: Option<String>,
    commit: Value,
    price: Value,
    warnings: Vec<String>,
    settlement: Value,
    output: Option<Output>,
}

#[derive(Debug)]
struct Output {
    data_id: Value,
    result_dir: Value,
    stdout: Stream,
    stderr: Stream,
    exit_code: Value,
}

/// The beginning of a stream's file.
#[derive(Debug)]
struct Stream {
    path: Value,
    text: Value,
    is_truncated: Value,
}

impl Stream {
    /// A file that is missing is empty; bytes that are no UTF-8 are replaced.
    fn read(folder: &Path, name: &str) -> Self {
        let path = folder.join(name);
        let mut bytes = Vec::new();
        // What can't be read is left out: the result folder is there to look into.
        let _ = File::open(&path).and_then(|file| file.take(MAX_STREAM_BYTES + 1).read_to_end(&mut bytes));
        let most = usize::try_from(MAX_STREAM_BYTES).unwrap_or(usize::MAX);
        let is_truncated = bytes.len() > most;
        bytes.truncate(most);
        Self {
            path: json!(path.display().to_string()),
            text: json!(String::from_utf8_lossy(&bytes)),
            is_truncated: json!(is_truncated),
        }
    }
}

impl Report {
    /// Begins the report of a job of `module`.
    pub(crate) fn of(module: Option<&str>) -> Self {
        Self { module: module.map(str::to_owned), ..Self::default() }
    }

    pub(crate) fn module(&self) -> Option<&str> {
        self.module.as_deref()
    }

    /// Takes over which job it is.
    pub(crate) fn see_job(&mut self, job: &Job) {
        self.job_offer_id = json!(job.id().to_string());
        self.deal_id = json!(job.deal_id().map(|id| id.to_string()));
        self.commit = json!(job.commit());
        self.warnings = job.warnings().to_vec();
        self.price = json!(job.terms().map(|terms| {
            json!({ "wei": terms.pricing.instruction_price, "at_most_wei": terms.pricing.payment_collateral })
        }));
    }

    pub(crate) fn see_state(&mut self, state: DealState) {
        self.state = Some(state);
    }

    /// Takes over what was paid, and the state that the chain gives the deal.
    pub(crate) fn see_settlement(&mut self, settlement: &SettlementRecord) {
        self.settlement = serde_json::to_value(settlement).unwrap_or(Value::Null);
        if let Ok(state) = settlement.state.parse() {
            self.state = Some(state);
        }
    }

    /// Takes over the result, which lies in `folder`.
    pub(crate) fn see_output(&mut self, output: &JobOutput, folder: &Path) {
        self.output = Some(Output {
            data_id: json!(output.data_id().to_string()),
            result_dir: json!(folder.display().to_string()),
            stdout: Stream::read(folder, "stdout"),
            stderr: Stream::read(folder, "stderr"),
            exit_code: json!(output.exit_code()),
        });
        self.see_settlement(output.settlement());
    }

    /// The object of one event.
    pub(crate) fn event(&self, event: &str, failure: Option<&Failure>) -> Value {
        let output = self.output.as_ref();
        let of = |member: fn(&Output) -> &Value| output.map(member).cloned().unwrap_or(Value::Null);
        json!({
            "event": event,
            "module": self.module,
            "commit": self.commit,
            "price": self.price,
            "state": self.state.map(DealState::name),
            "state_code": self.state.map(DealState::code),
            "job_offer_id": self.job_offer_id,
            "deal_id": self.deal_id,
            "data_id": of(|o| &o.data_id),
            "result_dir": of(|o| &o.result_dir),
            "stdout": of(|o| &o.stdout.text),
            "stdout_truncated": of(|o| &o.stdout.is_truncated),
            "stdout_path": of(|o| &o.stdout.path),
            "stderr": of(|o| &o.stderr.text),
            "stderr_truncated": of(|o| &o.stderr.is_truncated),
            "stderr_path": of(|o| &o.stderr.path),
            "exit_code": of(|o| &o.exit_code),
            "settlement": self.settlement,
            "warnings": self.warnings,
            "error": failure.map(|f| json!({ "message": f.message, "hints": f.hints, "exit_code": f.exit.code() })),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_long_stream_is_cut_and_its_file_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stdout");
        let most = usize::try_from(MAX_STREAM_BYTES).unwrap();
        for (written, is_truncated) in [(0, false), (most, false), (most + 1, true)] {
            std::fs::write(&file, "x".repeat(written)).unwrap();
            let stream = Stream::read(folder.path(), "stdout");
            assert_eq!(stream.text.as_str().unwrap().len(), written.min(most));
            assert_eq!(
                (&stream.is_truncated, &stream.path),
                (&json!(is_truncated), &json!(file.display().to_string()))
            );
        }
        let absent = Stream::read(folder.path(), "stderr");
        assert_eq!((absent.text, absent.is_truncated), (json!(""), json!(false)));
    }

    #[test]
    fn a_failure_without_a_job_has_every_member() {
        let failure = Failure::usage("nothing").hint("something");
        let event = Report::default().event("failed", Some(&failure));
        assert_eq!(event["event"], "failed");
        assert_eq!(event["error"], json!({ "message": "nothing", "hints": ["something"], "exit_code": 2 }));
        assert!(event["job_offer_id"].is_null() && event["stdout"].is_null() && event["exit_code"].is_null());
    }
}
