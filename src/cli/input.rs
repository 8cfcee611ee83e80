//! Input files of commands: derives their form and compression from their names.

use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio::io::AsyncReadExt as _;

use crate::charset::Charset;
use crate::compression::Compression;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum InputForm {
    Csv,
    Ndjson,
    Json,
    Xlsx,
}

/// Properties of a file that its content does not reveal.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct InputOptions {
    /// The charset of the file, like windows-1252; not needed for UTF-8 or a file with a byte order mark.
    #[arg(long)]
    pub(super) charset: Option<String>,
    /// The sheet to read from a spreadsheet [default: the first visible one].
    #[arg(long)]
    pub(super) sheet: Option<String>,
}

/// A file as stored on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    /// `None` if the file name does not reveal it.
    pub(super) form: Option<InputForm>,
    pub(super) packed: Option<Compression>,
    pub(super) bytes: Vec<u8>,
}

impl InputOptions {
    /// Returns the given charset, or an error if it is unknown.
    pub(super) fn charset(&self) -> Result<Option<Charset>> {
        self.charset.as_deref().map(Charset::named).transpose().context("--charset")
    }

    /// Returns an error if an option does not apply to files of this form.
    pub(super) fn check(&self, form: InputForm) -> Result<()> {
        match form {
            InputForm::Xlsx if self.charset.is_some() => bail!("--charset: does not apply to a spreadsheet"),
            InputForm::Csv | InputForm::Ndjson | InputForm::Json if self.sheet.is_some() => {
                bail!("--sheet: only a spreadsheet (.xlsx) has sheets")
            }
            InputForm::Csv | InputForm::Ndjson | InputForm::Json | InputForm::Xlsx => Ok(()),
        }
    }
}

impl Input {
    /// Reads a file.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Self::named(file, bytes))
    }

    /// Derives form and compression from the file name: `roster.csv.gz` is CSV, compressed with gzip.
    pub(super) fn named(file: &Path, bytes: Vec<u8>) -> Self {
        let ending = |file: &Path| Some(file.extension()?.to_str()?.to_ascii_lowercase());
        let packed = ending(file).as_deref().and_then(Compression::of_extension);
        let stem = file.file_stem().map_or(file, Path::new);
        let form = match ending(if packed.is_some() { stem } else { file }).as_deref() {
            Some("csv" | "tsv") => Some(InputForm::Csv),
            Some("ndjson" | "jsonl") => Some(InputForm::Ndjson),
            Some("json") => Some(InputForm::Json),
            Some("xlsx") => Some(InputForm::Xlsx),
            Some(_) | None => None,
        };
        Self { form, packed, bytes }
    }

    /// Returns the file decompressed.
    pub(super) async fn unpacked(self) -> Result<Self> {
        let Some(packed) = self.packed else { return Ok(self) };
        let mut bytes = Vec::new();
        let read = packed.expanded(self.bytes.as_slice()).read_to_end(&mut bytes).await;
        read.with_context(|| {
            format!("the file cannot be decompressed: it is not valid {packed}, is truncated, or has trailing data")
        })?;
        Ok(Self { packed: None, bytes, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_form_and_how_it_is_packed() {
        for (name, form, packed) in [
            ("a.CSV", Some(InputForm::Csv), None),
            ("a.tsv", Some(InputForm::Csv), None),
            ("a.csv.gz", Some(InputForm::Csv), Some(Compression::Gzip)),
            ("a.jsonl.ZST", Some(InputForm::Ndjson), Some(Compression::Zstd)),
            ("a.json", Some(InputForm::Json), None),
            ("a.xlsx", Some(InputForm::Xlsx), None),
            ("csv", None, None),
            ("a.xls", None, None),
            ("a.gz", None, Some(Compression::Gzip)),
        ] {
            let input = Input::named(Path::new(name), Vec::new());
            assert_eq!((input.form, input.packed), (form, packed), "{name}");
        }
    }

    #[test]
    fn options_belong_to_forms() {
        let charset = InputOptions { charset: Some("windows-1252".into()), sheet: None };
        assert!(charset.check(InputForm::Csv).is_ok() && charset.check(InputForm::Xlsx).is_err());
        let sheet = InputOptions { charset: None, sheet: Some("A".into()) };
        assert!(sheet.check(InputForm::Xlsx).is_ok() && sheet.check(InputForm::Json).is_err());
        let unknown = InputOptions { charset: Some("ebcdic".into()), sheet: None };
        assert!(format!("{:#}", unknown.charset().unwrap_err()).contains("windows-1252"));
    }
}
