//! Access tokens: at most one login at a time, shared by all callers that wait for it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use tower::ServiceExt;

use super::shortened::shortened;
use super::transport::{Transport, TransportError};
use crate::backoff::Backoff;
use crate::clock::WallClock;
use crate::metrics::Counter;
use crate::retry_after::retry_after;

/// Pause after a throttled login. The token endpoint counts per minute, so an earlier attempt would be pointless.
const PAUSE_OF_THROTTLED_LOGINS: Duration = Duration::from_secs(10);

/// Longest pause between logins that an answer can impose: calls that wait for the token keep their seats meanwhile.
const MAX_TOLD_PAUSE: Duration = Duration::from_secs(300);
/// Maximum time for which a token is used. By default, Genesys issues tokens for a day or less.
const MAX_TOKEN_USE: Duration = Duration::from_secs(48 * 3600);
/// Minimum time for which a token is used: a login for each call would exhaust the limit of logins.
const LEAST_USE: Duration = Duration::from_secs(30);
/// Time for which a token is used if its lifetime is unknown.
const UNTOLD_USE: Duration = Duration::from_secs(3600);

/// Credentials of the OAuth client.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub client_id: String,
    pub client_secret: SecretString,
}

/// Reason why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The token endpoint refuses the credentials: a problem of the configuration.
    #[error("Genesys refuses the login ({0}); check genesys.client_id, genesys.client_secret and the region")]
    Refused(String),
    /// The token endpoint limits the rate of logins.
    #[error("Genesys limits the rate of logins ({0}); skillsync tries again after a pause")]
    Throttled(String),
    /// The token endpoint gave no conclusive answer.
    #[error("the login host of Genesys cannot be reached ({0}); check genesys.region and the network")]
    OutOfReach(String),
}

/// State of the login, for the readiness of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginStatus {
    NotTried,
    LoggedIn,
    Failed(LoginError),
}

/// Result of one login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginEnd {
    LoggedIn,
    Refused,
    Throttled,
    OutOfReach,
}

impl LoginEnd {
    /// All results.
    pub const ALL: [Self; 4] = [Self::LoggedIn, Self::Refused, Self::Throttled, Self::OutOfReach];

    fn of(error: &LoginError) -> Self {
        match error {
            LoginError::Refused(_) => Self::Refused,
            LoginError::Throttled(_) => Self::Throttled,
            LoginError::OutOfReach(_) => Self::OutOfReach,
        }
    }

    /// Returns the name used in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::LoggedIn => "logged_in",
            Self::Refused => "refused",
            Self::Throttled => "throttled",
            Self::OutOfReach => "out_of_reach",
        }
    }
}

/// An access token as an `Authorization` header.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) header: HeaderValue,
    /// Distinguishes this token from its successors.
    generation: u64,
    /// When the token should be replaced by a new one.
    renew_at: Instant,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// Source of access tokens.
///
/// Invariant: at most one login is in progress, because it runs with the state locked; whoever waited for the lock
/// finds its result there. After a failed login, no attempt is made until a pause is over, however many callers ask:
/// they wait for it and share the next result. A token that Genesys refuses before it accepted it even once counts as a
/// failed login; otherwise, a disabled client would cause logins at the full rate of the calls.
#[derive(Debug)]
pub struct TokenSource {
    transport: Transport,
    token_url: String,
    credentials: Credentials,
    backoff: Arc<Backoff>,
    clock: WallClock,
    state: Mutex<LoginState>,
    /// Changes only while the state is locked.
    current: parking_lot::Mutex<Option<Token>>,
    /// Generation of the newest token that Genesys accepted.
    proven: AtomicU64,
    ends: [Counter; LoginEnd::ALL.len()],
    status: watch::Sender<LoginStatus>,
}

#[derive(Debug, Default)]
struct LoginState {
    logins: u64,
    failures: u32,
    not_before: Option<(Instant, LoginError)>,
}

/// Token response (RFC 6749, section 5.1). `expires_in` is only recommended, and some servers write the number as text.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<serde_json::Value>,
}

impl TokenAnswer {
    /// Returns how long the token is used. A refused token is replaced in any case, so one without a plausible lifetime
    /// is used for an hour, and none is replaced within the first half minute.
    fn good_for(&self) -> Duration {
        let told = match &self.expires_in {
            Some(serde_json::Value::Number(seconds)) => seconds.as_f64(),
            Some(serde_json::Value::String(seconds)) => seconds.trim().parse().ok(),
            Some(_) | None => None,
        };
        let seconds = told.filter(|seconds| *seconds >= 0.0 && seconds.is_finite());
        // A token that expires while calls are on their way costs each of them a second attempt.
        let used = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds * 0.95).ok());
        used.unwrap_or(UNTOLD_USE).clamp(LEAST_USE, MAX_TOKEN_USE)
    }
}

#[derive(Deserialize, Default)]
struct TokenRefusal {
    error: Option<String>,
    description: Option<String>,
    error_description: Option<String>,
}

impl TokenSource {
    /// Creates a source that gets tokens from `login_url` with the client credentials grant.
    pub fn new(
        transport: Transport,
        login_url: &str,
        credentials: Credentials,
        backoff: Arc<Backoff>,
        clock: WallClock,
    ) -> Self {
        Self {
            transport,
            token_url: format!("{}/oauth/token", login_url.trim_end_matches('/')),
            credentials,
            backoff,
            clock,
            state: Mutex::default(),
            current: parking_lot::Mutex::default(),
            proven: AtomicU64::new(0),
            ends: Default::default(),
            status: watch::Sender::new(LoginStatus::NotTried),
        }
    }

    /// Returns the state of the login, as a watch channel.
    pub fn status(&self) -> watch::Receiver<LoginStatus> {
        self.status.subscribe()
    }

    /// Returns how often each result of a login occurred since the start of the process.
    pub fn ends(&self) -> impl Iterator<Item = (LoginEnd, &Counter)> {
        LoginEnd::ALL.into_iter().zip(&self.ends)
    }

    /// Logs in unless there is a valid token.
    pub async fn ensure(&self) -> Result<(), LoginError> {
        self.token().await.map(|_| ())
    }

    /// Returns the newest token, unless Genesys has refused it.
    pub(super) fn newest(&self) -> Option<Token> {
        self.current().clone()
    }

    fn current(&self) -> parking_lot::MutexGuard<'_, Option<Token>> {
        self.current.lock()
    }

    pub(super) async fn token(&self) -> Result<Token, LoginError> {
        let mut failures_before = None;
        loop {
            let mut state = self.state.lock().await;
            if let Some(token) = self.newest().filter(|token| Instant::now() < token.renew_at) {
                return Ok(token);
            }
            let failures = state.failures;
            match state.not_before.clone().filter(|(until, _)| Instant::now() < *until) {
                // Another caller tried while this one waited.
                Some((_, error)) if failures_before.is_some_and(|before| before != failures) => return Err(error),
                Some((until, _)) => {
                    failures_before.get_or_insert(failures);
                    drop(state);
                    tokio::time::sleep_until(until).await;
                }
                None => return self.try_log_in(&mut state).await,
            }
        }
    }

    async fn try_log_in(&self, state: &mut LoginState) -> Result<Token, LoginError> {
        state.logins += 1;
        let answer = self.ask().await;
        let told = answer.as_ref().ok().and_then(|answer| retry_after(answer.headers(), self.clock.now()));
        match answer.and_then(|answer| token_in(&answer, state.logins)) {
            Ok(token) => {
                *self.current() = Some(token.clone());
                state.not_before = None;
                self.ends[LoginEnd::LoggedIn as usize].count();
                self.status.send_replace(LoginStatus::LoggedIn);
                Ok(token)
            }
            Err(error) => {
                self.failed(state, &error, told);
                Err(error)
            }
        }
    }

    /// Blocks further attempts until a pause is over: ours, or the longer one that the answer asked for. Without
    /// jitter, because there is only one login at a time and so nothing to spread.
    fn failed(&self, state: &mut LoginState, error: &LoginError, told: Option<Duration>) {
        state.failures += 1;
        self.ends[LoginEnd::of(error) as usize].count();
        let least = match error {
            LoginError::Throttled(_) => PAUSE_OF_THROTTLED_LOGINS,
            LoginError::Refused(_) | LoginError::OutOfReach(_) => Duration::ZERO,
        };
        let pause =
            self.backoff.longest_pause(state.failures).max(least).max(told.unwrap_or_default().min(MAX_TOLD_PAUSE));
        state.not_before = Some((Instant::now() + pause, error.clone()));
        tracing::warn!(%error, failures = state.failures, "login failed");
        self.status.send_replace(LoginStatus::Failed(error.clone()));
    }

    /// Drops a token that Genesys no longer accepts. If many calls find out together, the first one drops it, and the
    /// others leave its successor alone.
    pub(super) async fn drop_token(&self, refused: &Token) {
        let mut state = self.state.lock().await;
        {
            let mut current = self.current();
            if current.as_ref().is_none_or(|token| token.generation != refused.generation) {
                return;
            }
            *current = None;
        }
        if self.proven.load(Ordering::Relaxed) < refused.generation {
            let error = LoginError::Refused("it rejects a token that it has just issued".to_owned());
            self.failed(&mut state, &error, None);
        }
    }

    /// Records that Genesys accepted this token.
    pub(super) async fn took(&self, token: &Token) {
        if self.proven.fetch_max(token.generation, Ordering::Relaxed) < token.generation {
            self.state.lock().await.failures = 0;
        }
    }

    async fn ask(&self) -> Result<Response<Bytes>, LoginError> {
        let request = self.login_request().map_err(|error| LoginError::OutOfReach(error.to_string()))?;
        self.transport.clone().oneshot(request).await.map_err(|error| match error {
            TransportError::NotSent(detail) | TransportError::NoAnswer(detail) => LoginError::OutOfReach(detail),
        })
    }

    fn login_request(&self) -> Result<Request<Bytes>, http::Error> {
        let Credentials { client_id, client_secret } = &self.credentials;
        let basic = STANDARD.encode(format!("{client_id}:{}", client_secret.expose_secret()));
        Request::builder()
            .method(Method::POST)
            .uri(&self.token_url)
            .header(AUTHORIZATION, format!("Basic {basic}"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from_static(b"grant_type=client_credentials"))
    }
}

/// Extracts the token from an answer of the token endpoint.
fn token_in(answer: &Response<Bytes>, generation: u64) -> Result<Token, LoginError> {
    if !answer.status().is_success() {
        return Err(refusal(answer.status(), answer.body()));
    }
    let answer: TokenAnswer = serde_json::from_slice(answer.body())
        .map_err(|_| LoginError::OutOfReach("its answer is not a token".to_owned()))?;
    if let Some(kind) = answer.token_type.as_ref().filter(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(LoginError::OutOfReach(format!("its token is of type {:?}", shortened(kind.clone()))));
    }
    let mut header = HeaderValue::try_from(format!("Bearer {}", answer.access_token))
        .map_err(|_| LoginError::OutOfReach("its token cannot be sent in a header".to_owned()))?;
    header.set_sensitive(true);
    Ok(Token { header, generation, renew_at: Instant::now() + answer.good_for() })
}

/// Classifies a failed login. The token endpoint's own throttling is a 400 with a text that says so; any other 4xx is
/// permanent.
fn refusal(status: http::StatusCode, body: &[u8]) -> LoginError {
    let told: TokenRefusal = serde_json::from_slice(body).unwrap_or_default();
    let description = told.error_description.or(told.description).unwrap_or_default();
    let (error, shown) = (shortened(told.error.unwrap_or_default()), shortened(description.clone()));
    let detail = format!("{status} {error} {shown}").trim().to_owned();
    if status == 429 || description.to_lowercase().contains("rate limit exceeded") {
        LoginError::Throttled(detail)
    } else if status.is_client_error() {
        LoginError::Refused(detail)
    } else {
        LoginError::OutOfReach(detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_the_login_host_is_told_at_any_length() {
        let long = "x".repeat(100_000);
        let body = format!("{{\"error\":\"{long}\",\"error_description\":\"{long} rate limit exceeded\"}}");
        let LoginError::Throttled(detail) = refusal(http::StatusCode::BAD_REQUEST, body.as_bytes()) else {
            panic!("what is at its end tells as well")
        };
        assert!(detail.len() < 1100, "{}", detail.len());
        let answer = Response::new(Bytes::from(format!("{{\"access_token\":\"t\",\"token_type\":\"{long}\"}}")));
        assert!(token_in(&answer, 1).unwrap_err().to_string().len() < 1000);
    }

    fn good_for(body: &str) -> Option<u64> {
        let answer = Response::new(Bytes::from(format!("{{\"access_token\":\"t\"{body}}}")));
        let used = token_in(&answer, 1).ok()?.renew_at - Instant::now();
        Some((used + Duration::from_millis(500)).as_secs())
    }

    #[test]
    fn a_token_is_read_as_liberally_as_may_be_and_used_for_a_time_that_makes_sense() {
        for (body, seconds) in [
            (",\"token_type\":\"bearer\",\"expires_in\":1000", Some(950)),
            (",\"token_type\":\"Bearer\",\"expires_in\":\"1000\"", Some(950)),
            (",\"expires_in\":1000.0", Some(950)),
            ("", Some(3600)),
            (",\"expires_in\":null", Some(3600)),
            (",\"expires_in\":-5", Some(3600)),
            (",\"expires_in\":0", Some(30)),
            (",\"expires_in\":1", Some(30)),
            (",\"expires_in\":1e300", Some(3600)),
            (",\"expires_in\":99999999999", Some(48 * 3600)),
            (",\"token_type\":\"mac\"", None),
        ] {
            assert_eq!(good_for(body), seconds, "{body}");
        }
    }
}
