//! Files in place: `FROM 'x.parquet'`.
//!
//! The name's ending says the format; `*`, `?` and `[…]` stand for several files, which are read as
//! one table. Where a query may read below one directory only, every file's real path must be
//! there,
//! links followed.

use super::errors::inward;
use super::query::FileAccess;
use crate::error::{Error, ErrorKind, Result};
use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::arrow::ArrowFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::execution::SessionState;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most files that one name stands for.
const FILES_MAX: usize = 10_000;

/// Whether a name is one of a file.
pub(super) fn is_file(name: &str) -> bool {
    ending(name).is_some()
}

fn ending(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let known = [
        ".parquet",
        ".csv",
        ".jsonl",
        ".ndjson",
        ".json",
        ".arrow",
        ".csv.gz",
        ".jsonl.gz",
    ];
    known.into_iter().find(|ending| lower.ends_with(ending))
}

/// The table of a file or of several.
pub(super) async fn open(
    name: &str,
    access: &FileAccess,
    state: &SessionState,
) -> Result<Arc<dyn TableProvider>> {
    let paths = paths(name, access)?;
    let ending = ending(name).unwrap_or_default();
    let format: Arc<dyn FileFormat> = match ending {
        ".parquet" => Arc::new(ParquetFormat::default()),
        ".csv" => Arc::new(CsvFormat::default().with_has_header(true)),
        ".arrow" => Arc::new(ArrowFormat),
        ".csv.gz" | ".jsonl.gz" => {
            return Err(Error::invalid(format!(
                "{name}: compressed files are not read in place; import it, or decompress it first"
            )));
        }
        _ => Arc::new(JsonFormat::default()),
    };
    let urls = paths
        .iter()
        .map(|path| url(path))
        .collect::<Result<Vec<_>>>()?;
    let options = ListingOptions::new(format).with_file_extension("");
    let told = |error| {
        let mut error: Error = inward(error);
        if !error.message.contains(name) {
            error.message = format!("{name}: {}", error.message);
        }
        error
    };
    let config = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options);
    let config = config.infer_schema(state).await.map_err(told)?;
    Ok(Arc::new(ListingTable::try_new(config).map_err(told)?))
}

fn url(path: &Path) -> Result<ListingTableUrl> {
    let text = path
        .to_str()
        .ok_or_else(|| Error::invalid(format!("{}: the path is no text", path.display())))?;
    let mut url = String::from("file://");
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    ListingTableUrl::parse(url).map_err(inward)
}

/// The real paths of the files that `name` stands for.
fn paths(name: &str, access: &FileAccess) -> Result<Vec<PathBuf>> {
    let base = match access {
        FileAccess::Any => None,
        FileAccess::Below(directory) => {
            let real = directory.canonicalize();
            let display = directory.display().to_string();
            Some(real.map_err(|error| Error::io(&display, "open the files' directory", &error))?)
        }
        FileAccess::None => {
            return Err(Error::new(
                ErrorKind::Unauthorized,
                format!("{name}: files may not be read through this door (files_dir is not set)"),
            ));
        }
    };
    let asked = match &base {
        Some(base) => base.join(name),
        None => PathBuf::from(name),
    };
    let text = asked.to_string_lossy().into_owned();
    let found: Vec<PathBuf> = if text.contains(['*', '?', '[']) && !asked.exists() {
        let matches = glob::glob(&text)
            .map_err(|error| Error::invalid(format!("{name}: no pattern of files: {error}")))?;
        matches
            .filter_map(|path| path.ok())
            .take(FILES_MAX + 1)
            .collect()
    } else {
        vec![asked]
    };
    if found.is_empty() {
        return Err(Error::new(
            ErrorKind::Io,
            format!("{name}: no file has such a name"),
        ));
    }
    if found.len() > FILES_MAX {
        return Err(Error::invalid(format!(
            "{name}: more than {FILES_MAX} files"
        )));
    }
    found
        .iter()
        .map(|path| real(path, name, base.as_deref()))
        .collect()
}

fn real(path: &Path, name: &str, base: Option<&Path>) -> Result<PathBuf> {
    let outside = || {
        Error::new(
            ErrorKind::Unauthorized,
            format!("{name}: the file is outside of the directory that may be read (files_dir)"),
        )
    };
    let real = match (path.canonicalize(), base) {
        (Ok(real), _) => real,
        (Err(_), Some(base)) if !path.starts_with(base) || name.contains("..") => {
            return Err(outside());
        }
        (Err(error), _) => return Err(Error::io(name, "open it", &error)),
    };
    if base.is_some_and(|base| !real.starts_with(base)) {
        return Err(outside());
    }
    if !real.is_file() {
        return Err(Error::new(ErrorKind::Io, format!("{name}: not a file")));
    }
    Ok(real)
}
