//! The lily and the word mark above a job's stages.

/// Six rows; the version stands at the end of the last one.
const ROWS: [&str; 6] = [
    "⠀⠀⠀⠀⠀⠀⠀⡰⢆",
    "⠀⠀⢀⡀⠀⠀⢰⠃⠘⡆⠀⠀⢀⡀⠀⠀   █     █  █     █   █  ████    ███   ████",
    "⠀⠀⠸⡈⠙⠢⡇⠀⠀⢸⠔⠋⢁⠇⠀⠀   █     █  █      █ █   █   █  █   █  █   █",
    "⠀⢀⣀⣳⡀⠀⢧⠀⠀⡼⠀⢀⣞⣀⡀⠀   █     █  █       █    ████   █████  █   █",
    "⠀⠙⢦⡀⠙⠦⣌⣦⣴⣡⠴⠋⢀⡴⠋⠀   █     █  █       █    █      █   █  █   █",
    "⠠⠤⠤⢌⣙⣓⣋⣉⣉⣙⣚⣋⡡⠤⠤⠄   ████  █  ████    █    █      █   █  ████",
];
/// The line below.
const LAST_LINE: &str = "Decentralized Compute Network  https://lilypad.tech";

/// The banner with a line break at its end, followed by an empty line.
pub(crate) fn banner(version: &str) -> String {
    format!("{}  {version}\n{LAST_LINE}\n\n", ROWS.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_ends_with_its_last_line_and_an_empty_one() {
        let banner = banner("v9.8.7");
        assert!(banner.ends_with("v9.8.7\nDecentralized Compute Network  https://lilypad.tech\n\n"), "{banner}");
        assert!(!banner.contains('\u{1b}'));
    }
}
