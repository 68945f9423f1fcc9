//! Executors with their real engines.

mod docker;
mod wasm;

use std::{fs, path::Path};

use lilypad_sdk::executor::{EventSink, Executor, ExecutorError, RunReport, RunRequest, Workload};
use tempfile::TempDir;

/// A run in a folder of its own.
struct Job {
    dir: TempDir,
    request: RunRequest,
}

impl Job {
    fn new(workload: Workload) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let id = format!("test-{}", dir.path().file_name().unwrap().to_string_lossy().trim_start_matches('.'));
        let request = RunRequest::new(id, workload, dir.path().join("result"));
        Self { dir, request }
    }

    async fn run(&self, executor: &impl Executor) -> Result<RunReport, ExecutorError> {
        executor.run(self.request.clone(), EventSink::none()).await
    }

    /// Gives the job a folder of inputs with these files.
    fn inputs(&mut self, files: &[(&str, &str)]) {
        let inputs = self.dir.path().join("inputs");
        fs::create_dir_all(&inputs).unwrap();
        for (name, content) in files {
            fs::write(inputs.join(name), content).unwrap();
        }
        self.request.input_dir = Some(inputs);
    }

    fn read(&self, name: &str) -> String {
        read(&self.request.result_dir.join(name))
    }

    /// Names below the result folder, folders with a slash, sorted.
    fn listing(&self) -> Vec<String> {
        fn walk(dir: &Path, prefix: &str, names: &mut Vec<String>) {
            for entry in fs::read_dir(dir).unwrap() {
                let entry = entry.unwrap();
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                if entry.file_type().unwrap().is_dir() {
                    names.push(format!("{name}/"));
                    walk(&entry.path(), &format!("{name}/"), names);
                } else {
                    names.push(name);
                }
            }
        }
        let mut names = Vec::new();
        walk(&self.request.result_dir, "", &mut names);
        names.sort();
        names
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
