//! Compiles `contracts/src` with the settings of `contracts/foundry.toml` and writes `lilypad-sdk/abi`.
//!
//! `cargo run --manifest-path contracts/compiler/Cargo.toml` writes; with `-- --check` it compares and fails if the
//! committed artifacts are not what the sources compile to. Needs `npm ci` in the workspace folder, and node.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
};

use anyhow::{Context, Result, bail};
use foundry_compilers::{
    ConfigurableArtifacts, ProjectBuilder, ProjectCompileOutput, ProjectPathsConfig,
    artifacts::{BytecodeHash, EvmVersion, Settings, SettingsMetadata, remappings::Remapping},
    solc::{CliSettings, Solc, SolcCompiler, SolcLanguage, SolcSettings},
};
use serde::Deserialize;

/// The part of `foundry.toml` that decides what the bytecode is.
#[derive(Deserialize)]
struct Profile {
    solc: PathBuf,
    evm_version: String,
    optimizer: bool,
    optimizer_runs: usize,
    remappings: Vec<String>,
}

fn main() -> ExitCode {
    match run(env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<String>) -> Result<()> {
    let check = match arguments.as_slice() {
        [] => false,
        [only] if only == "--check" => true,
        _ => bail!("usage: lilypad-contracts-compiler [--check]"),
    };
    let workspace = lilypad_contracts::workspace_root().canonicalize()?;
    let folder = workspace.join("contracts");
    let profile = profile(&folder)?;
    let output = compile(&workspace, &folder, &profile)?;
    let mut stale = 0;
    for contract in lilypad_contracts::CONTRACTS {
        let artifact = output
            .find(&folder.join("src").join(format!("{contract}.sol")), contract)
            .with_context(|| format!("{contract} is not in the compiler's output"))?;
        let abi = serde_json::to_value(artifact.abi.as_ref().context("no ABI")?)?;
        let code = artifact.bytecode.as_ref().and_then(|code| code.object.as_bytes()).context("no creation code")?;
        let fresh = lilypad_contracts::canonical(contract, &abi, &code.to_string())?;
        if !check {
            lilypad_contracts::write(contract, &fresh)?;
        } else if let Err(error) = lilypad_contracts::check(contract, &fresh) {
            eprintln!("{error}");
            stale += 1;
        }
    }
    if stale > 0 {
        bail!(
            "{stale} stale; run `cargo run --manifest-path contracts/compiler/Cargo.toml` and commit lilypad-sdk/abi"
        );
    }
    println!("{} contracts {}", lilypad_contracts::CONTRACTS.len(), if check { "checked" } else { "written" });
    Ok(())
}

fn profile(folder: &Path) -> Result<Profile> {
    let path = folder.join("foundry.toml");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut config: toml::Table = text.parse()?;
    let profile = config
        .remove("profile")
        .and_then(|mut profiles| profiles.as_table_mut().and_then(|table| table.remove("default")))
        .context("foundry.toml has no [profile.default]")?;
    Ok(profile.try_into()?)
}

fn compile(workspace: &Path, folder: &Path, profile: &Profile) -> Result<ProjectCompileOutput<SolcCompiler>> {
    let solc = Solc::new(folder.join(&profile.solc)).context("the compiler does not start; was `npm ci` run?")?;
    let mut remappings = Vec::new();
    for remapping in &profile.remappings {
        let mut remapping = Remapping::from_str(remapping).with_context(|| remapping.clone())?;
        let target = folder.join(&remapping.path).canonicalize().with_context(|| remapping.path.clone())?;
        remapping.path = format!("{}/", target.display());
        remappings.push(remapping);
    }
    let paths = ProjectPathsConfig::builder()
        .sources(folder.join("src"))
        .remappings(remappings)
        .build_with_root::<SolcLanguage>(folder);
    let mut settings = Settings::default();
    settings.optimizer.enabled = Some(profile.optimizer);
    settings.optimizer.runs = Some(profile.optimizer_runs);
    settings.evm_version =
        Some(EvmVersion::from_str(&profile.evm_version).ok().context("foundry.toml names an unknown evm_version")?);
    let mut metadata = SettingsMetadata::new(BytecodeHash::None, false);
    metadata.use_literal_content = None;
    settings.metadata = Some(metadata);
    // node_modules may be a link to another place.
    let modules = workspace.join("node_modules").canonicalize().context("node_modules; was `npm ci` run?")?;
    let cli_settings =
        CliSettings { allow_paths: [workspace.to_path_buf(), modules].into_iter().collect(), ..CliSettings::default() };
    let project = ProjectBuilder::<SolcCompiler>::new(ConfigurableArtifacts::default())
        .paths(paths)
        .settings(SolcSettings { settings, cli_settings })
        .ephemeral()
        .no_artifacts()
        .offline()
        .build(SolcCompiler::Specific(solc))?;
    let output = project.compile()?;
    if output.has_compiler_errors() {
        bail!("{output}");
    }
    Ok(output)
}
