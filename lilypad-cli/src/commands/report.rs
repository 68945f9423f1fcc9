//! A job as JSON, for `--output json` (one document at the end) and `ndjson` (one object an event, the same document last).
//!
//! ```text
//! event            "stage" while it goes on; "completed", "failed", "cancelled" or "detached" at the end
//! state, state_code     the network's name and number of the state
//! job_offer_id, deal_id, data_id, result_dir, stdout, stderr, exit_code, settlement     null until they are known
//! error            null, or {message, hints, exit_code} with the program's own exit code
//! ```

use std::path::Path;

use lilypad_sdk::{Job, JobOutput, types::DealState};
use serde_json::{Value, json};

use crate::exit::Failure;

/// What is known of a job.
#[derive(Debug, Default)]
pub(crate) struct Report {
    state: Option<DealState>,
    job_offer_id: Value,
    deal_id: Value,
    module: Value,
    output: Option<Output>,
}

#[derive(Debug)]
struct Output {
    data_id: Value,
    result_dir: Value,
    stdout: Value,
    stderr: Value,
    exit_code: Value,
    settlement: Value,
}

impl Report {
    /// Begins the report of a job of `module`.
    pub(crate) fn of(module: Option<&str>) -> Self {
        Self { module: module.into(), ..Self::default() }
    }

    /// Takes over which job it is.
    pub(crate) fn see_job(&mut self, job: &Job) {
        self.job_offer_id = json!(job.id().to_string());
        self.deal_id = json!(job.deal_id().map(|id| id.to_string()));
    }

    pub(crate) fn see_state(&mut self, state: DealState) {
        self.state = Some(state);
    }

    /// Takes over the result, which lies in `folder`.
    pub(crate) fn see_output(&mut self, output: &JobOutput, folder: &Path) {
        self.output = Some(Output {
            data_id: json!(output.data_id().to_string()),
            result_dir: json!(folder.display().to_string()),
            stdout: json!(output.stdout()),
            stderr: json!(output.stderr()),
            exit_code: json!(output.exit_code()),
            settlement: serde_json::to_value(output.settlement()).unwrap_or(Value::Null),
        });
    }

    /// The object of one event.
    pub(crate) fn event(&self, event: &str, failure: Option<&Failure>) -> Value {
        let output = self.output.as_ref();
        let of = |member: fn(&Output) -> &Value| output.map(member).cloned().unwrap_or(Value::Null);
        json!({
            "event": event,
            "module": self.module,
            "state": self.state.map(DealState::name),
            "state_code": self.state.map(DealState::code),
            "job_offer_id": self.job_offer_id,
            "deal_id": self.deal_id,
            "data_id": of(|o| &o.data_id),
            "result_dir": of(|o| &o.result_dir),
            "stdout": of(|o| &o.stdout),
            "stderr": of(|o| &o.stderr),
            "exit_code": of(|o| &o.exit_code),
            "settlement": of(|o| &o.settlement),
            "error": failure.map(|f| json!({ "message": f.message, "hints": f.hints, "exit_code": f.exit.code() })),
        })
    }
}
