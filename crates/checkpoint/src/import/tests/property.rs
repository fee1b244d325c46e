//! For random models, random names and random damage: an import succeeds if and only if what it
//! loads is what was meant, bit for bit.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::{Dtype, SourceTensor};

/// A model's parameters with the values that are meant to get into it.
type Intended = BTreeMap<String, FloatTensor>;

fn model() -> impl Strategy<Value = Intended> {
    let name = r"(enc|dec|head)(\.[0-9]{1,2})?\.(attn|ff)\.(weight|bias)";
    let shape = vec(1_usize..4, 0..4);
    let tensor = shape.prop_flat_map(|shape| {
        let count: usize = shape.iter().product();
        // Every bit pattern of a finite number, -0 and subnormal ones too.
        let value = any::<u32>().prop_map(f32::from_bits);
        let value = value.prop_filter("finite", |value| value.is_finite());
        vec(value, count).prop_map(move |values| FloatTensor {
            shape: shape.clone(),
            values,
        })
    });
    btree_map(name, tensor, 1..12)
}

/// What the file calls the tensors, and the rules that lead back.
#[derive(Clone, Debug)]
enum Spelling {
    Same,
    /// Every name behind a wrapper's prefix.
    Wrapped(&'static str),
    /// `enc.` is called otherwise.
    Prefix,
    /// Every digit-bearing name is built otherwise.
    Pattern,
    /// The names of two families are exchanged.
    Exchanged,
}

impl Spelling {
    fn in_file(&self, name: &str) -> String {
        match self {
            Spelling::Same => name.into(),
            Spelling::Wrapped(prefix) => format!("{prefix}{name}"),
            Spelling::Prefix => match name.strip_prefix("enc.") {
                Some(rest) => format!("transformer.encoder.{rest}"),
                None => name.into(),
            },
            Spelling::Pattern => {
                let parts: Vec<&str> = name.split('.').collect();
                match parts[..] {
                    [family, number, block, kind] => format!("{block}/{kind}@{family}_{number}"),
                    _ => name.into(),
                }
            }
            Spelling::Exchanged => match name.split_once('.') {
                Some(("enc", rest)) => format!("dec.{rest}"),
                Some(("dec", rest)) => format!("enc.{rest}"),
                _ => name.into(),
            },
        }
    }

    fn rules(&self) -> Vec<RenameRule> {
        let prefix = |from: &str, to: &str| RenameRule {
            prefix: Some(from.into()),
            pattern: None,
            to: to.into(),
        };
        match self {
            Spelling::Same | Spelling::Wrapped(_) => vec![],
            Spelling::Prefix => vec![prefix("transformer.encoder.", "enc.")],
            Spelling::Pattern => vec![RenameRule {
                prefix: None,
                pattern: Some("([a-z]+)/([a-z]+)@([a-z]+)_([0-9]+)".into()),
                to: "$3.$4.$1.$2".into(),
            }],
            Spelling::Exchanged => vec![
                prefix("enc.", "kept."),
                prefix("dec.", "enc."),
                prefix("kept.", "dec."),
            ],
        }
    }
}

/// What happens to one tensor of the file.
#[derive(Clone, Debug)]
enum Damage {
    None,
    Lost,
    Added,
    Renamed,
    Flattened,
    Nan,
    Integers,
    /// Two tensors that the rules lead to one parameter.
    Doubled,
    /// A rule that matches nothing.
    IdleRule,
    /// Declared new, though it is there.
    DeclaredNew,
}

fn damage() -> impl Strategy<Value = Damage> {
    use Damage::*;
    select(vec![
        None,
        None,
        None,
        Lost,
        Added,
        Renamed,
        Flattened,
        Nan,
        Integers,
        Doubled,
        IdleRule,
        DeclaredNew,
    ])
}

fn spelling() -> impl Strategy<Value = Spelling> {
    use Spelling::*;
    let wrapped = ["module.", "_orig_mod.", "model."].map(Wrapped);
    select(
        [Same, Prefix, Pattern, Exchanged]
            .into_iter()
            .chain(wrapped)
            .collect::<Vec<_>>(),
    )
}

/// Does the damage; false if it changes nothing.
fn spoil(
    damage: &Damage,
    victim: &str,
    intended: &Intended,
    tensors: &mut BTreeMap<String, SourceTensor>,
    rules: &mut ImportRules,
) -> bool {
    let Some(tensor) = tensors.get(victim).cloned() else {
        return false;
    };
    let with = |shape: &[usize], dtype, bytes: Vec<u8>| {
        SourceTensor::new(shape.to_vec(), dtype, bytes).expect("its bytes are those of its shape")
    };
    match damage {
        Damage::None => return false,
        Damage::Lost => drop(tensors.remove(victim)),
        Damage::Added => drop(tensors.insert("zz.extra".into(), tensor)),
        Damage::Renamed => {
            tensors.remove(victim);
            tensors.insert(format!("{victim}_"), tensor);
        }
        Damage::Flattened => {
            let count: usize = tensor.shape().iter().product();
            let flat = with(&[count], Dtype::F32, tensor.bytes().to_vec());
            let changes = flat.shape() != tensor.shape();
            tensors.insert(victim.into(), flat);
            return changes;
        }
        Damage::Nan => {
            let mut bytes = tensor.bytes().to_vec();
            let at = bytes.len() - 4;
            bytes[at..].copy_from_slice(&f32::NAN.to_le_bytes());
            tensors.insert(victim.into(), with(tensor.shape(), Dtype::F32, bytes));
        }
        Damage::Integers => {
            let bytes = tensor.bytes().to_vec();
            tensors.insert(victim.into(), with(tensor.shape(), Dtype::I32, bytes));
        }
        Damage::Doubled => {
            let target = intended.keys().next().expect("a model has a parameter");
            rules.rename.push(RenameRule {
                prefix: Some("zz.twin.".into()),
                pattern: None,
                to: target.clone(),
            });
            tensors.insert("zz.twin.".into(), tensor);
        }
        Damage::IdleRule => rules.rename.push(RenameRule {
            prefix: Some("nobody.is.called.so".into()),
            pattern: None,
            to: "x".into(),
        }),
        Damage::DeclaredNew => rules.new = vec!["*".into()],
    }
    true
}

fn bits(tensors: &Intended) -> Vec<(&String, &[usize], Vec<u32>)> {
    let tensors = tensors.iter();
    tensors
        .map(|(name, tensor)| {
            let values = tensor.values.iter().map(|value| value.to_bits());
            (name, tensor.shape.as_slice(), values.collect())
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn an_import_succeeds_if_and_only_if_it_loads_what_is_meant(
        intended in model(),
        spelling in spelling(),
        damage in damage(),
        victim in any::<Index>(),
    ) {
        let mut tensors: BTreeMap<String, SourceTensor> = intended
            .iter()
            .map(|(name, tensor)| {
                let bytes = tensor.values.iter().flat_map(|value| value.to_le_bytes());
                let bytes = bytes.collect();
                let source = SourceTensor::new(tensor.shape.clone(), Dtype::F32, bytes).unwrap();
                (spelling.in_file(name), source)
            })
            .collect();
        let mut rules = ImportRules { rename: spelling.rules(), ..ImportRules::default() };
        // A rule that has nothing to do is refused: keep those that have.
        let mut names: Vec<String> = tensors.keys().cloned().collect();
        rules.rename.retain(|rule| {
            let rule = rule.compile().unwrap();
            let renamed: Vec<_> = names.iter().map(|name| rule.apply(name)).collect();
            let matches = renamed.iter().any(Option::is_some);
            for (name, other) in names.iter_mut().zip(renamed) {
                *name = other.unwrap_or_else(|| name.clone());
            }
            matches
        });
        let victim = victim.get(&tensors.keys().cloned().collect::<Vec<_>>()).clone();
        let spoilt = spoil(&damage, &victim, &intended, &mut tensors, &mut rules);
        let target: Vec<TargetTensor> = intended
            .iter()
            .map(|(name, tensor)| TargetTensor { name: name.clone(), shape: tensor.shape.clone() })
            .collect();
        let source = Checkpoint { tensors, ..checkpoint(&[("a", &[])]) };
        match import(source.clone(), &target, &rules) {
            Ok(import) => {
                prop_assert!(!spoilt, "{damage:?} of {victim} went unnoticed");
                prop_assert_eq!(bits(&import.tensors), bits(&intended));
            }
            Err(error) => prop_assert!(spoilt, "{spelling:?}: {error}"),
        }
    }
}
