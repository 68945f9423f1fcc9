//! Rules on the decoded module: what its job would run as.

use super::{Diagnostic, Report, Rule, Scene, Severity};
use crate::module::spec::{Engine, NetworkKind, StorageSpec};
use crate::module::{Module, ModuleError, Resources};

/// Seconds that the solver gives a run that names none.
const SOLVER_SECONDS: u64 = 900;
/// Least memory a container can have, in bytes.
const DOCKER_LEAST: u64 = 6 << 20;
const AT_PROVIDER: &str = "the job fails at the provider, after the deal";
const BEFORE: &str = "refused before anything is offered";

pub(super) fn look(scene: &Scene<'_>, module: &Module, report: &mut Report) {
    let is_wasm = module.job.spec.engine == Some(Engine::Wasm);
    engine(scene, module, is_wasm, report);
    match module.workload() {
        Ok(_) | Err(ModuleError::NoEngine { .. }) => {}
        Err(ModuleError::Job { problems, .. }) => {
            for problem in problems {
                report.add(job_problem(scene, &problem));
            }
        }
        Err(other) => report.add(Diagnostic::new(Rule::JobSpec, Severity::Fault, other.to_string())),
    }
    if !is_wasm && !module.job.spec.docker.image.is_empty() {
        image(scene, &module.job.spec.docker.image, report);
    }
    gpus(scene, module, report);
    resources(scene, module, is_wasm, report);
    dropped(scene, module, is_wasm, report);
    network(scene, module, report);
    time(scene, module, report);
    files(scene, module, is_wasm, report);
}

fn engine(scene: &Scene<'_>, module: &Module, is_wasm: bool, report: &mut Report) {
    let spec = &module.job.spec;
    let at = scene.of(&["job.Spec.Engine", "job.Spec.EngineSpec", "job.Spec", "job"]);
    if is_wasm {
        if spec.wasm.entry_module == StorageSpec::default() {
            let message = "job.Spec.Engine is Wasm, but Wasm.EntryModule names no module";
            report.add(Diagnostic::new(Rule::NoEngine, Severity::Fault, message).at(at).says(
                AT_PROVIDER,
                BEFORE,
                "set Wasm.EntryModule, with StorageSource LocalDirectory and SourcePath",
            ));
        }
        let message = "WASM jobs run on providers of this implementation only";
        report.add(Diagnostic::new(Rule::Engine, Severity::Note, message).at(at).says(
            "sends every job to Docker, so it fails there",
            "runs it",
            "keep it for -n local and our networks; for the others give a Docker image",
        ));
        return;
    }
    if spec.docker.image.is_empty() {
        let (hint, extra) = if spec.engine_spec.params.is_some() {
            (
                "write the image as job.Spec.Docker.Image: EngineSpec is a later format that no node reads",
                " (EngineSpec is not read)",
            )
        } else {
            ("set job.Spec.Docker.Image", "")
        };
        let message = format!("the job has no image: job.Spec.Docker.Image is not set{extra}");
        report.add(Diagnostic::new(Rule::NoEngine, Severity::Fault, message).at(at).says(AT_PROVIDER, BEFORE, hint));
    } else if spec.engine_spec.params.is_some() {
        report.add(
            Diagnostic::new(Rule::Dropped, Severity::Warning, "job.Spec.EngineSpec is a later format that is not read")
                .at(scene.of(&["job.Spec.EngineSpec"]))
                .says("drops it", "drops it", "write what it says into job.Spec.Docker"),
        );
    }
    if spec.engine == Some(Engine::Noop) {
        report.add(
            Diagnostic::new(Rule::Engine, Severity::Warning, "job.Spec.Engine is Noop, which nobody follows")
                .at(at)
                .says("runs the image in Docker", "runs the image in Docker", "write \"Docker\""),
        );
    }
}

fn job_problem(scene: &Scene<'_>, problem: &str) -> Diagnostic {
    let of = |word: &str, path: &'static str| problem.contains(word).then_some(path);
    let path = of("CPU", "job.Spec.Resources.CPU")
        .or_else(|| of("memory", "job.Spec.Resources.Memory"))
        .or_else(|| of("disk", "job.Spec.Resources.Disk"))
        .or_else(|| of("GPU", "job.Spec.Resources.GPU"))
        .or_else(|| of("timeout", "job.Spec.Timeout"))
        .or_else(|| of("domain", "job.Spec.Network"))
        .or_else(|| of("entry module", "job.Spec.Wasm.EntryModule"))
        .or_else(|| of("import module", "job.Spec.Wasm.ImportModules"))
        .unwrap_or("job.Spec.Outputs");
    let message = if path == "job.Spec.Outputs" { format!("job.Spec.Outputs: {problem}") } else { problem.to_owned() };
    let mend = match path {
        "job.Spec.Resources.Memory" | "job.Spec.Resources.Disk" => {
            "write a number and a unit, such as \"512Mb\" or \"8Gb\""
        }
        "job.Spec.Resources.CPU" => "write cores such as \"0.5\", or thousandths such as \"500m\"",
        "job.Spec.Resources.GPU" => "write a whole number as text, such as \"1\"",
        "job.Spec.Outputs" => "give each output a Name of its own and an absolute Path",
        "job.Spec.Timeout" => "write seconds, 0 for no limit",
        _ => "correct it there",
    };
    Diagnostic::new(Rule::JobSpec, Severity::Fault, message).at(scene.of(&[path, "job.Spec", "job"])).says(
        AT_PROVIDER,
        BEFORE,
        mend,
    )
}

fn image(scene: &Scene<'_>, image: &str, report: &mut Report) {
    let at = scene.of(&["job.Spec.Docker.Image"]);
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let last = name.rsplit('/').next().unwrap_or(name);
    let tag = last.split_once(':').map(|(_, tag)| tag);
    let stale = "uses whatever image of that name the provider pulled first, so two providers may run two programs";
    let pinned = "write IMAGE:TAG@sha256:…; `docker buildx imagetools inspect IMAGE:TAG` shows the digest";
    match (tag, digest) {
        (_, Some(digest)) => {
            let hex = digest.strip_prefix("sha256:");
            if !hex.is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())) {
                let message = format!("the image's digest {digest:?} is not sha256: and 64 hexadecimal digits");
                report.add(Diagnostic::new(Rule::ImageDigest, Severity::Fault, message).at(at).says(
                    AT_PROVIDER,
                    AT_PROVIDER,
                    pinned,
                ));
            }
        }
        (None | Some("" | "latest"), None) => {
            let message = format!(
                "the image {image} has {}",
                if tag.is_none() { "no tag and no digest" } else { "the tag latest" }
            );
            report.add(Diagnostic::new(Rule::ImageTag, Severity::Warning, message).at(at).says(
                stale,
                "does the same",
                pinned,
            ));
        }
        (Some(_), None) => {
            let message = format!("the image {image} has a tag, which can come to mean another image");
            report.add(Diagnostic::new(Rule::ImageDigest, Severity::Note, message).at(at).says(
                stale,
                "does the same",
                pinned,
            ));
        }
    }
    let lower = name.to_lowercase();
    let foreign = ["arm64", "aarch64", "armv7", "arm32", "darwin", "windows", "nanoserver", "s390x", "ppc64le"];
    if let Some(word) = foreign.iter().find(|word| lower.split(['/', ':', '-', '_', '.']).any(|part| part == **word)) {
        let message = format!("the image {image} looks built for {word}; providers are linux/amd64");
        report.add(Diagnostic::new(Rule::ImagePlatform, Severity::Warning, message).at(at).says(
            "no provider takes the job when the image has no linux/amd64",
            "the same",
            "build with --platform linux/amd64",
        ));
    }
}

fn gpus(scene: &Scene<'_>, module: &Module, report: &mut Report) {
    let asked = module.machine.gpu > 0;
    let given = module.workload().map_or(0, |workload| workload.resources.gpus) > 0
        || module.job.spec.resources.gpu.trim().parse::<u64>().is_ok_and(|count| count > 0);
    let at = scene.of(&["machine.gpu", "job.Spec.Resources.GPU", "machine"]);
    if asked && !given {
        let message = "machine.gpu asks for a GPU, but job.Spec.Resources.GPU gives the program none";
        report.add(Diagnostic::new(Rule::GpuPlace, Severity::Warning, message).at(at).says(
            "finds a machine with a GPU and runs the program without it",
            "the same",
            "set \"GPU\": \"1\" in job.Spec.Resources",
        ));
    }
    if given && !asked {
        let message = "job.Spec.Resources.GPU asks for a GPU, but machine.gpu does not, so any machine may get the job";
        report.add(Diagnostic::new(Rule::GpuPlace, Severity::Warning, message).at(at).says(
            "may give the job to a machine without a GPU, where it fails",
            "the same",
            "set \"gpu\": 1 in machine",
        ));
    }
    if (asked || given) && report.gpu.vram_mib == 0 {
        let message = "the module wants a GPU and does not say how much memory it must have";
        report.add(Diagnostic::new(Rule::VramUnknown, Severity::Note, message).at(at).says(
            "takes any GPU; a model that does not fit fails there, after the deal",
            "the same",
            "write \"gpus\": [{\"vram\": …}] inside \"machine\", in MiB",
        ));
    }
}

fn resources(scene: &Scene<'_>, module: &Module, is_wasm: bool, report: &mut Report) {
    let texts = &module.job.spec.resources;
    let Ok(workload) = module.workload() else { return };
    let given = workload.resources;
    let at = scene.of(&["job.Spec.Resources", "machine", "job.Spec"]);
    let cpu = u64::try_from(module.machine.cpu_milli).unwrap_or(0);
    if texts.cpu.is_empty() && cpu > Resources::default().cpu_milli {
        let message =
            format!("machine.cpu asks for {cpu} thousandths of a core, but job.Spec.Resources.CPU is not set");
        report.add(Diagnostic::new(Rule::Resources, Severity::Warning, message).at(at).says(
            "runs the program with half a core",
            "the same",
            format!("set \"CPU\": \"{}\" in job.Spec.Resources", cpu.div_ceil(1000)),
        ));
    }
    let ram = u64::try_from(module.machine.ram).unwrap_or(0);
    if texts.memory.is_empty() && ram > 1000 && ram < 10_000_000 {
        let message = format!("machine.ram asks for {ram} MB, but job.Spec.Resources.Memory is not set");
        report.add(Diagnostic::new(Rule::Resources, Severity::Warning, message).at(at).says(
            "runs the program with 1 GB; it is killed when it takes more",
            "the same",
            format!("set \"Memory\": \"{ram}Mb\" in job.Spec.Resources"),
        ));
    }
    if !is_wasm && given.memory_bytes < DOCKER_LEAST {
        let message = format!(
            "job.Spec.Resources.Memory {:?} is {} bytes; a container has at least 6 MB",
            texts.memory, given.memory_bytes
        );
        report.add(
            Diagnostic::new(Rule::JobSpec, Severity::Fault, message)
                .at(scene.of(&["job.Spec.Resources.Memory", "job.Spec.Resources"]))
                .says(AT_PROVIDER, AT_PROVIDER, "write the unit, such as \"512Mb\" or \"8Gb\""),
        );
    }
    if given.cpu_milli == 0 {
        report.add(
            Diagnostic::new(
                Rule::JobSpec,
                Severity::Warning,
                "job.Spec.Resources.CPU is less than a thousandth of a core",
            )
            .at(scene.of(&["job.Spec.Resources.CPU"]))
            .says("sets no limit", "the same", "write cores such as \"0.5\""),
        );
    }
}

fn dropped(scene: &Scene<'_>, module: &Module, is_wasm: bool, report: &mut Report) {
    let spec = &module.job.spec;
    let mut drop = |path: &'static str, is_set: bool, mend: &str| {
        if is_set {
            let message = format!("{path} is not passed on");
            report.add(Diagnostic::new(Rule::Dropped, Severity::Warning, message).at(scene.of(&[path])).says(
                "drops it without a word",
                "drops it as well, so that results are equal",
                mend,
            ));
        }
    };
    if !is_wasm {
        let parameters = spec.docker.parameters.as_ref().is_some_and(|list| !list.is_empty());
        drop("job.Spec.Docker.Parameters", parameters, "append them to Docker.Entrypoint");
        let folder = &spec.docker.working_directory;
        drop("job.Spec.Docker.WorkingDirectory", !folder.is_empty(), "set WORKDIR in the image");
    }
    let inputs = spec.inputs.as_ref().is_some_and(|list| !list.is_empty());
    drop("job.Spec.Inputs", inputs, "put the data into the image, or take it as inputFiles");
    let bare = spec.docker.environment.iter().flatten().find(|text| !text.contains('='));
    if let Some(text) = bare {
        let shown: String = text.chars().take(30).collect();
        let message = format!("the environment entry {shown:?} has no \"=\"");
        report.add(
            Diagnostic::new(Rule::JobSpec, Severity::Warning, message)
                .at(scene.of(&["job.Spec.Docker.EnvironmentVariables"]))
                .says("passes it on, and it sets nothing", "the same", "write NAME=value"),
        );
    }
}

fn network(scene: &Scene<'_>, module: &Module, report: &mut Report) {
    let at = scene.of(&["job.Spec.Network.Type", "job.Spec.Network"]);
    match module.job.spec.network.kind {
        None | Some(NetworkKind::None) => {}
        Some(kind) => {
            let message = format!("the job asks for network access ({})", kind.as_str());
            let ours = if kind == NetworkKind::Full {
                "runs it where the provider allows it"
            } else {
                "refuses HTTP at the provider"
            };
            report.add(Diagnostic::new(Rule::Network, Severity::Warning, message).at(at).says(
                "providers with the usual set-up refuse networked jobs, after the deal",
                ours,
                "put what the program needs into the image, and write \"None\"",
            ));
        }
    }
}

fn time(scene: &Scene<'_>, module: &Module, report: &mut Report) {
    let deal = match module.execution_timeout_seconds {
        0 => SOLVER_SECONDS,
        seconds => seconds,
    };
    let Ok(job) = u64::try_from(module.job.spec.timeout) else { return };
    if job > deal {
        let whose =
            if module.execution_timeout_seconds == 0 { "the solver's default" } else { "executionTimeoutSeconds" };
        let message = format!("job.Spec.Timeout is {job} s, but the deal ends after {deal} s ({whose})");
        report.add(
            Diagnostic::new(Rule::TimeLimit, Severity::Warning, message)
                .at(scene.of(&["job.Spec.Timeout", "executionTimeoutSeconds"]))
                .says(
                    "ends the deal at the shorter time, while the provider goes on in vain",
                    "stops the program at the shorter time",
                    format!("set \"executionTimeoutSeconds\": {job} at the top"),
                ),
        );
    }
}

fn files(scene: &Scene<'_>, module: &Module, is_wasm: bool, report: &mut Report) {
    let outputs = module.job.spec.outputs.as_ref().is_some_and(|list| !list.is_empty());
    if !outputs && !is_wasm {
        let message = "the job names no folder for results: only what it prints is kept";
        report.add(
            Diagnostic::new(Rule::NoOutputs, Severity::Note, message)
                .at(scene.of(&["job.Spec.Outputs", "job.Spec"]))
                .says(
                    "keeps stdout, stderr and the exit code",
                    "the same",
                    "add \"Outputs\": [{\"Name\": \"outputs\", \"Path\": \"/outputs\"}] when it writes files",
                ),
        );
    }
    let lists = [&module.input_files.required, &module.input_files.optional];
    let mut seen = std::collections::BTreeSet::new();
    for name in lists.into_iter().flatten().flatten() {
        let what = if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\\', '\0']) {
            "is no plain file name, so no file can have it"
        } else if !seen.insert(name) {
            "is listed twice"
        } else {
            continue;
        };
        report.add(
            Diagnostic::new(Rule::InputFiles, Severity::Fault, format!("the input file {name:?} {what}"))
                .at(scene.of(&["inputFiles"]))
                .says("refuses every folder of input files", BEFORE, "list plain file names, each once"),
        );
    }
}
