//! A JSON object in which no key stands twice: which of the two is meant, nobody knows.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// An object's values by key.
pub(super) struct UniqueKeys(pub(super) Map<String, Value>);

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = UniqueKeys;
            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueKeys, A::Error> {
                let mut entries = Map::new();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if entries.contains_key(&key) {
                        return Err(A::Error::custom(format!("the key `{key}` stands twice")));
                    }
                    entries.insert(key, value);
                }
                Ok(UniqueKeys(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}
