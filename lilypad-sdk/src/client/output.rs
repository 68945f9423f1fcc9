//! What a job gave back.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::settlement::SettlementRecord;
use crate::types::{DataId, DealId, JobResult};

/// The result of a job: its folder on this machine and what was paid for it.
#[derive(Clone, Debug)]
pub struct JobOutput {
    pub(super) deal_id: DealId,
    pub(super) dir: PathBuf,
    pub(super) result: JobResult,
    pub(super) settlement: SettlementRecord,
    pub(super) receipt: Option<PathBuf>,
}

impl JobOutput {
    /// The deal.
    pub fn deal_id(&self) -> &DealId {
        &self.deal_id
    }

    /// The result folder: `stdout`, `stderr`, `exitCode` and one folder per output.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Id of the result folder, as the provider put it on chain.
    pub fn data_id(&self) -> &DataId {
        &self.result.data_id
    }

    /// The provider's result record.
    pub fn result(&self) -> &JobResult {
        &self.result
    }

    /// What the job wrote to its standard output; invalid UTF-8 is replaced, a missing file is empty.
    pub fn stdout(&self) -> String {
        self.text("stdout")
    }

    /// What the job wrote to its standard error; invalid UTF-8 is replaced, a missing file is empty.
    pub fn stderr(&self) -> String {
        self.text("stderr")
    }

    /// What the job returned; `None` when its result does not say.
    pub fn exit_code(&self) -> Option<i32> {
        let mut text = String::new();
        // Strangers write this file: what is longer than a number is none.
        fs::File::open(self.dir.join("exitCode")).ok()?.take(32).read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }

    /// What was paid, and that nothing is left in escrow.
    pub fn settlement(&self) -> &SettlementRecord {
        &self.settlement
    }

    /// Where the receipt is kept; `None` when it could not be written.
    pub fn receipt(&self) -> Option<&Path> {
        self.receipt.as_deref()
    }

    /// Moves the result folder to `target`, which must not exist or be empty.
    ///
    /// # Errors
    /// The operating system's, when it can't be moved or copied.
    pub fn move_to(&mut self, target: &Path) -> io::Result<()> {
        if target.exists() {
            // Fails where the folder holds anything.
            fs::remove_dir(target)?;
        }
        if let Some(parent) = target.parent().filter(|p| !p.as_os_str().is_empty()) {
            fs::create_dir_all(parent)?;
        }
        if fs::rename(&self.dir, target).is_err() {
            copy_folder(&self.dir, target)?;
            fs::remove_dir_all(&self.dir)?;
        }
        self.dir = target.to_owned();
        Ok(())
    }

    fn text(&self, name: &str) -> String {
        fs::read(self.dir.join(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&source, &target)?
        } else {
            fs::copy(&source, &target).map(drop)?
        }
    }
    Ok(())
}
