//! Help, version and completion.

use std::process::Stdio;

use crate::support::{lilypad, run};

#[test]
fn a_bare_call_prints_the_help_on_stdout() {
    let bare = run(&[], &[]);
    assert_eq!((bare.code, bare.stderr.as_str()), (Some(0), ""));
    for verb in ["run", "devnet", "solver", "jobs", "contracts", "version", "completion", "help"] {
        assert!(bare.stdout.lines().any(|line| line.trim_start().starts_with(verb)), "{verb}: {}", bare.stdout);
    }
    assert!(bare.stdout.starts_with("Lilypad\n"), "{}", bare.stdout);
    let help = run(&["--help"], &[]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    assert!(help.stdout.starts_with("Lilypad: v"), "{}", help.stdout);
    assert!(!help.stdout.contains('\u{1b}'));
}

#[test]
fn the_help_of_run_never_shows_a_key() {
    let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    for words in
        [&["run", "--help"][..], &["help", "run"], &["run", "-h"], &["run", "--web3-private-key", key, "--help"]]
    {
        let help = run(words, &[("WEB3_PRIVATE_KEY", key)]);
        assert_eq!(help.code, Some(0), "{help:?}");
        assert!(help.stdout.contains("WEB3_PRIVATE_KEY"), "{help:?}");
        assert!(!help.stdout.contains(key) && !help.stderr.contains(key), "{help:?}");
    }
}

#[test]
fn the_version_can_be_cut_out_by_scripts() {
    let version = run(&["version"], &[]);
    assert_eq!((version.code, version.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = version.stdout.lines().collect();
    assert_eq!(lines[0], concat!("Lilypad: v", env!("CARGO_PKG_VERSION")));
    assert!(lines[1].starts_with("Commit: ") && lines[1].len() > "Commit: ".len());
    assert_eq!(lines[2], "Wire: v2.23.0");
    assert_eq!(lines.len(), 3);
    for words in [&["version", "--json"][..], &["version", "--output", "json"], &["version", "--output", "ndjson"]] {
        let json: serde_json::Value = serde_json::from_str(&run(words, &[]).stdout).unwrap();
        assert_eq!(json["version"], concat!("v", env!("CARGO_PKG_VERSION")));
        assert_eq!(json["wire"], "v2.23.0");
    }
}

#[test]
fn every_shell_gets_a_completion_script() {
    for (shell, mark) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef lilypad"),
        ("fish", "complete -c lilypad"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = run(&["completion", shell], &[]);
        assert_eq!((script.code, script.stderr.as_str()), (Some(0), ""));
        assert!(script.stdout.contains(mark), "{shell}");
        assert!(script.stdout.contains("devnet"), "{shell}");
    }
    run(&["completion", "tcsh"], &[]).assert_fails(2, "tcsh", "--help");
}

#[test]
fn output_that_is_lost_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let home = tempfile::tempdir().unwrap();
    let output = lilypad(home.path()).arg("version").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("Error: what was to be printed"));
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let home = tempfile::tempdir().unwrap();
    let mut child = lilypad(home.path())
        .args(["completion", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
