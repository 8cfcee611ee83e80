//! What HR systems send: whether it is theirs, whom it is about, and which assignments follow from it.
//!
//! Pure as far as it goes: a signature is verified and a payload mapped without any knowledge of HTTP or Genesys. What
//! waits for something (a filter that runs, a record that is fetched) has a bound on how long.

pub mod signature;
