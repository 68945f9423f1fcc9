use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use lilypad_sdk::module::{
    AlteredInputs, Checkout, FetchPolicy, Fetcher, ModuleError, ModuleReference, ModuleSource, TEMPLATE_PATH, embedded,
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const TEMPLATE: &str = r#"{"job":{"Spec":{"Docker":{"Image":"i","Entrypoint":[{{.Message}}]}}}}"#;

fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs([
            ("GIT_AUTHOR_NAME", "t"),
            ("GIT_AUTHOR_EMAIL", "t@t"),
            ("GIT_COMMITTER_NAME", "t"),
            ("GIT_COMMITTER_EMAIL", "t@t"),
        ])
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A data folder with one module repository in it: two commits, tags, a branch.
struct Place {
    data: TempDir,
    repo: PathBuf,
    first: String,
    second: String,
    dev: String,
}

impl Place {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let repo = data.path().join("snapshots/remote");
        std::fs::create_dir_all(&repo).unwrap();
        git(&repo, &["init", "-q", "-b", "main"]);
        std::fs::write(repo.join("lilypad_module.json.tmpl"), TEMPLATE).unwrap();
        let commit = |message: &str| {
            git(&repo, &["add", "-A"]);
            git(&repo, &["commit", "-q", "--allow-empty", "-m", message]);
            git(&repo, &["rev-parse", "HEAD"])
        };
        let first = commit("one");
        git(&repo, &["tag", "v0.1.0"]);
        std::fs::write(repo.join("extra"), "x").unwrap();
        let second = commit("two");
        git(&repo, &["tag", "-a", "v0.2.0", "-m", "annotated"]);
        git(&repo, &["checkout", "-q", "-b", "dev"]);
        let dev = commit("three");
        git(&repo, &["checkout", "-q", "main"]);
        Self { data, repo, first, second, dev }
    }

    fn fetcher(&self) -> Fetcher {
        Fetcher::new(self.data.path(), FetchPolicy::strangers()).with_embedded()
    }

    fn source(&self, hash: &str) -> ModuleSource {
        ModuleSource {
            repo: format!("file://{}", self.repo.display()),
            hash: hash.to_owned(),
            path: TEMPLATE_PATH.to_owned(),
        }
    }

    async fn checkout(&self) -> Checkout {
        self.fetcher().fetch(&self.source("main")).await.unwrap()
    }
}

fn message(text: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("Message".to_owned(), text.to_owned())])
}

#[tokio::test]
async fn tags_branches_and_short_ids_resolve_to_commits() {
    let place = Place::new();
    let fetcher = place.fetcher();
    for (revision, commit) in [
        ("v0.1.0", &place.first),
        ("v0.2.0", &place.second),
        ("main", &place.second),
        ("HEAD", &place.second),
        ("dev", &place.dev),
        ("origin/dev", &place.dev),
        ("refs/heads/dev", &place.dev),
        (&place.dev[..9], &place.dev),
        (place.first.as_str(), &place.first),
    ] {
        let source = fetcher.pin(&place.source(revision)).await.unwrap();
        assert_eq!(&source.hash, commit, "{revision}");
        assert!(source.is_pinned());
    }
}

#[tokio::test]
async fn a_checkout_is_the_commit_and_renders() {
    let place = Place::new();
    let checkout = place.fetcher().fetch(&place.source("v0.1.0")).await.unwrap();
    assert_eq!(checkout.source().hash, place.first);
    assert!(!checkout.dir().join("extra").exists(), "that file came with the second commit");
    let module = checkout.render(&message("moo")).unwrap();
    assert_eq!(module.job.spec.docker.entrypoint.unwrap(), ["moo"]);

    let later = place.fetcher().fetch(&place.source("v0.2.0")).await.unwrap();
    assert!(later.dir().join("extra").exists());
    assert!(checkout.dir().starts_with(place.data.path().join("repos")));
    let left: Vec<_> = std::fs::read_dir(place.data.path().join("repos/.tmp")).unwrap().collect();
    assert!(left.is_empty(), "temporary folders stay: {left:?}");
}

#[tokio::test]
async fn a_commit_in_the_cache_needs_no_repository() {
    let place = Place::new();
    let pinned = place.fetcher().pin(&place.source("v0.1.0")).await.unwrap();
    place.fetcher().fetch(&pinned).await.unwrap();
    // The same folder, but nothing in it that git could fetch.
    std::fs::remove_dir_all(place.repo.join(".git")).unwrap();
    let start = Instant::now();
    place.fetcher().fetch(&pinned).await.unwrap();
    println!("warm fetch: {:?}", start.elapsed());
    let error = place.fetcher().fetch(&place.source(&place.dev)).await.unwrap_err();
    assert!(matches!(error, ModuleError::UnknownModule { unreachable: false, .. }), "{error}");
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn an_unknown_tag_names_those_that_look_alike() {
    let place = Place::new();
    let error = place.fetcher().pin(&place.source("v0.1.1")).await.unwrap_err();
    let ModuleError::UnknownRef { near, reference, .. } = &error else { panic!("{error}") };
    assert_eq!((reference.as_str(), near[0].as_str()), ("v0.1.1", "v0.1.0"));
    assert!(error.hint().unwrap().contains("v0.1.0"));
    assert!(!error.to_string().contains('\n'));

    let gone = "0123456789012345678901234567890123456789";
    let error = place.fetcher().fetch(&place.source(gone)).await.unwrap_err();
    assert!(matches!(error, ModuleError::UnknownRef { .. }), "{error}");
}

#[tokio::test]
async fn words_that_git_would_take_for_options_are_refused() {
    let place = Place::new();
    for revision in ["--upload-pack=touch x", "-h", "HEAD~1", "a..b", ""] {
        let error = place.fetcher().pin(&place.source(revision)).await.unwrap_err();
        assert!(matches!(error, ModuleError::Reference { .. }), "{revision}: {error}");
    }
}

#[tokio::test]
async fn many_fetches_at_once_leave_one_checkout() {
    let place = Place::new();
    let fetches = (0..8).map(|_| {
        let (fetcher, source) = (place.fetcher(), place.source("main"));
        tokio::spawn(async move { fetcher.fetch(&source).await.unwrap().dir().to_owned() })
    });
    let mut dirs = std::collections::BTreeSet::new();
    for fetch in fetches.collect::<Vec<_>>() {
        dirs.insert(fetch.await.unwrap());
    }
    assert_eq!(dirs.len(), 1);
    let head = std::fs::read_to_string(dirs.first().unwrap().join(".git/HEAD")).unwrap();
    assert_eq!(head.trim(), place.second);
}

#[tokio::test]
async fn an_unfinished_folder_in_the_cache_is_replaced() {
    let place = Place::new();
    let dir = place.checkout().await.dir().to_owned();
    std::fs::remove_file(dir.join(".git/HEAD")).unwrap();
    std::fs::remove_file(dir.join("lilypad_module.json.tmpl")).unwrap();
    assert_eq!(place.checkout().await.dir(), dir);
    assert!(dir.join("lilypad_module.json.tmpl").exists());
}

#[tokio::test]
async fn paths_and_links_that_lead_out_are_refused() {
    let place = Place::new();
    std::os::unix::fs::symlink("/etc/hostname", place.repo.join("absolute")).unwrap();
    std::os::unix::fs::symlink("../../../../../../etc/hostname", place.repo.join("relative")).unwrap();
    std::os::unix::fs::symlink(".git/config", place.repo.join("inner")).unwrap();
    std::os::unix::fs::symlink("extra", place.repo.join("fine")).unwrap();
    std::fs::create_dir(place.repo.join("sub")).unwrap();
    std::fs::write(place.repo.join("sub/file"), "y").unwrap();
    git(&place.repo, &["add", "-A"]);
    git(&place.repo, &["commit", "-q", "-m", "links"]);
    let checkout = place.checkout().await;
    for path in [
        "absolute",
        "relative",
        "inner",
        "../x",
        "/../x",
        "sub/../../x",
        ".git/config",
        ".GIT/config",
        "sub/../.git/HEAD",
        "missing",
        "sub",
        "",
        "/",
        "a\0b",
    ] {
        let error = checkout.file(path).unwrap_err();
        assert!(matches!(error, ModuleError::File { .. }), "{path}: {error}");
    }
    assert_eq!(checkout.read("fine", 10).unwrap(), b"x");
    assert_eq!(checkout.read("/sub/file", 10).unwrap(), b"y");
    assert!(checkout.read("lilypad_module.json.tmpl", 10).is_err(), "longer than allowed");
}

#[tokio::test]
async fn hooks_filters_and_submodules_stay_off() {
    let place = Place::new();
    let marker = place.data.path().join("marker");
    std::fs::write(place.repo.join(".gitattributes"), "* filter=evil\n").unwrap();
    std::fs::write(
        place.repo.join(".gitmodules"),
        format!("[submodule \"s\"]\n\tpath = s\n\turl = file://{}\n", place.repo.display()),
    )
    .unwrap();
    git(&place.repo, &["config", "filter.evil.smudge", &format!("touch {}", marker.display())]);
    git(&place.repo, &["update-index", "--add", "--cacheinfo", &format!("160000,{},s", place.first)]);
    git(&place.repo, &["add", ".gitattributes", ".gitmodules"]);
    git(&place.repo, &["commit", "-q", "-m", "traps"]);
    // What the remote's own configuration and hooks say must not run either.
    let hook = place.repo.join(".git/hooks/post-checkout");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", marker.display())).unwrap();
    let _ = std::fs::remove_file(&marker);
    let checkout = place.checkout().await;
    assert!(!marker.exists(), "a filter or hook ran");
    assert!(!checkout.dir().join("s/lilypad_module.json.tmpl").exists(), "a submodule was fetched");
}

#[tokio::test]
async fn strangers_modules_come_from_public_https_only() {
    let data = tempfile::tempdir().unwrap();
    let strict = Fetcher::new(data.path(), FetchPolicy::strangers());
    for repo in [
        "https://127.0.0.1/o/r",
        "https://localhost:8443/o/r",
        "http://example.org/o/r",
        "file:///etc/o",
        "ssh://h/o/r",
    ] {
        let source = ModuleSource { repo: repo.to_owned(), hash: "v1".to_owned(), path: TEMPLATE_PATH.to_owned() };
        let error = strict.pin(&source).await.unwrap_err();
        assert!(matches!(error, ModuleError::Forbidden { .. }), "{repo}: {error}");
        assert!(error.hint().is_some() && !error.is_retryable());
    }
}

#[tokio::test]
async fn an_unreachable_host_is_said_so_and_known_tags_still_resolve() {
    let data = tempfile::tempdir().unwrap();
    let mut policy = FetchPolicy::own();
    policy.user_credentials = false;
    policy.time_limit = Duration::from_secs(20);
    let fetcher = Fetcher::new(data.path(), policy);
    // Nothing listens on the discard port of this machine.
    let source = ModuleSource {
        repo: "https://127.0.0.1:9/owner/repo".to_owned(),
        hash: "v1".to_owned(),
        path: TEMPLATE_PATH.to_owned(),
    };
    let error = fetcher.pin(&source).await.unwrap_err();
    assert!(matches!(error, ModuleError::UnknownModule { unreachable: true, .. }), "{error}");
    assert!(error.is_retryable() && error.to_string().contains("127.0.0.1:9/owner/repo"));

    let commit = "cb8b670805b06206bd63603a8ba582638a619fe5";
    let name: String = hex::encode(Sha256::digest("v1")).chars().take(32).collect();
    let notes = data.path().join("repos/127.0.0.1_9/owner/repo/.refs");
    std::fs::create_dir_all(&notes).unwrap();
    std::fs::write(notes.join(name), commit).unwrap();
    assert_eq!(fetcher.pin(&source).await.unwrap().hash, commit);
}

#[tokio::test]
async fn the_embedded_module_has_the_same_commit_everywhere() {
    let data = tempfile::tempdir().unwrap();
    let fetcher = Fetcher::new(data.path(), FetchPolicy::strangers()).with_embedded();
    let start = Instant::now();
    let source = fetcher.resolve(&ModuleReference::parse("cowsay:v0.0.4").unwrap()).await.unwrap();
    println!("unpack: {:?}", start.elapsed());
    let module = embedded::find("cowsay", "v0.0.4").unwrap();
    assert_eq!(source.hash, module.commit);
    assert_eq!(source.repo, format!("file://{}/embedded/cowsay", data.path().display()));
    let repo = data.path().join("embedded/cowsay");
    assert_eq!(git(&repo, &["rev-parse", "v0.0.4^{commit}"]), module.commit);
    assert_eq!(git(&repo, &["-c", "core.fileMode=false", "status", "--porcelain", "--untracked-files=all"]), "");
    assert_eq!(git(&repo, &["ls-files", "-s", "build.sh"]).split(' ').next(), Some("100755"));

    let start = Instant::now();
    let checkout = fetcher.fetch(&source).await.unwrap();
    println!("first fetch: {:?}", start.elapsed());
    let workload = checkout.render(&message("moo")).unwrap().workload().unwrap();
    let lilypad_sdk::module::Program::Wasm(program) = workload.program else { panic!("not WASM") };
    assert_eq!(program.parameters, ["moo"]);
    assert!(program.entry_module.sha256.is_some());
    assert!(checkout.wasm(&program.entry_module).unwrap().starts_with(b"\0asm"));

    let start = Instant::now();
    let again = fetcher.resolve(&ModuleReference::parse("cowsay:v0.0.4").unwrap()).await.unwrap();
    fetcher.fetch(&again).await.unwrap();
    println!("warm resolve and fetch: {:?}", start.elapsed());

    // Another process may have given another path; the commit is what counts.
    let elsewhere = ModuleSource { repo: "file:///nowhere/embedded/cowsay".to_owned(), ..source.clone() };
    assert_eq!(fetcher.fetch(&elsewhere).await.unwrap().source(), &elsewhere);
    let outside = Fetcher::new(data.path(), FetchPolicy::strangers());
    assert!(outside.fetch(&source).await.is_err(), "other networks have no file:// repositories");
}

#[tokio::test]
async fn a_wasm_file_with_another_hash_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let fetcher = Fetcher::new(data.path(), FetchPolicy::strangers()).with_embedded();
    let source = fetcher.resolve(&ModuleReference::parse("cowsay:v0.0.4").unwrap()).await.unwrap();
    let checkout = fetcher.fetch(&source).await.unwrap();
    let lilypad_sdk::module::Program::Wasm(program) =
        checkout.render(&message("moo")).unwrap().workload().unwrap().program
    else {
        panic!("not WASM")
    };
    let mut file = program.entry_module;
    file.sha256 = Some([0; 32]);
    assert!(checkout.wasm(&file).unwrap_err().to_string().contains("SHA-256"));
}

#[tokio::test]
async fn a_folder_is_run_from_a_snapshot() {
    let place = Place::new();
    let work = tempfile::tempdir().unwrap();
    std::fs::write(work.path().join("lilypad_module.json.tmpl"), TEMPLATE).unwrap();
    std::fs::write(work.path().join(".gitignore"), "secret\n").unwrap();
    std::fs::write(work.path().join("secret"), "key").unwrap();
    let reference = ModuleReference::folder(work.path());
    let fetcher = place.fetcher();
    let first = fetcher.resolve(&reference).await.unwrap();
    assert_eq!(fetcher.resolve(&reference).await.unwrap(), first, "nothing changed");
    let checkout = fetcher.fetch(&first).await.unwrap();
    assert!(checkout.render(&message("moo")).is_ok());
    assert!(!checkout.dir().join("secret").exists());
    assert!(!work.path().join(".git").exists(), "the folder itself is not touched");

    std::fs::write(work.path().join("lilypad_module.json.tmpl"), "{}").unwrap();
    let second = fetcher.resolve(&reference).await.unwrap();
    assert_ne!(second.hash, first.hash);
    assert!(fetcher.fetch(&second).await.unwrap().render(&message("moo")).is_ok());

    std::fs::create_dir(work.path().join("sub")).unwrap();
    std::fs::write(work.path().join("sub/other.tmpl"), TEMPLATE).unwrap();
    let inside = fetcher.resolve(&reference.clone().with_path("sub/other.tmpl").unwrap()).await.unwrap();
    assert_eq!(inside.path, "/sub/other.tmpl");
    assert_eq!(fetcher.fetch(&inside).await.unwrap().template().unwrap(), TEMPLATE.as_bytes());
    let nowhere = reference.clone().with_path("sub/nosuch").unwrap();
    assert!(matches!(fetcher.resolve(&nowhere).await, Err(ModuleError::File { .. })));

    let elsewhere = Fetcher::new(place.data.path(), FetchPolicy::own());
    assert!(matches!(elsewhere.resolve(&reference).await, Err(ModuleError::Forbidden { .. })));
    std::fs::remove_file(work.path().join("lilypad_module.json.tmpl")).unwrap();
    assert!(matches!(fetcher.resolve(&reference).await, Err(ModuleError::Folder { .. })));
}

#[tokio::test]
async fn a_repository_beyond_the_limit_is_given_up_by_name() {
    let place = Place::new();
    std::fs::write(place.repo.join("zeros"), vec![0; 3 << 20]).unwrap();
    git(&place.repo, &["add", "-A"]);
    git(&place.repo, &["commit", "-q", "-m", "large when unpacked"]);
    let zeros = git(&place.repo, &["rev-parse", "HEAD"]);
    // Bytes that do not compress: a linear generator's.
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
    .take(3 << 20)
    .collect();
    std::fs::write(place.repo.join("zeros"), noise).unwrap();
    git(&place.repo, &["commit", "-q", "-a", "-m", "large"]);
    let noise = git(&place.repo, &["rev-parse", "HEAD"]);
    let mut policy = FetchPolicy::strangers();
    policy.size_limit = 1 << 20;
    let fetcher = Fetcher::new(place.data.path(), policy.clone()).with_embedded();
    for (commit, words) in [(&zeros, "its files have"), (&noise, "came down")] {
        let error = fetcher.fetch(&place.source(commit)).await.unwrap_err();
        assert!(matches!(error, ModuleError::TooLarge { .. }), "{error}");
        assert!(error.to_string().contains(words) && error.to_string().contains("1048576 bytes"), "{error}");
        assert!(error.hint().is_some() && !error.is_retryable());
    }
    assert!(fetcher.fetch(&place.source(&place.first)).await.is_ok(), "a small commit of the same repository");
    policy.size_limit = 64 << 20;
    policy.file_limit = 1;
    let few = Fetcher::new(place.data.path(), policy).with_embedded();
    let error = few.fetch(&place.source(&noise)).await.unwrap_err();
    assert!(error.to_string().contains("3 files"), "{error}");
    let left = std::fs::read_dir(place.data.path().join("repos/.tmp")).unwrap().count();
    assert_eq!(left, 0, "nothing is left behind");
}

/// Not one process with many tasks, but many programs, as when a person starts several `lilypad run` at once.
#[test]
fn many_processes_share_one_cache() {
    const ROLE: &str = "LILYPAD_TEST_FETCH";
    let fetch = |data: &Path, commit: &str| {
        let fetcher = Fetcher::new(data, FetchPolicy::strangers()).with_embedded();
        let repo = format!("file://{}", data.join("snapshots/remote").display());
        let source = ModuleSource { repo, hash: commit.to_owned(), path: TEMPLATE_PATH.to_owned() };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let checkout = runtime.block_on(fetcher.fetch(&source)).unwrap();
        assert!(checkout.render(&message("moo")).is_ok());
    };
    if let Ok(role) = std::env::var(ROLE) {
        let (data, commit) = role.rsplit_once('|').unwrap();
        fetch(Path::new(data), commit);
        return;
    }
    let place = Place::new();
    let commits = [&place.first, &place.second, &place.dev];
    let children: Vec<_> = (0..9)
        .map(|index| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "module::fetch::many_processes_share_one_cache"])
                .env(ROLE, format!("{}|{}", place.data.path().display(), commits[index % 3]))
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    // Warm, and without the repository: everything is at hand.
    std::fs::remove_dir_all(place.repo.join(".git")).unwrap();
    for commit in commits {
        fetch(place.data.path(), commit);
    }
    let left = std::fs::read_dir(place.data.path().join("repos/.tmp")).unwrap().count();
    assert_eq!(left, 0, "nothing is left behind");
}

#[tokio::test]
async fn a_template_elsewhere_in_the_repository_is_found_and_never_outside() {
    let place = Place::new();
    std::fs::create_dir(place.repo.join("sub")).unwrap();
    std::fs::write(place.repo.join("sub/other.tmpl"), TEMPLATE).unwrap();
    std::fs::write(place.repo.join("sub/lilypad_inputs.json"), r#"{"inputs":[{"name":"Message","default":"hi"}]}"#)
        .unwrap();
    git(&place.repo, &["add", "-A"]);
    git(&place.repo, &["commit", "-q", "-m", "elsewhere"]);
    let commit = git(&place.repo, &["rev-parse", "HEAD"]);
    let source = ModuleSource { path: "/sub/other.tmpl".to_owned(), ..place.source(&commit) };
    let checkout = place.fetcher().fetch(&source).await.unwrap();
    let (inputs, module) = checkout.prepare("m", &BTreeMap::new(), AlteredInputs::Refuse).unwrap();
    assert_eq!(inputs["Message"], "hi", "typed inputs lie beside the template");
    assert_eq!(module.job.spec.docker.entrypoint.unwrap(), ["hi"]);
    let error = checkout
        .prepare("m", &BTreeMap::from([("Nessage".to_owned(), "x".to_owned())]), AlteredInputs::Refuse)
        .unwrap_err();
    assert_eq!(error.to_string(), "input \"Nessage\" is none of the module's");
    for path in ["/../../../../etc/passwd", "../x", "/sub", "/.git/HEAD", ""] {
        let source = ModuleSource { path: path.to_owned(), ..place.source(&commit) };
        let error = place
            .fetcher()
            .fetch(&source)
            .await
            .unwrap()
            .prepare("m", &BTreeMap::new(), AlteredInputs::Refuse)
            .unwrap_err();
        assert!(matches!(error, ModuleError::File { .. }), "{path}: {error}");
    }
}
