//! `skillsync openapi`: prints the OpenAPI document.

use std::process::ExitCode;

pub(super) fn run() -> ExitCode {
    print!("{}", crate::api::openapi_text());
    ExitCode::SUCCESS
}
