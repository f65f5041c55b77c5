//! Keys of a JSON text that this Keepwell does not know: a newer one wrote them, and they stay where an older one writes
//! the text anew.
//!
//! They are kept rather than the text refused: what a person can not go without in a newer Keepwell makes its texts or its
//! catalog unreadable for older ones, which is refused; a key beside the others is passed over by agreement, and a run
//! writes the text too (it notes volumes), so refusing would end the work of both versions on one machine.
//!
//! Invariants: a key that is known is as the new text says, also where that leaves it out; what became another thing (its
//! `kind` or `id` is another) keeps nothing of the one before. Deliberately not here: which texts these are (what the
//! catalog keeps of pairs, plans and second copies, and the settings).

use serde::Serialize;
use serde_json::Value;

/// A value as text, to be written in place of an old text. `understood` is what this Keepwell reads in that.
///
/// # Errors
/// One of them can not be written as JSON, or the old text is none.
pub fn text_over<T: Serialize>(old: &str, understood: &T, new: &T) -> Result<String, serde_json::Error> {
    let mut written = serde_json::to_value(new)?;
    keep(&serde_json::from_str(old)?, &serde_json::to_value(understood)?, &mut written);
    serde_json::to_string(&written)
}

/// Puts into a new text what an old one says in keys that are not understood. `understood` is the old text as this Keepwell
/// writes it: what is not there is not understood.
fn keep(old: &Value, understood: &Value, new: &mut Value) {
    match (old, understood, new) {
        (Value::Object(old), Value::Object(understood), Value::Object(new)) => {
            if ["kind", "id"].iter().any(|key| understood.get(*key) != new.get(*key)) {
                return;
            }
            for (key, value) in old {
                match (understood.get(key), new.get_mut(key)) {
                    (None, None) => drop(new.insert(key.clone(), value.clone())),
                    (Some(understood), Some(new)) => keep(value, understood, new),
                    _ => {}
                }
            }
        }
        (Value::Array(old), Value::Array(understood), Value::Array(new)) => {
            for item in new {
                // An item is the one before where all that is known of it is the same.
                let mut before = old.iter().zip(understood);
                if let Some((old, understood)) = before.find(|(_, understood)| *understood == item) {
                    keep(old, understood, item);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_understood_stays_and_what_is_known_is_as_the_new_text_says() {
        let old = json!({
            "name": "a", "later": 1, "gone": { "id": 1, "later": 2 },
            "rules": { "size": 5, "later": [3] },
            "schedule": { "kind": "daily", "later": 4 },
            "windows": [{ "from": 1, "later": 5 }, { "from": 2, "later": 6 }],
        });
        let understood = json!({
            "name": "a", "gone": { "id": 1 }, "rules": { "size": 5 }, "schedule": { "kind": "daily" },
            "windows": [{ "from": 1 }, { "from": 2 }],
        });
        let mut new = json!({
            "name": "b", "rules": { "size": 7 }, "schedule": { "kind": "weekly" },
            "windows": [{ "from": 2 }, { "from": 3 }],
        });
        keep(&old, &understood, &mut new);
        assert_eq!(
            new,
            json!({
                "name": "b", "later": 1, "rules": { "size": 7, "later": [3] },
                "schedule": { "kind": "weekly" }, "windows": [{ "from": 2, "later": 6 }, { "from": 3 }],
            })
        );
    }
}
