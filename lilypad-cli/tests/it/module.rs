//! `lilypad module`, with the real program.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::support::{Finished, finish, lilypad, run, skip, workspace};

/// A home, and new modules in it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, words: &[&str]) -> Finished {
        finish(lilypad(self.path()).args(words))
    }

    /// In a folder of the home.
    fn run_in(&self, folder: &str, words: &[&str]) -> Finished {
        finish(lilypad(self.path()).current_dir(self.path().join(folder)).args(words))
    }

    fn module(&self, folder: &str, template: &str) -> PathBuf {
        let folder = self.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("lilypad_module.json.tmpl"), template).unwrap();
        folder
    }
}

fn git(folder: &Path, words: &[&str]) -> String {
    let output = Command::new("git").current_dir(folder).args(words).output().unwrap();
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Finished {
    #[track_caller]
    fn assert_succeeds(&self) {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

const SUBST: &str = r#"{
  "machine": {"cpu": 500, "vram": 24000},
  "job": {"Spec": {"Docker": {
    "Image": "o/i:latest",
    "EnvironmentVariables": ["P={{subst "%s" .Prompt}}"]
  }}}
}
"#;

#[test]
fn a_new_wasm_module_runs_on_a_bare_machine() {
    let home = Home::new();
    let made = home.run(&["module", "new", "--template", "wasm", "hello"]);
    made.assert_succeeds();
    assert!(made.stdout.contains("    cd hello\n    lilypad module run --local -i name=moo\n"), "{made:?}");
    let ran = home.run_in("hello", &["module", "run", "--local", "-i", "name=moo"]);
    ran.assert_succeeds();
    assert!(ran.stdout.starts_with("hello, moo\n"), "{ran:?}");
    assert!(ran.stdout.contains("🍂 Lilypad job completed, try 👇"), "{ran:?}");
    let folder = ran.stdout.lines().find_map(|line| line.strip_prefix("    open ")).unwrap();
    assert_eq!(std::fs::read_to_string(Path::new(folder).join("outputs/greeting.txt")).unwrap(), "hello, moo\n");
    let document = home.run_in("hello", &["--output", "json", "module", "run", "--local", "-o", "../out"]).json();
    assert_eq!((&document["stdout"], &document["exit_code"]), (&Value::from("hello, world\n"), &Value::from(0)));
    assert!(home.path().join("out/outputs/greeting.txt").is_file());
}

#[test]
fn a_new_module_is_a_clean_repository_and_has_no_fault() {
    let home = Home::new();
    for template in ["wasm", "docker-minimal", "hugging-face", "ollama"] {
        home.run(&["module", "new", "-t", template, &format!("my-{template}")]).assert_succeeds();
        let folder = home.path().join(format!("my-{template}"));
        assert_eq!(git(&folder, &["status", "--porcelain", "--ignored=no"]), "", "{template}");
        assert_eq!(git(&folder, &["rev-list", "--count", "main"]), "1", "{template}");
        let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(readme.starts_with(&format!("# my-{template}\n")), "{readme}");
        let lint = home.run_in(&format!("my-{template}"), &["module", "lint", "--json"]);
        assert_eq!(lint.code, Some(0), "{template}: {lint:?}");
        let document = lint.json();
        let found = document["diagnostics"].as_array().unwrap();
        let rules: Vec<&str> = found.iter().map(|found| found["rule"].as_str().unwrap()).collect();
        // What the author must do is told: name an image that can be pulled.
        let expected: &[&str] = match template {
            "wasm" => &["engine"],
            "docker-minimal" => &["image-digest"],
            _ => &["image-tag", "input-required"],
        };
        assert_eq!(rules, expected, "{template}");
        for file in git(&folder, &["ls-files"]).lines() {
            let bytes = std::fs::read(folder.join(file)).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(
                !text.contains("{{name}}") && !text.contains("{{image}}") && !text.contains("\\{{"),
                "{template}/{file}"
            );
        }
    }
}

#[test]
fn the_programs_of_new_modules_are_well_formed() {
    let home = Home::new();
    for template in ["hugging-face", "ollama"] {
        home.run(&["module", "new", "-t", template, template]).assert_succeeds();
    }
    let ollama = home.path().join("ollama");
    for script in ["scripts/configure", "scripts/build", "scripts/run", "src/run_model"] {
        let output = Command::new("sh").arg("-n").arg(ollama.join(script)).output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let folder = home.path().join("hugging-face");
    let python = |words: &[&str]| {
        Command::new("python3").current_dir(&folder).args(words).env("OUTPUTS", folder.join("out")).output()
    };
    let Ok(output) = python(&["-m", "compileall", "-q", "."]) else {
        skip("python3 is not here");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let output = python(&["-m", "scripts.run_module", "x", "--local"]).unwrap();
    assert_eq!(output.status.code(), Some(1), "the guard stops what is not configured");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("❌ Error: No job configured."), "{output:?}");
    let output = python(&["src/run_inference.py", "a \"b\""]).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let result: Value = serde_json::from_slice(&std::fs::read(folder.join("out/result.json")).unwrap()).unwrap();
    assert_eq!((&result["status"], &result["input"]), (&Value::from("error"), &Value::from("a \"b\"")));
}

#[test]
fn a_new_container_module_runs_where_an_engine_does() {
    let home = Home::new();
    home.run(&["module", "new", "-t", "docker-minimal", "lilypad-test-minimal"]).assert_succeeds();
    let folder = home.path().join("lilypad-test-minimal");
    // Where there is an engine the image is made with the module, and the next line of the screen works.
    let ran = home.run_in("lilypad-test-minimal", &["module", "run", "--local", "-i", "name=moo"]);
    let has_image = ran.code == Some(0);
    let built = Command::new(folder.join("build-image.sh")).output().map_err(|error| error.to_string());
    if built.as_ref().is_ok_and(|output| output.status.success()) {
        assert!(has_image && ran.stdout.starts_with("hello, moo\n"), "{ran:?}");
    }
    let why = match &built {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Some(error.clone()),
    };
    if let Some(why) = why {
        skip(&format!("the image cannot be built here: {why}"));
        return;
    }
    let ran = home.run_in("lilypad-test-minimal", &["module", "run", "--local", "-i", "name=it's \"moo\""]);
    Command::new("docker").args(["rmi", "-f", "lilypad-lilypad-test-minimal:local"]).output().ok();
    ran.assert_succeeds();
    assert!(ran.stdout.starts_with("hello, it's \"moo\"\n"), "{ran:?}");
}

#[test]
fn lint_says_where_what_and_how_and_exits_with_one_on_faults() {
    let home = Home::new();
    home.module("m", SUBST);
    let lint = home.run_in("m", &["module", "lint"]);
    lint.assert_succeeds();
    for words in [
        "lilypad_module.json.tmpl:2:27: warning[misplaced-member]: machine.vram",
        "lilypad_module.json.tmpl:5:46: warning[input-breaks]: input \"Prompt\" breaks the module when its value has a double quote",
        "    action:   {{subst \"%s\" .Prompt}}\n",
        "    Go nodes: ",
        "    mend:     ",
        "warning[image-tag]",
        "0 faults, ",
    ] {
        assert!(lint.stdout.contains(words), "{words}: {}", lint.stdout);
    }
    home.module("broken", &SUBST.replace("]\n  }}}", "],\n  }}}"));
    let lint = home.run(&["module", "lint", "broken"]);
    assert_eq!((lint.code, lint.stderr.as_str()), (Some(1), ""), "{lint:?}");
    assert!(lint.stdout.contains("lilypad_module.json.tmpl:6:3: fault[not-json]"), "{lint:?}");
    let json = home.run(&["module", "lint", "./broken", "--json"]);
    assert_eq!(json.code, Some(1));
    let document = json.json();
    let fault =
        &document["diagnostics"].as_array().unwrap().iter().find(|found| found["severity"] == "fault").unwrap().clone();
    assert_eq!((&fault["rule"], &fault["line"]), (&Value::from("not-json"), &Value::from(6)));
}

#[test]
fn render_prints_the_json_and_refuses_what_breaks_it() {
    let home = Home::new();
    home.module("m", SUBST);
    let rendered = home.run_in("m", &["module", "render", "--input", "Prompt=a cow"]);
    rendered.assert_succeeds();
    let value: Value = rendered.json();
    assert_eq!(value["job"]["Spec"]["Docker"]["EnvironmentVariables"][0], "P=a cow");
    let broken = home.run_in("m", &["module", "render", "-i", "Prompt=say \"moo\""]);
    broken.assert_fails(
        2,
        "input \"Prompt\" breaks module .: {{subst \"%s\" .Prompt}} at line 5",
        "leave a double quote out of -i Prompt=",
    );
    assert!(broken.stdout.contains("P=say \"moo\""), "the text is there to look at: {broken:?}");
    let evil = home.run_in("m", &["module", "render", "-i", "Prompt=x\",\"PATH=/evil"]);
    evil.assert_fails(
        2,
        "input \"Prompt\" changes job.Spec.Docker.EnvironmentVariables.1",
        "leave quotes and commas out",
    );
    home.run_in("m", &["module", "render"]).assert_fails(2, "does not render", "-i Prompt=");
    let json = home.run_in("m", &["--output", "json", "module", "render", "-i", "Prompt=x"]).json();
    assert_eq!(json["decoded"]["job"]["Spec"]["Docker"]["Image"], "o/i:latest");
}

#[test]
fn inputs_are_listed_with_type_default_need_and_help() {
    let home = Home::new();
    let folder = home.module("m", r#"{"a": {{.Prompt}}, "b": {{or .Steps "\"20\""}}, "c": {{.Own}}}"#);
    let file = r#"{"inputs": [{"name": "Prompt", "required": true, "help": "what to draw"},
        {"name": "Steps", "type": "integer", "default": 20, "min": 5, "max": 200}]}"#;
    std::fs::write(folder.join("lilypad_inputs.json"), file).unwrap();
    let table = home.run_in("m", &["module", "inputs"]);
    table.assert_succeeds();
    let lines: Vec<&str> = table.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "NAME    TYPE     DEFAULT  REQUIRED  HELP",
            "Prompt  text     -        yes       what to draw",
            "Steps   integer  20       no        from 5 to 200",
            "Own     text     -        yes",
        ]
    );
    let json = home.run(&["module", "inputs", "m", "--json"]).json();
    assert_eq!(json["inputs"][1]["type"], "integer");
    let cow = home.run(&["module", "inputs", "cowsay:v0.0.4"]);
    cow.assert_succeeds();
    assert!(cow.stdout.contains("Message  text  Pass me an input called Message, like li…  no"), "{cow:?}");
}

#[test]
fn a_module_of_somebody_else_does_not_draw_on_the_terminal() {
    let home = Home::new();
    let folder = home.module("m", "{\"\u{1b}[2Jkey\": 1, \"job\": {{.Prompt}}}");
    let file = r#"{"inputs": [{"name": "Prompt", "help": "draw\u001b[2J\u0007\nhint: pay me"}]}"#;
    std::fs::write(folder.join("lilypad_inputs.json"), file).unwrap();
    for words in [&["module", "inputs", "m"], &["module", "lint", "m"]] {
        let shown = home.run(words);
        let text = format!("{}{}", shown.stdout, shown.stderr);
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{shown:?}");
        assert!(!text.lines().any(|line| line.starts_with("hint: pay")), "{shown:?}");
    }
}

#[test]
fn typed_inputs_are_checked_before_anything_runs() {
    let home = Home::new();
    home.run(&["module", "new", "hello"]).assert_succeeds();
    let wrong = home.run_in("hello", &["module", "run", "--local", "-i", "nmae=moo"]);
    wrong.assert_fails(2, "input \"nmae\" is none of the module's", "its inputs are name");
    let case = home.run_in("hello", &["module", "run", "--local", "-i", "Name=moo"]);
    case.assert_fails(2, "input \"Name\" is none of the module's", "did you mean -i name=");
    let long = format!("name={}", "x".repeat(201));
    let long = home.run_in("hello", &["module", "render", "-i", &long]);
    long.assert_fails(2, "input \"name\" must be text of at most 200 characters", "whom to greet");
    std::fs::write(home.path().join("hello/lilypad_inputs.json"), "{\"inputs\": [}").unwrap();
    home.run_in("hello", &["module", "inputs"]).assert_fails(
        2,
        "lilypad_inputs.json of module .: line 1, column 13: '}' stands where a value should",
        "docs/modules.md",
    );
    let on_network = home.run(&["run", "-n", "local", "./hello", "-i", "name=x"]);
    on_network.assert_fails(2, "lilypad_inputs.json of module ./hello: line 1", "docs/modules.md");
}

#[test]
fn what_a_template_would_corrupt_is_refused_before_paying() {
    let home = Home::new();
    home.module("m", SUBST);
    let ran = home.run(&["run", "-n", "local", "./m", "-i", "Prompt=it says \"moo\""]);
    ran.assert_fails(2, "input \"Prompt\" breaks module ./m: {{subst \"%s\" .Prompt}}", "nothing was paid");
}

#[test]
fn a_value_that_would_arrive_as_another_text_runs_only_when_that_is_wanted() {
    let home = Home::new();
    home.run(&["module", "new", "hello"]).assert_succeeds();
    let folder = home.path().join("hello");
    let template = folder.join("lilypad_module.json.tmpl");
    let text = std::fs::read_to_string(&template).unwrap();
    let exchanged = |with: &str| {
        std::fs::write(&template, text.replace("{{or .name \"\\\"world\\\"\"}}", with)).unwrap();
    };
    exchanged("\"{{subst \"%s\" .name}}\"");
    for words in [&["module", "run", "--local"][..], &["module", "render"], &["run", "-n", "local", "."]] {
        let words = [words, &["-i", "name=C:\\new"]].concat();
        let refused = home.run_in("hello", &words);
        refused.assert_fails(2, "does not reach module . as it was typed", "--allow-altered-inputs");
        let allowed = home.run_in("hello", &[words.as_slice(), &["--allow-altered-inputs"]].concat());
        assert_eq!(allowed.code, Some(0), "{allowed:?}");
    }
    let ran = home.run_in("hello", &["module", "run", "--local", "--allow-altered-inputs", "-i", "name=C:\\new"]);
    assert!(ran.stdout.starts_with("hello, C:\new\n"), "{ran:?}");
    // What `js` does is said before anything runs or is offered.
    exchanged("\"{{js .name}}\"");
    for words in [&["module", "run", "--local"][..], &["module", "render"]] {
        let ran = home.run_in("hello", &[words, &["-i", "name=moo"]].concat());
        assert!(ran.stderr.contains("note: input name reaches module . as JSON text"), "{ran:?}");
    }
    let ran = home.run_in("hello", &["run", "-n", "local", ".", "-i", "name=moo"]);
    let at = |text: &str| ran.stdout.find(text).unwrap_or_else(|| panic!("{text}: {ran:?}"));
    assert!(at("note: input name reaches module . as JSON text") < at("job offer "), "{ran:?}");
}

#[test]
fn a_template_elsewhere_is_found() {
    let home = Home::new();
    let folder = home.module("m", "{}");
    std::fs::write(folder.join("other.tmpl"), SUBST).unwrap();
    home.run(&["module", "render", "m", "--module-path", "other.tmpl", "-i", "Prompt=x"]).assert_succeeds();
    for path in ["../../etc/passwd", "/../x", ".git/config"] {
        let outside = home.run(&["module", "render", "m", "--module-path", path]);
        outside.assert_fails(2, path, "");
    }
    let readme = home.run(&["module", "lint", "cowsay:v0.0.4", "--module-path", "README.md"]);
    assert!(readme.code == Some(1) && readme.stdout.contains("README.md:1:1: fault[not-json]"), "{readme:?}");
    // The offer carries the path: with the same file at another place nothing is found, with this one it is a module.
    for path in ["../x", "a//b", ""] {
        let words = ["run", "-n", "local", "cowsay:v0.0.4", "--module-path", path];
        home.run(&words).assert_fails(2, "MODULE_PATH", "path inside the repository");
    }
    home.run(&["run", "-n", "local", "cowsay:v0.0.4", "--module-path", "nosuch"]).assert_fails(2, "nosuch", "");
}

#[test]
fn a_template_elsewhere_in_a_folder_is_found_by_flag_and_variable() {
    let home = Home::new();
    home.run(&["module", "new", "hello"]).assert_succeeds();
    let folder = home.path().join("hello");
    std::fs::create_dir(folder.join("sub")).unwrap();
    for (name, at) in
        [("lilypad_module.json.tmpl", "sub/other.tmpl"), ("lilypad_inputs.json", "sub/lilypad_inputs.json")]
    {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        std::fs::write(
            folder.join(at),
            text.replace("\"world\\", "\"elsewhere\\").replace("\"world\"", "\"elsewhere\""),
        )
        .unwrap();
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    let with = |variable: &str, words: &[&str]| {
        finish(lilypad(home.path()).current_dir(&folder).env("MODULE_PATH", variable).args(words))
    };
    for words in [&["render"][..], &["lint"], &["inputs"], &["run", "--local"]] {
        let words = [&["module"], words].concat();
        let by_variable = with("sub/other.tmpl", &words);
        by_variable.assert_succeeds();
        let by_flag = with("nosuch", &[words.as_slice(), &["--module-path", "/sub/other.tmpl"]].concat());
        by_flag.assert_succeeds();
        home.run_in("hello", &words).assert_fails(2, "has no file lilypad_module.json.tmpl", "");
        with("sub/nosuch", &words).assert_fails(2, "file \"/sub/nosuch\" of module .", "put the file where");
        with("../x", &words).assert_fails(2, "MODULE_PATH: ", "path inside the repository");
    }
    let ran = with("sub/other.tmpl", &["module", "run", "--local"]);
    assert!(ran.stdout.starts_with("hello, elsewhere\n"), "{ran:?}");
    // A name has its template at the usual place, whatever the variable says, as on the existing network.
    with("sub/other.tmpl", &["module", "lint", "cowsay:v0.0.4"]).assert_succeeds();
    // And so does a whole network run it.
    let network = ["run", "-n", "local", ".", "--show"];
    for ran in
        [with("sub/other.tmpl", &network), with("", &[&network[..], &["--module-path", "sub/other.tmpl"]].concat())]
    {
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.contains("hello, elsewhere\n"), "{ran:?}");
    }
    with("sub/nosuch", &network).assert_fails(2, "sub/nosuch", "put the file where");
}

#[test]
fn a_module_is_made_in_an_empty_folder() {
    let home = Home::new();
    std::fs::create_dir(home.path().join("here")).unwrap();
    let made = home.run_in("here", &["module", "new", "."]);
    made.assert_succeeds();
    assert!(made.stdout.contains("Created here at ") && !made.stdout.contains("cd "), "{made:?}");
    let folder = home.path().join("here");
    assert_eq!(git(&folder, &["status", "--porcelain", "--ignored=no"]), "");
    assert!(std::fs::read_to_string(folder.join("README.md")).unwrap().starts_with("# here\n"));
    assert!(
        !std::fs::read_dir(&folder).unwrap().any(|entry| entry
            .unwrap()
            .path()
            .to_string_lossy()
            .contains(".lilypad-new"))
    );
    let ran = home.run_in("here", &["module", "run", "--local", "-i", "name=moo"]);
    ran.assert_succeeds();
    assert!(ran.stdout.starts_with("hello, moo\n"), "{ran:?}");
    home.run_in("here", &["module", "new", "."]).assert_fails(
        2,
        "module folder . is not empty",
        "lilypad module new NAME",
    );
    std::fs::create_dir(home.path().join("Bad Name")).unwrap();
    home.run_in("Bad Name", &["module", "new", "."]).assert_fails(
        2,
        "has a name that no image",
        "lilypad module new NAME",
    );
    assert_eq!(std::fs::read_dir(home.path().join("Bad Name")).unwrap().count(), 0);
}

#[test]
fn a_fault_in_ones_own_folder_sends_nobody_to_its_author() {
    let home = Home::new();
    let broken = [
        "{",
        "{{",
        "{\"a\": 1,}",
        "",
        "{\"machine\": {\"cpu\": \"1\"}}",
        "{\"job\": {}}",
        "{\"job\": {\"Spec\": {\"Docker\": {\"Image\": \"i\"}, \"Resources\": {\"Memory\": \"lots\"}}}}",
        "{\"job\": {\"Spec\": {\"Engine\": \"Wasm\", \"Wasm\": {\"EntryModule\": {\"StorageSource\": \"LocalDirectory\", \"SourcePath\": \"a.wasm\"}}}}}",
    ];
    for template in broken {
        home.module("m", template);
        for words in
            [&["module", "run", "--local", "m"], &["module", "run", "--local", "./m"], &["run", "-n", "local", "./m"]]
        {
            let ran = home.run(words);
            assert_eq!(ran.code, Some(2), "{ran:?}");
            assert!(ran.stderr.contains("hint: ") && !ran.stderr.contains("author"), "{template}: {ran:?}");
        }
    }
    home.module("m", &" ".repeat((1 << 20) + 1));
    for words in [&["module", "lint", "m"][..], &["module", "render", "m"], &["run", "-n", "local", "./m"]] {
        home.run(words).assert_fails(2, "larger than 1048576 bytes", "make it smaller");
    }
}

#[test]
fn bad_words_are_told_with_the_way_out() {
    let home = Home::new();
    let cases: &[(&[&str], i32, &str, &str)] = &[
        (&["module"], 2, "", ""),
        (&["module", "new"], 2, "NAME", "lilypad module new --help"),
        (
            &["module", "new", "-t", "nosuch", "x"],
            2,
            "there is no template \"nosuch\"",
            "wasm, docker-minimal, hugging-face, ollama",
        ),
        (&["module", "new", "Bad Name"], 2, "module folder Bad Name has a name", "choose another name"),
        (&["module", "new", ".."], 2, "", "choose another name"),
        (&["module", "lint"], 2, "module folder . has no file lilypad_module.json.tmpl", "template of a module"),
        (&["module", "lint", "nosuch"], 2, "invalid module reference \"nosuch\"", "name a folder that is there"),
        (&["module", "lint", "./nosuch"], 2, "module folder ./nosuch does not exist", "template of a module"),
        (&["module", "render", "cowsay:v0.0.4", "-i", "Message"], 2, "there is no \"=\"", "-i NAME=VALUE"),
        (&["module", "render", "cowsay:v0.0.4", "-i", "=x"], 2, "no name before", "-i NAME=VALUE"),
        (&["module", "run", "cowsay:v0.0.4"], 2, "needs --local", "lilypad run MODULE"),
        (
            &["module", "run", "--local", "cowsay:v0.0.4", "--inputs-path", "."],
            2,
            "takes no input files",
            "--inputs-path",
        ),
        (&["module", "frob"], 2, "frob", "lilypad module --help"),
    ];
    for (words, code, needle, hint) in cases {
        home.run(words).assert_fails(*code, needle, hint);
    }
    std::fs::create_dir(home.path().join("taken")).unwrap();
    home.run(&["module", "new", "taken"]).assert_fails(2, "module folder taken already exists", "choose another name");
    std::fs::write(home.path().join("file"), "").unwrap();
    home.run(&["module", "new", "file/x"]).assert_fails(2, "file", "");
    std::fs::create_dir(home.path().join("full")).unwrap();
    std::fs::write(home.path().join("full/x"), "").unwrap();
    home.run(&["module", "run", "--local", "cowsay:v0.0.4", "-o", "full"]).assert_fails(2, "is not empty", "");
}

#[test]
fn a_module_that_wants_docker_without_an_engine_says_so() {
    let home = Home::new();
    home.module("m", r#"{"job":{"Spec":{"Docker":{"Image":"x:1"}}}}"#);
    let mut command = lilypad(home.path());
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock").args(["module", "run", "--local", "m"]);
    let ran = finish(&mut command);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    ran.assert_fails(1, "module m needs docker", "");
    assert!(ran.stderr.contains("hint: "), "{ran:?}");
}

#[test]
fn a_program_that_fails_gives_exit_code_one_and_names_its_messages() {
    let home = Home::new();
    home.run(&["module", "new", "hello"]).assert_succeeds();
    let template = home.path().join("hello/lilypad_module.json.tmpl");
    let text = std::fs::read_to_string(&template).unwrap();
    // Without its folder the program cannot write and says so.
    let cut = text.find("\"Outputs\"").unwrap()..text.find("\"Network\"").unwrap();
    std::fs::write(&template, [&text[..cut.start], &text[cut.end..]].concat()).unwrap();
    let ran = home.run_in("hello", &["module", "run", "--local"]);
    ran.assert_fails(1, "the job exited with code 1", "/stderr");
}

#[test]
fn help_names_every_command() {
    let help = run(&["module", "--help"], &[]);
    assert_eq!(help.code, Some(0));
    for word in ["new", "render", "lint", "run", "inputs"] {
        assert!(help.stdout.contains(&format!("  {word} ")), "{word}: {}", help.stdout);
    }
    let docs = std::fs::read_to_string(workspace().join("docs/modules.md")).unwrap();
    for rule in lilypad_sdk::module::lint::Rule::ALL {
        assert!(docs.contains(&format!("`{}`", rule.id())), "docs/modules.md lacks {}", rule.id());
    }
}
