//! The shell's golden scripts: `tests/scripts/shell/NAME.cql` with the answers in `NAME.out`.

use helenus::shell::Format;
use std::path::{Path, PathBuf};

/// The scripts in the order of their names, each with the format that its name ends with.
pub fn shell_scripts() -> Vec<(PathBuf, Format)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/shell");
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cql"))
        .collect();
    scripts.sort();
    assert!(scripts.len() >= 4, "the scripts are gone");
    let with_format = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy();
        let format = match name.rsplit('_').next() {
            Some("csv") => Format::Csv,
            Some("json") => Format::Json,
            _ => Format::Table,
        };
        (path, format)
    };
    scripts.into_iter().map(with_format).collect()
}
