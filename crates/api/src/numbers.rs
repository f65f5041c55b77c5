//! Numbers as they cross to JavaScript: exact there, or refused here.
//!
//! JavaScript keeps whole numbers exact only below 2^53. Invariant: a [`Count`] at or above that is never written and
//! never accepted, so nothing is rounded in silence. Deliberately not here: formatting for people.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use ts_rs::{Config, TS};

/// The first whole number JavaScript can not tell from its neighbour.
pub const LIMIT: u64 = 1 << 53;

/// A count or a number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count(pub u64);

/// A moment: milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl From<u64> for Count {
    fn from(value: u64) -> Self {
        Self(value)
    }
}

impl From<usize> for Count {
    fn from(value: usize) -> Self {
        Self(value as u64)
    }
}

impl From<i64> for Moment {
    fn from(value: i64) -> Self {
        Self(value)
    }
}

impl From<keepwell_model::Timestamp> for Moment {
    /// Clamped to what JavaScript can hold: a file may claim any time.
    fn from(value: keepwell_model::Timestamp) -> Self {
        let limit = LIMIT as i64 - 1;
        Self(value.to_milliseconds().clamp(-limit, limit))
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 >= LIMIT {
            return Err(ser::Error::custom(format!("{} is larger than a number may be here (2^53)", self.0)));
        }
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u64::deserialize(deserializer)?;
        if value >= LIMIT {
            return Err(de::Error::custom(format!("{value} is larger than a number may be here (2^53)")));
        }
        Ok(Self(value))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.unsigned_abs() >= LIMIT {
            return Err(ser::Error::custom(format!("the time {} does not fit here (2^53)", self.0)));
        }
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = i64::deserialize(deserializer)?;
        if value.unsigned_abs() >= LIMIT {
            return Err(de::Error::custom(format!("the time {value} does not fit here (2^53)")));
        }
        Ok(Self(value))
    }
}

/// Says that a type is one of TypeScript's own.
macro_rules! as_typescript {
    ($type:ty, $name:literal) => {
        impl TS for $type {
            type WithoutGenerics = Self;
            type OptionInnerType = Self;

            fn name(_: &Config) -> String {
                $name.to_owned()
            }

            fn inline(_: &Config) -> String {
                $name.to_owned()
            }
        }
    };
}
pub(crate) use as_typescript;

as_typescript!(Count, "number");
as_typescript!(Moment, "number");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_javascript_would_round_is_refused_both_ways() {
        assert_eq!(serde_json::to_string(&Count(LIMIT - 1)).unwrap(), "9007199254740991");
        assert!(serde_json::to_string(&Count(LIMIT)).is_err());
        assert!(serde_json::from_str::<Count>("9007199254740992").is_err());
        assert!(serde_json::from_str::<Moment>("-9007199254740992").is_err());
    }

    #[test]
    fn the_time_a_file_claims_always_fits() {
        let far = keepwell_model::Timestamp::new(i64::MAX, 0);
        assert!(serde_json::to_string(&Moment::from(far)).is_ok());
    }
}
