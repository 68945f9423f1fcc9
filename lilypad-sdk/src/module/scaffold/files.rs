//! The files of each scaffold.

/// A file of a scaffold.
#[derive(Debug)]
pub(super) struct File {
    /// Its path in the new module.
    pub(super) path: &'static str,
    /// Its content, before it is rendered.
    pub(super) content: &'static [u8],
    /// Whether it is a program.
    pub(super) executable: bool,
}

impl File {
    /// Whether it holds the module's name or another fact. Programs in C and Python have braces of their own.
    pub(super) fn is_rendered(&self) -> bool {
        ![".c", ".wasm"].iter().any(|ending| self.path.ends_with(ending))
    }
}

/// The program of the `wasm` scaffold, built by its `build.sh`.
pub(super) const WASM_PROGRAM: &[u8] = include_bytes!("../../../scaffold/wasm/main.wasm");

macro_rules! files {
    ($folder:literal: $($source:literal => $path:literal, $executable:literal;)*) => {
        &[$(File {
            path: $path,
            content: include_bytes!(concat!("../../../scaffold/", $folder, "/", $source)),
            executable: $executable,
        }),*]
    };
}

/// A WebAssembly program in C.
pub(super) const WASM: &[File] = files! { "wasm":
    "lilypad_module.json.tmpl" => "lilypad_module.json.tmpl", false;
    "lilypad_inputs.json" => "lilypad_inputs.json", false;
    "README.md" => "README.md", false;
    "src/main.c" => "src/main.c", false;
    "build.sh" => "build.sh", true;
    "gitignore" => ".gitignore", false;
    "main.wasm" => "main.wasm", false;
};

/// A static program in a container.
pub(super) const DOCKER_MINIMAL: &[File] = files! { "docker-minimal":
    "lilypad_module.json.tmpl" => "lilypad_module.json.tmpl", false;
    "lilypad_inputs.json" => "lilypad_inputs.json", false;
    "README.md" => "README.md", false;
    "src/main.c" => "src/main.c", false;
    "Dockerfile" => "Dockerfile", false;
    "build-image.sh" => "build-image.sh", true;
    "gitignore" => ".gitignore", false;
    "dockerignore" => ".dockerignore", false;
};

/// A model of Hugging Face.
pub(super) const HUGGING_FACE: &[File] = files! { "hugging-face":
    "lilypad_module.json.tmpl" => "lilypad_module.json.tmpl", false;
    "lilypad_inputs.json" => "lilypad_inputs.json", false;
    "README.md" => "README.md", false;
    "config/constants.py" => "config/constants.py", false;
    "scripts/docker_build.py" => "scripts/docker_build.py", false;
    "scripts/download_models.py" => "scripts/download_models.py", false;
    "scripts/run_module.py" => "scripts/run_module.py", false;
    "src/run_inference.py" => "src/run_inference.py", false;
    "requirements.txt" => "requirements.txt", false;
    "Dockerfile" => "Dockerfile", false;
    "env" => ".env", false;
    "gitignore" => ".gitignore", false;
    "dockerignore" => ".dockerignore", false;
};

/// A model of Ollama.
pub(super) const OLLAMA: &[File] = files! { "ollama":
    "lilypad_module.json.tmpl" => "lilypad_module.json.tmpl", false;
    "lilypad_inputs.json" => "lilypad_inputs.json", false;
    "README.md" => "README.md", false;
    "help" => "help", false;
    "scripts/configure" => "scripts/configure", true;
    "scripts/build" => "scripts/build", true;
    "scripts/run" => "scripts/run", true;
    "src/run_model" => "src/run_model", true;
    "Dockerfile" => "Dockerfile", false;
    "env" => ".env", false;
    "gitignore" => ".gitignore", false;
};
