//! `skillsync health`: checks that a running service is alive; for container images without a shell.

use std::process::ExitCode;

use anyhow::Result;

use super::http::JsonClient;

#[derive(Debug, clap::Args)]
pub(super) struct HealthArguments {
    /// The base URL of the service.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
}

pub(super) async fn run(arguments: &HealthArguments) -> Result<ExitCode> {
    JsonClient::new(arguments.url.clone())?.get("/healthz").await?;
    println!("ok");
    Ok(ExitCode::SUCCESS)
}
