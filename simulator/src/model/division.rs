//! Divisions: users outside this client's own division do not exist for it.

use serde_json::{Value, json};
use uuid::Uuid;

use super::Model;
use super::org::User;

/// Name of the division of everyone whom the client sees.
pub(super) const HOME: &str = "Home";
const HOME_ID: Uuid = Uuid::from_u128(0x0d1b_5c0e_6f0a_4a57_9d0e_8a1b_2c3d_4e5f);

/// Returns the division of everyone whom the client sees.
pub(super) fn home() -> Value {
    json!({ "id": HOME_ID, "name": HOME, "selfUri": format!("/api/v2/authorization/divisions/{HOME_ID}") })
}

/// Returns a division by id.
pub(super) fn division(id: Uuid) -> Value {
    if id == HOME_ID {
        return home();
    }
    json!({ "id": id, "name": "", "selfUri": format!("/api/v2/authorization/divisions/{id}") })
}

impl Model {
    /// Returns whether this client may see a user.
    pub(super) fn sees(&self, user: Uuid) -> bool {
        let share = self.behaviour.hidden_users;
        share <= 0.0 || self.dice.unit("hidden", Some(user), 0) >= share
    }

    /// Returns the users whom this client may see, in the order of listings.
    pub(super) fn seen_users(&self) -> impl Iterator<Item = &User> {
        self.org.users().filter(|user| self.sees(user.profile.id))
    }

    /// Returns the users whom this client may not see.
    pub(crate) fn hidden(&self) -> Vec<Uuid> {
        self.org.users().map(|user| user.profile.id).filter(|user| !self.sees(*user)).collect()
    }
}
