//! The house keeps its own rules: imports go one way, files stay short, nothing local to one machine is committed.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Lines after which a file is two files.
const MAX_LINES: usize = 600;
/// Lines that the README stays below.
const MAX_README_LINES: usize = 200;
/// The heading of ARCHITECTURE.md whose first code block is the table of rooms.
const TABLE_HEADING: &str = "## Imports go one way";
/// The sum of the rooms' errors. It may name every room; only rooms from `client` on may name it.
const ERROR_ROOM: &str = "error";

/// Rank of each room: a room may use rooms of a smaller rank, and itself.
type Ranks = BTreeMap<String, usize>;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

/// The workspace root, or `None` when this crate was unpacked somewhere else.
fn house() -> Option<PathBuf> {
    let root = workspace();
    if root.join("ARCHITECTURE.md").is_file() {
        return Some(root);
    }
    let required = ["CI", "LILYPAD_REQUIRE_PARTS"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(!required, "ARCHITECTURE.md is missing beside the crate");
    crate::skipped(format_args!("the crate lies outside its repository, so there is no house to tidy"));
    None
}

/// Reads the table: one line a rank, rooms separated by blanks.
fn ranks(architecture: &str) -> Ranks {
    let section = architecture.split(TABLE_HEADING).nth(1).expect("ARCHITECTURE.md has the table of rooms");
    let block = section.split("```").nth(1).expect("the table is a code block");
    let lines = block.lines().skip(1).filter(|line| !line.trim().is_empty()).enumerate();
    let mut ranks = Ranks::new();
    for (rank, line) in lines {
        for room in line.split_whitespace() {
            assert!(ranks.insert(room.to_owned(), rank).is_none(), "{room} stands twice in the table of rooms");
        }
    }
    assert!(ranks.len() > 10, "the table of rooms is too short: {ranks:?}");
    ranks
}

/// The text without comments; strings keep their text, which is good enough for paths.
fn code(source: &str) -> String {
    source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// First names of the paths in a `{…}` group, and the group's own name when `text` starts with none.
fn first_names(text: &str) -> Vec<String> {
    let identifier = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = text.strip_prefix('{') else {
        return vec![identifier(text)];
    };
    let (mut depth, mut names, mut start) = (0_usize, Vec::new(), true);
    for (index, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            _ if start && !letter.is_whitespace() => {
                names.push(identifier(&group[index..]));
                start = false;
            }
            _ => {}
        }
    }
    names
}

/// Lower-case first names behind `crate::`, with their line numbers.
fn crate_paths(source: &str) -> Vec<(usize, String)> {
    let code = code(source);
    let mut found = Vec::new();
    for (at, marker) in code.match_indices("crate::") {
        let line = code[..at].lines().count().max(1);
        found.extend(first_names(&code[at + marker.len()..]).into_iter().map(|name| (line, name)));
    }
    found
}

/// Lines whose `super::` chain leaves the room of a module that is `depth` deep below the crate's root.
fn escapes(source: &str, depth: usize) -> Vec<usize> {
    let mut lines = Vec::new();
    for (index, line) in code(source).lines().enumerate() {
        let chain = line.split(|c: char| !(c.is_alphanumeric() || c == ':' || c == '_'));
        let supers = chain.map(|path| path.split("::").take_while(|part| *part == "super").count()).max().unwrap_or(0);
        // An indented line may stand in one inline module, which takes one `super` to leave.
        let allowed = if line.starts_with(char::is_whitespace) { depth } else { depth - 1 };
        if supers > allowed {
            lines.push(index + 1);
        }
    }
    lines
}

/// Every import of `source`, a file of `room`, that goes backwards or sideways.
fn backward_edges(ranks: &Ranks, room: &str, source: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let Some(own) = ranks.get(room) else {
        return vec![format!("room {room} is not in the table of ARCHITECTURE.md")];
    };
    let client = ranks["client"];
    for (line, name) in crate_paths(source) {
        if name == room || name.is_empty() {
            continue;
        }
        if name == ERROR_ROOM || name.starts_with(char::is_uppercase) {
            if *own < client {
                problems.push(format!("line {line}: {room} may not use crate::{name}, which names every room"));
            }
            continue;
        }
        match ranks.get(&name) {
            Some(rank) if rank < own => {}
            Some(rank) if rank == own => problems.push(format!("line {line}: {room} imports {name}, its neighbour")),
            Some(_) => problems.push(format!("line {line}: {room} imports {name}, which is built on it")),
            None => problems.push(format!("line {line}: {room} imports {name}, which is no room")),
        }
    }
    problems
}

/// Every `.rs` file below `folder`.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            files.extend(rust_files(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
    files.sort();
    files
}

/// Files that git tracks, with their text; those that are no text are left out.
fn tracked_texts(root: &Path) -> Vec<(String, String)> {
    if !root.join(".git").exists() {
        crate::skipped(format_args!("{} is no git checkout, so nothing says which files belong to it", root.display()));
        return Vec::new();
    }
    let listing = Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]).output().expect("git runs");
    assert!(listing.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&listing.stderr));
    let names = String::from_utf8(listing.stdout).expect("tracked names are UTF-8");
    let read = |name: &str| fs::read_to_string(root.join(name)).ok().map(|text| (name.to_owned(), text));
    names.split('\0').filter(|name| !name.is_empty()).filter_map(read).collect()
}

/// Texts that belong to one machine or to how the work was done, not to the house.
fn foreign_words(name: &str, text: &str) -> Vec<String> {
    let generated = name.contains("/fixtures/") || name == "LICENSE" || name.ends_with("Cargo.lock");
    // Put together here, so that this file does not hold what it looks for.
    let paths: Vec<String> =
        [["/wo", "rk/"], ["/tmp/w", "t/"], ["/tmp/br", "ief"], ["/tmp/n", "pm/"], ["/home", "/user"]]
            .map(|p| p.concat())
            .into();
    let hosts: Vec<String> =
        [["registry.npm", "js.org"], ["static.crates", ".io"], ["index.crates", ".io"], ["deb.debian", ".org"]]
            .map(|host| host.concat())
            .into();
    let words: Vec<String> = [["sess", "ion"], ["sess", "ions"], ["work", "tree"]].map(|word| word.concat()).into();
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut report = |what: &str| problems.push(format!("{name}:{}: {what}", index + 1));
        for needle in paths.iter().chain(&hosts) {
            if line.contains(needle.as_str()) {
                report(needle);
            }
        }
        let is_word = |word: &str| words.iter().any(|forbidden| word.eq_ignore_ascii_case(forbidden));
        if !generated && line.split(|c: char| !c.is_alphanumeric()).any(is_word) {
            report("a word about how the work was done");
        }
    }
    problems
}

fn assert_none(problems: &[String], what: &str) {
    let mut text = String::new();
    for problem in problems {
        let _ = writeln!(text, "  {problem}");
    }
    assert!(problems.is_empty(), "{what}:\n{text}");
}

#[test]
fn imports_go_one_way() {
    let Some(root) = house() else { return };
    let ranks = ranks(&fs::read_to_string(root.join("ARCHITECTURE.md")).expect("the map can be read"));
    let source_root = root.join("lilypad-sdk/src");
    let mut problems = Vec::new();
    for file in rust_files(&source_root) {
        let inside = file.strip_prefix(&source_root).expect("a file of the crate");
        let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let source = fs::read_to_string(&file).expect("a source file can be read");
        let room = parts[0].trim_end_matches(".rs");
        if parts.len() == 1 && ["lib", ERROR_ROOM].contains(&room) {
            continue;
        }
        let depth = parts.len() - usize::from(parts.last().is_some_and(|name| name == "mod.rs"));
        let name = inside.display();
        problems.extend(backward_edges(&ranks, room, &source).into_iter().map(|problem| format!("{name}: {problem}")));
        let leaving = escapes(&source, depth).into_iter();
        problems.extend(leaving.map(|line| format!("{name}: line {line}: `super` leaves the room, write `crate::`")));
    }
    assert_none(&problems, "imports that do not go one way");
}

#[test]
fn planted_edges_are_found() {
    let Some(root) = house() else { return };
    let ranks = ranks(&fs::read_to_string(root.join("ARCHITECTURE.md")).expect("the map can be read"));
    let edges = |room: &str, source: &str| backward_edges(&ranks, room, source).len();
    assert_eq!(edges("deal", "use crate::types::DealId;\n"), 0);
    assert_eq!(edges("deal", "use crate::chain::Chain;\n"), 1, "backwards");
    assert_eq!(edges("matching", "use crate::deal::AgreementState;\n"), 1, "sideways");
    assert_eq!(
        edges("server", "use crate::{\n    api::{Routes, auth},\n    client::HttpSolver,\n};\n"),
        1,
        "in a group"
    );
    assert_eq!(edges("types", "fn f() { crate::node::run() }\n"), 1, "in code");
    assert_eq!(edges("store", "pub fn f() -> Result<(), crate::Error> {}\n"), 1, "the sum of errors");
    assert_eq!(edges("types", "/// See [`crate::node`].\nuse crate::types::Amount;\n"), 0, "comments are free");
    assert_eq!(edges("cellar", "use crate::types::Amount;\n"), 1, "a room without a place");
    assert_eq!(escapes("use super::super::chain::Chain;\n", 2), [1]);
    assert_eq!(escapes("mod tests {\n    use super::super::chain::Chain;\n}\n", 1), [2]);
    assert!(escapes("use super::super::rules;\n", 3).is_empty());
    assert!(escapes("mod tests {\n    use super::*;\n}\n", 1).is_empty());
}

#[test]
fn every_room_of_the_map_exists_and_explains_itself() {
    let Some(root) = house() else { return };
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("the map can be read");
    let mut problems = Vec::new();
    for room in ranks(&map).keys() {
        match fs::read_to_string(root.join("lilypad-sdk/src").join(room).join("mod.rs")) {
            Ok(text) if text.starts_with("//!") => {}
            Ok(_) => problems.push(format!("{room}/mod.rs does not say what the room is for")),
            Err(error) => problems.push(format!("{room}/mod.rs: {error}")),
        }
    }
    // Files that the map points at are there.
    for quoted in map.split('`').skip(1).step_by(2) {
        let is_path = quoted.contains('/') && quoted.ends_with(".rs") && !quoted.contains(['{', '<', '*', ' ']);
        if is_path && !root.join(quoted).is_file() {
            problems.push(format!("ARCHITECTURE.md points at {quoted}, which does not exist"));
        }
    }
    assert_none(&problems, "the map and the house differ");
}

#[test]
fn files_stay_short() {
    let Some(root) = house() else { return };
    let mut problems = Vec::new();
    for (name, text) in tracked_texts(&root) {
        let lines = text.lines().count();
        let code = [".rs", ".sol"].iter().any(|extension| name.ends_with(extension));
        if code && lines > MAX_LINES {
            problems.push(format!("{name}: {lines} lines, more than {MAX_LINES}"));
        }
        if name == "README.md" && lines >= MAX_README_LINES {
            problems.push(format!("{name}: {lines} lines, not below {MAX_README_LINES}"));
        }
    }
    assert_none(&problems, "files that are two files");
}

#[test]
fn nothing_of_one_machine_is_committed() {
    let Some(root) = house() else { return };
    let problems: Vec<_> = tracked_texts(&root).iter().flat_map(|(name, text)| foreign_words(name, text)).collect();
    assert_none(&problems, "texts that do not belong in the repository");
    let planted = format!("see /wo{} for more", "rk/notes");
    assert_eq!(foreign_words("docs/a.md", &planted).len(), 1, "a planted path is found");
}

#[test]
fn the_readme_shows_the_smallest_program_as_it_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(example) = fs::read_to_string(root.join("../examples/src/bin/ten_lines.rs")) else {
        crate::skipped(format_args!("the examples are not in a package of the SDK alone"));
        return;
    };
    let program = example.split_once("\n\n").expect("a header").1;
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.contains(&format!("```rust\n{program}```\n")), "README.md (a doctest) and ten_lines.rs differ");
}
