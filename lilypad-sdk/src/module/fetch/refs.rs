//! Finds the commit a reference means among those a remote names.

/// A commit and the name a remote gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ref {
    pub(super) commit: String,
    pub(super) name: String,
}

/// Reads what `git ls-remote` writes.
pub(super) fn parse(listing: &str) -> Vec<Ref> {
    listing
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(commit, _)| crate::module::is_commit(commit))
        .map(|(commit, name)| Ref { commit: commit.to_owned(), name: name.trim().to_owned() })
        .collect()
}

/// The commit that `revision` means: a reference by its whole name, then a tag, then a branch (also written `origin/x`), then
/// the beginning of a commit's id. An annotated tag means the commit it points at.
pub(super) fn find(refs: &[Ref], revision: &str) -> Option<String> {
    let named = |name: &str| {
        let peeled = format!("{name}^{{}}");
        refs.iter().find(|found| found.name == peeled).or_else(|| refs.iter().find(|found| found.name == name))
    };
    let branch = revision.strip_prefix("origin/").unwrap_or(revision);
    let names = [
        revision.to_owned(),
        format!("refs/{revision}"),
        format!("refs/tags/{revision}"),
        format!("refs/heads/{revision}"),
        format!("refs/heads/{branch}"),
    ];
    if let Some(found) = names.iter().find_map(|name| named(name)) {
        return Some(found.commit.clone());
    }
    if revision.len() < 4 || !revision.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let prefix = revision.to_ascii_lowercase();
    let mut commits: Vec<&str> =
        refs.iter().map(|found| found.commit.as_str()).filter(|commit| commit.starts_with(&prefix)).collect();
    commits.sort_unstable();
    commits.dedup();
    match commits.as_slice() {
        [only] => Some((*only).to_owned()),
        _ => None,
    }
}

/// Up to five tags that look like `revision`; the last ones when none does.
pub(super) fn near(refs: &[Ref], revision: &str) -> Vec<String> {
    let mut tags: Vec<&str> = refs
        .iter()
        .filter_map(|found| found.name.strip_prefix("refs/tags/"))
        .filter(|name| !name.ends_with("^{}"))
        .collect();
    tags.reverse();
    let mut ranked: Vec<(usize, &str)> = tags.iter().map(|&tag| (distance(tag, revision), tag)).collect();
    ranked.sort_by_key(|&(distance, _)| distance);
    ranked.into_iter().take(5).map(|(_, tag)| tag.to_owned()).collect()
}

/// Edits between two short texts.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(100).enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, &above) in b.iter().zip(row.iter().skip(1)) {
            left = (corner + usize::from(x != *y)).min(above + 1).min(left + 1);
            corner = above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refs() -> Vec<Ref> {
        let id = |digit: char| digit.to_string().repeat(40);
        parse(&format!(
            "{a}\tHEAD\n{a}\trefs/heads/main\n{b}\trefs/heads/dev\n{c}\trefs/tags/v1\n{d}\trefs/tags/v1^{{}}\n{e}\trefs/tags/v2\nnonsense\n",
            a = id('a'),
            b = id('b'),
            c = id('c'),
            d = id('d'),
            e = id('e'),
        ))
    }

    #[test]
    fn finds_tags_branches_and_short_ids() {
        let first = |revision: &str| find(&refs(), revision).map(|commit| commit.chars().next().unwrap_or(' '));
        assert_eq!(first("v1"), Some('d'), "the commit behind an annotated tag");
        assert_eq!(first("v2"), Some('e'));
        assert_eq!(first("main"), Some('a'));
        assert_eq!(first("dev"), Some('b'));
        assert_eq!(first("origin/dev"), Some('b'));
        assert_eq!(first("refs/heads/dev"), Some('b'));
        assert_eq!(first("heads/dev"), Some('b'));
        assert_eq!(first("HEAD"), Some('a'));
        assert_eq!(first("bbbbbbb"), Some('b'));
        assert_eq!(first("bbb"), None);
        assert_eq!(first("v3"), None);
    }

    #[test]
    fn suggests_what_looks_alike() {
        assert_eq!(near(&refs(), "v22"), ["v2", "v1"]);
        assert_eq!(distance("v0.0.4", "v0.0.5"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
