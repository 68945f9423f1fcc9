//! Which repositories may be fetched, and how much of the person's own set-up `git` sees.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::module::ModuleError;

/// What fetching a module may do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchPolicy {
    /// Folders below which `file://` repositories may lie; none forbids them.
    pub allow_files_under: Vec<PathBuf>,
    /// Whether `git` runs with the person's own home, settings and credentials. For the person's own commands only.
    pub user_credentials: bool,
    /// Hosts that may be asked; `None` for any.
    pub hosts: Option<Vec<String>>,
    /// Whether hosts with addresses of private networks may be asked.
    pub allow_private_addresses: bool,
    /// Longest wait for one `git` command.
    pub time_limit: Duration,
    /// Most bytes of a download, and of the files of a checkout. Default 512 MiB.
    pub size_limit: u64,
    /// Most files of a checkout. Default 50,000.
    pub file_limit: usize,
}

impl FetchPolicy {
    /// For the person's own commands: their settings and credentials, any https host.
    pub fn own() -> Self {
        Self {
            allow_files_under: Vec::new(),
            user_credentials: true,
            hosts: None,
            allow_private_addresses: true,
            time_limit: Duration::from_secs(60),
            size_limit: 512 << 20,
            file_limit: 50_000,
        }
    }

    /// For modules that others name: empty home, no settings, no credentials, no private addresses.
    pub fn strangers() -> Self {
        Self { user_credentials: false, allow_private_addresses: false, ..Self::own() }
    }

    /// Whether a URL may be fetched, before anything is asked.
    pub(super) fn check(&self, repo: &str) -> Result<Location, ModuleError> {
        let forbidden = |why| ModuleError::Forbidden { repo: repo.to_owned(), why };
        if repo.chars().any(|c| c.is_control() || c == ' ') || repo.len() > 2000 {
            return Err(forbidden("the URL has characters that no URL has"));
        }
        if let Some(path) = repo.strip_prefix("file://") {
            return self.check_file(Path::new(path)).map_err(forbidden);
        }
        let Some(rest) = repo.strip_prefix("https://") else {
            return Err(forbidden("only https:// repositories can be used"));
        };
        let (host, path) = rest.split_once('/').ok_or_else(|| forbidden("the URL has no path"))?;
        let (name, port) = match host.split_once(':') {
            Some((name, port)) => (name, port.parse().map_err(|_| forbidden("the port is no number"))?),
            None => (host, 443),
        };
        let name = name.to_ascii_lowercase();
        if name.is_empty()
            || name.starts_with(['.', '-'])
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        {
            return Err(forbidden("the host has characters that no host has, or a user name"));
        }
        let path = path.trim_end_matches('/');
        if path.split('/').count() < 2 || !path.split('/').all(crate::module::reference::is_plain_part) {
            return Err(forbidden("the path is not OWNER/REPO"));
        }
        if self.hosts.as_ref().is_some_and(|hosts| !hosts.iter().any(|known| known.eq_ignore_ascii_case(&name))) {
            return Err(forbidden("the host is not on the list of allowed hosts"));
        }
        Ok(Location::Https { host: name, port, path: path.to_owned() })
    }

    fn check_file(&self, path: &Path) -> Result<Location, &'static str> {
        if self.allow_files_under.is_empty() {
            return Err("only https:// repositories can be used");
        }
        let outside = "the folder does not lie below one that is allowed";
        let path = path.canonicalize().map_err(|_| outside)?;
        let roots = self.allow_files_under.iter().filter_map(|root| root.canonicalize().ok());
        let is_inside = |root: PathBuf| path != root && path.starts_with(root);
        if roots.into_iter().any(is_inside) { Ok(Location::File(path)) } else { Err(outside) }
    }
}

/// A repository that may be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    Https { host: String, port: u16, path: String },
    File(PathBuf),
}

/// Addresses of a host, when none of them is private.
///
/// Name and connection are two look-ups for `git`, so the address found here is pinned in the command that follows.
pub(super) fn public_address(host: &str, port: u16, repo: &str) -> Result<SocketAddr, ModuleError> {
    let addresses = (host, port).to_socket_addrs().map_err(|error| ModuleError::UnknownModule {
        repo: repo.to_owned(),
        why: format!("cannot look up {host}: {error}"),
        unreachable: true,
    })?;
    let mut first = None;
    for address in addresses {
        if !is_public(address.ip()) {
            return Err(ModuleError::Forbidden { repo: repo.to_owned(), why: "the host is in a private network" });
        }
        first.get_or_insert(address);
    }
    first.ok_or_else(|| ModuleError::UnknownModule {
        repo: repo.to_owned(),
        why: format!("{host} has no address"),
        unreachable: true,
    })
}

/// Whether an address can be on the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0)
                || (a == 198 && (b == 18 || b == 19)))
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            match v6.to_ipv4_mapped() {
                Some(v4) => is_public(IpAddr::V4(v4)),
                // Only 2000::/3 is given out; of it, documentation and the tunnels that carry IPv4 addresses are left out.
                None => {
                    first & 0xe000 == 0x2000
                        && first != 0x2002
                        && !(first == 0x2001 && (second == 0 || second == 0x0db8))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn private_addresses_are_told_apart() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:10.0.0.1",
            "2002:a00:1::",
            "64:ff9b::a00:1",
            "2001:db8::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in ["140.82.121.3", "1.1.1.1", "2606:4700::1111", "2a00:1450::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn only_plain_https_repositories_pass() {
        let policy = FetchPolicy::strangers();
        assert_eq!(
            policy.check("https://GitHub.com/o/r.git").unwrap(),
            Location::Https { host: "github.com".to_owned(), port: 443, path: "o/r.git".to_owned() }
        );
        for bad in [
            "http://github.com/o/r",
            "ssh://git@github.com/o/r",
            "git@github.com:o/r",
            "file:///tmp/x",
            "/tmp/x",
            "ext::sh -c id",
            "https://u:p@github.com/o/r",
            "https://github.com/o",
            "https://github.com/../o/r",
            "https://github.com/o/r?x",
            "--x",
            "https://github.com/o/.git",
            "https:///o/r",
            "https://github.com:x/o/r",
            "https://-x/o/r",
            "https://github.com/o/r\n",
        ] {
            assert!(matches!(policy.check(bad), Err(ModuleError::Forbidden { .. })), "{bad}");
        }
        let mut listed = policy;
        listed.hosts = Some(vec!["github.com".to_owned()]);
        assert!(listed.check("https://github.com/o/r").is_ok());
        assert!(listed.check("https://example.org/o/r").is_err());
    }

    #[test]
    fn file_repositories_lie_below_one_folder() {
        let root = tempfile::tempdir().unwrap();
        let inside = root.path().join("a");
        std::fs::create_dir(&inside).unwrap();
        let mut policy = FetchPolicy::strangers();
        policy.allow_files_under = vec![root.path().to_owned()];
        let url = |path: &Path| format!("file://{}", path.display());
        assert!(policy.check(&url(&inside)).is_ok());
        assert!(policy.check(&url(&root.path().join("missing"))).is_err());
        assert!(policy.check(&url(&inside.join("../.."))).is_err());
        assert!(policy.check(&url(root.path())).is_err());
        std::os::unix::fs::symlink("/etc", root.path().join("link")).unwrap();
        assert!(policy.check(&url(&root.path().join("link"))).is_err());
    }
}
