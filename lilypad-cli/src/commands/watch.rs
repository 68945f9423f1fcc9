//! Watching a job to its end: stages on the screen, Ctrl-C, the tail, the JSON document.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use lilypad_sdk::{
    Interrupted, Job, JobEvent, JobOutput, Stage,
    types::{DealState, one_line, plain_lines},
};

use super::{failure::of_sdk, report::Report};
use crate::{
    exit::{Exit, Failure},
    printer::Printer,
    progress::{Progress, stage},
    settings::ViewSettings,
    signals::Signals,
};

/// Most characters of a line about the job, so that a module's name cannot fill the screen.
pub(super) const MAX_NOTE_CHARS: usize = 400;

/// How long the report of a failure waits for the chain to say where the money is.
const SETTLEMENT_PATIENCE: Duration = Duration::from_secs(5);

/// What becomes of the tokens of a deal that the provider had not agreed to.
const LOCKED: &str =
    "nothing was paid; what was locked for the deal comes back by itself, within about a minute of the agreement";

/// One job on one screen.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    pub(crate) printer: &'a Printer,
    pub(crate) progress: Progress<'a>,
    pub(crate) signals: Signals,
    pub(crate) report: Report,
    pub(crate) view: &'a ViewSettings,
    /// Let go once both parties have agreed.
    pub(crate) detach: bool,
    /// Name of the network, for the command that takes the job up again.
    pub(crate) network: &'a str,
    /// Whether the network lives in this process.
    pub(crate) network_ends: bool,
}

impl Watch<'_> {
    /// Watches until the job has ended, was interrupted, or is let go of.
    pub(crate) async fn follow(&mut self, job: &mut Job) -> Result<Exit, Failure> {
        self.say_job(job);
        loop {
            let next = tokio::select! {
                next = job.next_event() => next,
                exit = self.signals.next() => return self.interrupt(job, exit).await,
            };
            match next {
                Some(Ok(JobEvent::Matched)) => self.say_deal(job),
                Some(Ok(JobEvent::Stage(at))) => {
                    self.show(job, &at);
                    if self.detach && at.state == DealState::DealAgreed {
                        self.say_detached(job);
                        return Ok(Exit::Success);
                    }
                }
                // What a later version of the SDK may tell of.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(self.fail_job(job, of_sdk(&error)).await),
                None => break,
            }
        }
        let output = tokio::select! {
            output = job.output() => output,
            exit = self.signals.next() => return self.interrupt(job, exit).await,
        };
        match output {
            Ok(output) => self.finish(&output),
            Err(error) => Err(self.fail_job(job, of_sdk(&error)).await),
        }
    }

    /// Which job it is, at which commit, and what its creator may not have meant. Below the first stage, where the existing
    /// client has lines of its log.
    fn say_job(&mut self, job: &Job) {
        self.report.see_job(job);
        self.note(&match self.report.module() {
            Some(module) => format!("module {module} at commit {}", job.commit()),
            None => format!("module at commit {}", job.commit()),
        });
        self.note(&format!("job offer {}", job.id()));
        if job.terms().is_some() {
            self.say_deal(job);
        }
    }

    /// With whom and at what price, before anything is paid.
    fn say_deal(&mut self, job: &Job) {
        self.report.see_job(job);
        let Some(terms) = job.terms() else { return };
        let pricing = &terms.pricing;
        let (price, most) = (pricing.instruction_price, pricing.payment_collateral);
        self.note(&format!("deal {}", terms.deal_id));
        self.note(&format!("provider {} asks {price} LP, at most {most} LP", terms.resource_provider));
    }

    fn note(&mut self, text: &str) {
        self.progress.note(&one_line(text, MAX_NOTE_CHARS));
    }

    fn show(&mut self, job: &Job, at: &Stage) {
        self.report.see_job(job);
        self.report.see_state(at.state);
        self.printer.event(&self.report.event("stage", None));
        let (emoji, text) = stage(at.state);
        self.progress.show(emoji, &text);
    }

    /// Ends with the failure of a job, whose money a program wants to know about as well.
    async fn fail_job(&mut self, job: &Job, failure: Failure) -> Failure {
        self.report.see_job(job);
        if !self.printer.is_plain()
            && let Ok(Ok(Some(settlement))) = tokio::time::timeout(SETTLEMENT_PATIENCE, job.settlement()).await
        {
            self.report.see_settlement(&settlement);
        }
        self.fail(failure)
    }

    /// Ends the screen and the report with a failure.
    pub(crate) fn fail(&mut self, failure: Failure) -> Failure {
        self.progress.fail("failed");
        self.printer.document(&self.report.event("failed", Some(&failure)));
        failure
    }

    /// Before both parties have agreed the job is cancelled, later it is let go of. A second signal ends at once.
    async fn interrupt(&mut self, job: &mut Job, exit: Exit) -> Result<Exit, Failure> {
        self.progress.fail("interrupted");
        let interrupted = self.signals.impatient(job.interrupt()).await;
        self.report.see_job(job);
        let (event, failure) = match interrupted {
            Interrupted::Cancelled => {
                let failure = Failure::new(exit, "interrupted, the job was cancelled");
                ("cancelled", failure.hint(if job.is_locked().await { LOCKED } else { "nothing was paid" }))
            }
            Interrupted::Detached if self.network_ends => {
                let failure = Failure::new(exit, "interrupted, and the network in this process ended with it");
                (
                    "cancelled",
                    failure.hint("lilypad devnet keeps a network running, on which a job goes on without its creator"),
                )
            }
            Interrupted::Detached => {
                let failure = Failure::new(exit, "interrupted, the job goes on without this program");
                ("detached", failure.hint(format!("to take it up again: {}", self.attach_command(job))))
            }
        };
        self.printer.document(&self.report.event(event, Some(&failure)));
        Err(failure)
    }

    fn attach_command(&self, job: &Job) -> String {
        let id = job.deal_id().map_or_else(|| job.id().to_string(), ToString::to_string);
        format!("lilypad jobs attach -n {} {id}", self.network)
    }

    fn say_detached(&mut self, job: &Job) {
        self.progress.done();
        self.printer.line(format_args!("\nThe job goes on. To take it up again:\n    {}", self.attach_command(job)));
        self.printer.document(&self.report.event("detached", None));
    }

    /// The job's own output if it was asked for, the tail, and what the job's exit code means for ours.
    fn finish(&mut self, output: &JobOutput) -> Result<Exit, Failure> {
        self.progress.done();
        let placed = self.place(output.dir());
        let folder = placed.as_deref().unwrap_or(output.dir()).to_owned();
        // The report carries the streams, which a person reads in their files.
        if !self.printer.is_plain() {
            self.report.see_output(output, &folder);
        }
        if let Err(failure) = placed {
            return Err(self.fail(failure));
        }
        if self.view.show {
            let text = output.stdout();
            // A stranger's program must not move the cursor, or write over what stands above.
            let text = if self.printer.is_terminal() { plain_lines(&text) } else { text };
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            self.printer.plain(format_args!("\n{text}{end}"));
        }
        if is_empty(&folder) {
            self.printer.line("⚠️  result has no outputs and no stdout");
        }
        self.printer.plain(tail(&output.data_id().to_string(), &folder));
        let ended = match output.exit_code() {
            Some(0) => {
                self.printer.document(&self.report.event("completed", None));
                return Ok(Exit::Success);
            }
            Some(code) => format!("the job exited with code {code}"),
            None => "the job's result does not say how it ended".to_owned(),
        };
        let failure =
            Failure::new(Exit::Job, ended).hint(format!("its messages: cat {}", folder.join("stderr").display()));
        self.printer.document(&self.report.event("failed", Some(&failure)));
        Err(failure)
    }

    /// Where the result lies: the data folder, or a copy in the folder asked for.
    fn place(&self, folder: &Path) -> Result<PathBuf, Failure> {
        let Some(target) = &self.view.out_dir else { return Ok(folder.to_owned()) };
        copy_folder(folder, target).map_err(|error| {
            Failure::new(Exit::Job, format!("the result cannot be copied to {}: {error}", target.display()))
                .hint(format!("it lies in {}", folder.display()))
        })?;
        std::path::absolute(target).map_err(|error| Failure::new(Exit::Job, format!("{}: {error}", target.display())))
    }
}

/// The last lines, in the words that existing scripts read.
pub(super) fn tail(data_id: &str, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "\n🆔  Data ID: {data_id}\n\n🍂 Lilypad job completed, try 👇\n    open {folder}\n    cat {folder}/stdout\n    cat {folder}/stderr\n"
    )
}

/// Whether a result has neither outputs nor a line of stdout.
fn is_empty(folder: &Path) -> bool {
    let has = |entry: &fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => fs::read_dir(entry.path()).is_ok_and(|mut inside| inside.next().is_some()),
        _ => entry.file_name() == "stdout" && entry.metadata().is_ok_and(|metadata| metadata.len() > 0),
    };
    fs::read_dir(folder).is_ok_and(|entries| !entries.flatten().any(|entry| has(&entry)))
}

/// Copies files and folders; a result holds nothing else.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_what_scripts_look_for() {
        let text = tail("QmData", Path::new("/tmp/lilypad/data/downloaded-files/QmDeal"));
        let expected = "
🆔  Data ID: QmData

🍂 Lilypad job completed, try 👇
    open /tmp/lilypad/data/downloaded-files/QmDeal
    cat /tmp/lilypad/data/downloaded-files/QmDeal/stdout
    cat /tmp/lilypad/data/downloaded-files/QmDeal/stderr
";
        assert_eq!(text, expected);
        let second_word = text.lines().find(|line| line.contains("open /tmp")).unwrap().split_whitespace().nth(1);
        assert_eq!(second_word, Some("/tmp/lilypad/data/downloaded-files/QmDeal"));
    }

    #[test]
    fn a_result_is_copied_whole_and_an_empty_one_is_noticed() {
        let from = tempfile::tempdir().unwrap();
        fs::create_dir_all(from.path().join("outputs")).unwrap();
        fs::write(from.path().join("stdout"), "").unwrap();
        assert!(is_empty(from.path()));
        fs::write(from.path().join("outputs/image.png"), "x").unwrap();
        assert!(!is_empty(from.path()));
        let to = tempfile::tempdir().unwrap();
        copy_folder(from.path(), &to.path().join("new/folder")).unwrap();
        assert_eq!(fs::read_to_string(to.path().join("new/folder/outputs/image.png")).unwrap(), "x");
    }
}
