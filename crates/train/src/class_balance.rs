//! Rare classes: what their stays count in the loss, and how often an epoch has them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use pipeline_random::Stream;

/// What a stay's loss counts, by its class.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ClassWeights {
    /// Every stay counts alike.
    #[default]
    Equal,
    /// A class of c stays of n in training counts n / (classes · c), so that all classes count alike.
    Balanced,
    /// By class.
    Given(Vec<f64>),
}

/// How [`ClassWeights::Balanced`] is written.
const BALANCED: &str = "balanced";
/// How [`ClassWeights::Equal`] is written.
const EQUAL: &str = "equal";

impl ClassWeights {
    /// The weight of every class, given the labels of the training split; none: all alike.
    pub fn of(&self, labels: &[u32], classes: usize) -> Option<Vec<f32>> {
        match self {
            ClassWeights::Equal => None,
            ClassWeights::Given(weights) => Some(weights.iter().map(|&w| w as f32).collect()),
            ClassWeights::Balanced => {
                let weight = |class| {
                    let stays = labels.iter().filter(|&&label| label == class).count();
                    (labels.len() as f64 / (classes as f64 * stays as f64)) as f32
                };
                Some((0..classes as u32).map(weight).collect())
            }
        }
    }
}

impl Serialize for ClassWeights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ClassWeights::Equal => serializer.serialize_str(EQUAL),
            ClassWeights::Balanced => serializer.serialize_str(BALANCED),
            ClassWeights::Given(weights) => weights.serialize(serializer),
        }
    }
}

// Written by hand: `untagged` would reduce every mistake to "matched no variant".
impl<'de> Deserialize<'de> for ClassWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrList;
        impl<'de> Visitor<'de> for WordOrList {
            type Value = ClassWeights;
            fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                write!(
                    formatter,
                    "\"{EQUAL}\", \"{BALANCED}\" or a weight for every class"
                )
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<ClassWeights, E> {
                match word {
                    EQUAL => Ok(ClassWeights::Equal),
                    BALANCED => Ok(ClassWeights::Balanced),
                    _ => Err(E::unknown_variant(word, &[EQUAL, BALANCED])),
                }
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ClassWeights, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(ClassWeights::Given)
            }
        }
        deserializer.deserialize_any(WordOrList)
    }
}

impl JsonSchema for ClassWeights {
    fn schema_name() -> Cow<'static, str> {
        "ClassWeights".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What a stay's loss counts, by its class.",
            "anyOf": [
                {
                    "type": "string",
                    "oneOf": [
                        { "description": "Every stay counts alike.", "type": "string", "const": EQUAL },
                        {
                            "description": "A class of c stays of n in training counts n / (classes · c): all classes count alike.",
                            "type": "string",
                            "const": BALANCED
                        }
                    ]
                },
                {
                    "description": "A weight for every class, from class 0 on.",
                    "type": "array",
                    "items": { "type": "number", "exclusiveMinimum": 0.0 },
                    "minItems": 2
                }
            ]
        })
    }
}

/// Which stays of the training split an epoch has, in a new order every time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// Every stay once.
    #[default]
    Shuffle,
    /// As many stays as the split has, of every class equally many: stays of a rare class several times, of a frequent one another part every epoch.
    Balanced,
}

impl Sampling {
    /// The rows of epoch `epoch`, counted from 1, in order; `labels` has a class for every row.
    pub fn rows(self, labels: &[u32], epoch: u64, seed: u64) -> Vec<u32> {
        let mut rows = match self {
            Sampling::Shuffle => (0..labels.len() as u32).collect(),
            Sampling::Balanced => balanced(labels, epoch, seed),
        };
        let order = Stream::new(seed, "order of stays");
        order.at(&[epoch]).shuffle(&mut rows);
        rows
    }
}

/// As many rows as there are labels, evenly over the classes. Those of a class come in shuffled
/// passes, so that none comes twice more often than another.
fn balanced(labels: &[u32], epoch: u64, seed: u64) -> Vec<u32> {
    let draw = Stream::new(seed, "balanced stays");
    let mut classes = labels.to_vec();
    classes.sort_unstable();
    classes.dedup();
    let mut rows = Vec::with_capacity(labels.len());
    for (index, &class) in classes.iter().enumerate() {
        let of_class: Vec<u32> = (0..labels.len() as u32)
            .filter(|&row| labels[row as usize] == class)
            .collect();
        // What cannot be shared out evenly goes to other classes every epoch.
        let turn = (index as u64 + epoch) % classes.len() as u64;
        let more = (turn < (labels.len() % classes.len()) as u64) as usize;
        let mut wanted = labels.len() / classes.len() + more;
        let mut pass = 0;
        while wanted > 0 {
            let mut shuffled = of_class.clone();
            draw.at(&[epoch, u64::from(class), pass])
                .shuffle(&mut shuffled);
            shuffled.truncate(wanted);
            wanted -= shuffled.len();
            rows.extend(shuffled);
            pass += 1;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<u32> {
        (0..23).map(|row| u32::from(row % 8 == 0)).collect()
    }

    #[test]
    fn balanced_weights_let_all_classes_count_alike() {
        let weights = ClassWeights::Balanced.of(&[0, 0, 0, 1], 2);
        assert_eq!(weights, Some(vec![4.0 / 6.0, 2.0]));
        assert_eq!(ClassWeights::Equal.of(&[0, 1], 2), None);
        let given = ClassWeights::Given(vec![1.0, 5.0]);
        assert_eq!(given.of(&[0, 1], 2), Some(vec![1.0, 5.0]));
    }

    #[test]
    fn weights_are_a_word_or_a_list() {
        for text in ["\"equal\"", "\"balanced\"", "[1.0,2.5]"] {
            let read: ClassWeights = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
        let error = serde_json::from_str::<ClassWeights>("\"even\"").unwrap_err();
        assert!(error.to_string().contains("balanced"), "{error}");
    }

    #[test]
    fn a_shuffled_epoch_has_every_stay_once() {
        let mut rows = Sampling::Shuffle.rows(&labels(), 1, 7);
        assert_ne!(rows, Sampling::Shuffle.rows(&labels(), 2, 7));
        rows.sort_unstable();
        assert_eq!(rows, (0..23).collect::<Vec<_>>());
    }

    #[test]
    fn a_balanced_epoch_has_every_class_equally_often_and_no_stay_much_oftener_than_another() {
        let labels = labels();
        let mut positives = Vec::new();
        for epoch in 1..=2 {
            let rows = Sampling::Balanced.rows(&labels, epoch, 7);
            assert_eq!(rows.len(), labels.len());
            let times = |row: u32| rows.iter().filter(|&&other| other == row).count();
            let labels = &labels;
            let of_class = |class| (0..23).filter(move |&row| labels[row as usize] == class);
            positives.push(of_class(1).map(times).sum::<usize>());
            assert!(of_class(1).all(|row| (3..=4).contains(&times(row))));
            assert!(of_class(0).all(|row| times(row) <= 1));
        }
        // 23 stays and two classes: 11 and 12 in turn.
        positives.sort_unstable();
        assert_eq!(positives, [11, 12]);
        let one = Sampling::Balanced.rows(&labels, 1, 7);
        assert_eq!(one, Sampling::Balanced.rows(&labels, 1, 7));
        assert_ne!(one, Sampling::Balanced.rows(&labels, 2, 7));
        assert_ne!(one, Sampling::Balanced.rows(&labels, 1, 8));
    }
}
