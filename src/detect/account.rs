//! From the user of a process to evidence: accounts that no person works as.
//!
//! Of an account an agent tells a number, a name or both. All weights are a design, not fitted.
//!
//! | identifier | bits |
//! |---|---|
//! | `endpoint.service_account` | 3: root or a service's account uses the web as a person would |
//! | `endpoint.user` | 2: the rule of AN1601 names the user (UserContext) |

use super::attack::Analytic;
use super::evidence::{Bits, Group, Item};
use super::finding::Scene;
use super::{inventory, programs};
use crate::endpoint::report::Process;
use serde_json::json;

/// Accounts of services that have the same name everywhere.
const SERVICES: [&str; 8] = [
    "nobody", "daemon", "bin", "www-data", "apache", "nginx", "postgres", "mysql",
];

/// Whether no person works as `user`: root, or a service's account. macOS begins the names of
/// these with an underscore.
fn is_service(user: &str) -> bool {
    user == "root" || user.starts_with('_') || SERVICES.contains(&user)
}

/// What the user of the process tells.
pub fn item(scene: &Scene<'_>, analytic: Analytic, process: &Process) -> Option<Item> {
    let user = inventory::user(process)?;
    let name = programs::name(process).unwrap_or_default();
    let typed = process
        .parent
        .as_deref()
        .is_some_and(programs::is_interactive);
    let person = programs::is_browser(&name)
        || programs::is_application(&name)
        || typed && programs::is_tool(&name);
    let named = || {
        let rules = &scene.settings.rules().an1601;
        analytic == Analytic::An1601 && rules.user_context.contains(&user)
    };
    let (id, bits, expected, why) = if is_service(&user) && person {
        (
            "endpoint.service_account",
            3,
            "an account of a person",
            "an account that no person works as uses the web as a person would",
        )
    } else if named() {
        (
            "endpoint.user",
            2,
            "a user whose calls out are expected",
            "the rule names the user as one whose calls out are unexpected",
        )
    } else {
        return None;
    };
    let parent = process
        .parent
        .as_deref()
        .and_then(|parent| parent.path.as_deref());
    Some(
        Item::new(id, Group::Endpoint, Bits::whole(bits))
            .observed(json!({"user": user, "program": name, "parent": parent}))
            .expected(expected, 0)
            .why(why),
    )
}
