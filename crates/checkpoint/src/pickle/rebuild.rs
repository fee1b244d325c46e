//! The results of the few calls that a pickle may ask for.

use std::rc::Rc;

use super::global::{Global, Rebuild};
use super::heap::{Heap, Object, Storage, TensorView};
use super::value::Value;
use crate::dtype::Dtype;
use crate::refusal::Refusal;

/// More axes than any layer's weight has.
const MAX_RANK: usize = 16;

/// The storage of a persistent id: `("storage", type, key, location, length)`, and in the older
/// format a sixth element, None unless the storage is a view of another.
pub(super) fn storage(heap: &Heap, id: Value) -> Result<Storage, Refusal> {
    let wrong = || Refusal::new("a persistent id that is no storage");
    let (kind, class, key, length) = match heap.tuple(id).ok_or_else(wrong)? {
        [kind, class, key, _, length] | [kind, class, key, _, length, Value::None] => {
            (*kind, *class, *key, *length)
        }
        _ => return Err(wrong()),
    };
    match (heap.text(kind), class, heap.object(key)) {
        (Some("storage"), Value::Global(Global::Storage(dtype)), Some(Object::Text(key))) => {
            Ok(Storage {
                key: Rc::clone(key),
                dtype,
                length: natural(length)?,
            })
        }
        _ => Err(wrong()),
    }
}

/// More attributes or metadata than a tensor has; a longer dict could be gone through again and again.
const MAX_ATTRIBUTES: usize = 64;

/// How deep `_rebuild_from_type_v2` may call others; torch does so once.
const MAX_CALLS: usize = 4;

/// The tensor that a call of one of torch's functions makes. What an argument says that is not done
/// here refuses the file: a tensor must not be read as something else than torch would make of it.
pub(super) fn call(
    heap: &mut Heap,
    mut function: Rebuild,
    mut arguments: Value,
) -> Result<Value, Refusal> {
    for _ in 0..MAX_CALLS {
        let given = heap.tuple(arguments).unwrap_or_default();
        let unknown = || {
            let reason = format!("{} with {} arguments", function.name(), given.len());
            Refusal::new(format!("a tensor made by {reason}, which is not known"))
        };
        let (tensor, state) = match (function, given) {
            (Rebuild::Tensor, [_, _, _, _]) => (view_of(heap, given)?, None),
            (Rebuild::TensorV2, [array @ .., _, hooks]) if array.len() == 4 => {
                no_hooks(heap, *hooks, function)?;
                (view_of(heap, array)?, None)
            }
            (Rebuild::TensorV2, [array @ .., _, hooks, metadata]) if array.len() == 4 => {
                no_hooks(heap, *hooks, function)?;
                let mut view = view_of(heap, array)?;
                view.negated = is_negated(heap, *metadata, view.storage.dtype)?;
                (view, None)
            }
            (Rebuild::Parameter, [tensor, _, hooks]) => {
                no_hooks(heap, *hooks, function)?;
                heap.tensor(*tensor).ok_or_else(no_tensor)?;
                return Ok(*tensor);
            }
            (Rebuild::ParameterWithState, [tensor, _, hooks, state]) => {
                no_hooks(heap, *hooks, function)?;
                let view = heap.tensor(*tensor).ok_or_else(no_tensor)?;
                (view.clone(), Some(*state))
            }
            (Rebuild::FromType, [inner, class, inner_arguments, state]) => {
                let (Value::Global(Global::Rebuild(inner)), Value::Global(Global::TensorClass)) =
                    (*inner, *class)
                else {
                    return Err(Refusal::new(format!(
                        "a tensor of another class than torch.Tensor, made by {}",
                        function.name()
                    )));
                };
                let (inner_arguments, state) = (*inner_arguments, *state);
                plain_attributes(heap, state, function)?;
                (function, arguments) = (inner, inner_arguments);
                continue;
            }
            _ => return Err(unknown()),
        };
        if let Some(state) = state {
            plain_attributes(heap, state, function)?;
        }
        return heap.add(Object::Tensor(tensor));
    }
    Err(Refusal::new("a tensor made by too many calls"))
}

fn no_tensor() -> Refusal {
    Refusal::new("a parameter that is no tensor")
}

/// Hooks are code; torch writes an empty dict in their place.
fn no_hooks(heap: &Heap, hooks: Value, function: Rebuild) -> Result<(), Refusal> {
    let none = hooks == Value::None
        || heap.dict(hooks).is_some_and(<[_]>::is_empty)
        || heap.tuple(hooks).is_some_and(<[_]>::is_empty);
    match none {
        true => Ok(()),
        false => Err(Refusal::new(format!(
            "a tensor with `backward_hooks` ({}, {}), which are not run",
            function.name(),
            heap.kind(hooks)
        ))),
    }
}

/// Whether the metadata of `_rebuild_tensor_v2` say that the numbers are the stored ones times −1.
fn is_negated(heap: &Heap, metadata: Value, dtype: Dtype) -> Result<bool, Refusal> {
    if metadata == Value::None {
        return Ok(false);
    }
    let entries = heap
        .dict(metadata)
        .filter(|all| all.len() <= MAX_ATTRIBUTES);
    let entries =
        entries.ok_or_else(|| Refusal::new("a tensor whose metadata are no small dict"))?;
    let mut negated = false;
    for (key, value) in entries {
        let key = heap.text(*key).unwrap_or(heap.kind(*key));
        match (key, *value) {
            (_, Value::Bool(false)) => {}
            ("neg", Value::Bool(true)) if dtype.is_float() => negated = true,
            _ => {
                return Err(Refusal::new(format!(
                    "a tensor of {dtype} with the unknown metadata `{key}`, which may change its stored numbers"
                ))
                .with_hint("save its plain value: `tensor.resolve_conj().resolve_neg().clone()`"));
            }
        }
    }
    Ok(negated)
}

/// Python attributes of a tensor: a dict, or that and one of slots. Settings among them change no number
/// of the tensor; another tensor among them may (a scale, a mask).
fn plain_attributes(heap: &mut Heap, state: Value, function: Rebuild) -> Result<(), Refusal> {
    let parts = match heap.tuple(state) {
        Some(parts) if parts.len() <= 2 => parts.to_vec(),
        _ => vec![state],
    };
    let mut names = Vec::new();
    for part in parts.into_iter().filter(|part| *part != Value::None) {
        let entries = heap.dict(part).filter(|all| all.len() <= MAX_ATTRIBUTES);
        let entries = entries.ok_or_else(|| {
            Refusal::new(format!(
                "a tensor whose attributes ({}) are {}, not a small dict",
                function.name(),
                heap.kind(part)
            ))
        })?;
        for (key, value) in entries {
            let name = match heap.object(*key) {
                Some(Object::Text(name)) => Rc::clone(name),
                _ => return Err(Refusal::new("a tensor with an attribute without a name")),
            };
            let plain = match heap.object(*value) {
                None => !matches!(value, Value::Global(_)),
                Some(object) => matches!(object, Object::Text(_)),
            };
            if !plain {
                return Err(Refusal::new(format!(
                    "a tensor with the attribute `{name}` ({}), {}: it may change what its numbers mean",
                    function.name(),
                    heap.kind(*value)
                ))
                .with_hint("save plain tensors: {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}"));
            }
            names.push(name);
        }
    }
    names.into_iter().for_each(|name| heap.note_attribute(name));
    Ok(())
}

/// The array of `storage, offset, size, stride`.
fn view_of(heap: &Heap, arguments: &[Value]) -> Result<TensorView, Refusal> {
    let wrong = || Refusal::new("a tensor with unknown arguments");
    let [storage, offset, size, stride] = arguments else {
        return Err(wrong());
    };
    let Some(Object::Storage(storage)) = heap.object(*storage) else {
        return Err(wrong());
    };
    let axes = |value: &Value| -> Result<Vec<usize>, Refusal> {
        let axes = heap.tuple(*value).ok_or_else(wrong)?;
        axes.iter().map(|axis| natural(*axis)).collect()
    };
    view(storage, natural(*offset)?, axes(size)?, axes(stride)?)
}

fn view(
    storage: &Storage,
    offset: usize,
    shape: Vec<usize>,
    mut stride: Vec<usize>,
) -> Result<TensorView, Refusal> {
    if shape.len() != stride.len() || shape.len() > MAX_RANK {
        return Err(Refusal::new(
            "a tensor whose sizes and strides do not belong together",
        ));
    }
    for (step, length) in stride.iter_mut().zip(&shape) {
        if *length < 2 {
            *step = 0;
        }
    }
    let count = shape
        .iter()
        .try_fold(1_usize, |n, axis| n.checked_mul(*axis));
    let last = shape
        .iter()
        .zip(&stride)
        .try_fold(offset, |at, (length, step)| {
            at.checked_add(length.saturating_sub(1).checked_mul(*step)?)
        });
    let inside = match (count, last) {
        (Some(0), _) => true,
        (Some(_), Some(last)) => last < storage.length,
        _ => false,
    };
    if !inside {
        return Err(Refusal::new(format!(
            "a tensor {shape:?} with strides {stride:?} at {offset} reaches beyond its storage {} of {} elements",
            storage.key, storage.length
        )));
    }
    Ok(TensorView {
        storage: storage.clone(),
        offset,
        shape,
        stride,
        negated: false,
    })
}

/// The entries of `OrderedDict()`, `OrderedDict({key: value, …})` or `OrderedDict([[key, value], …])`.
pub(super) fn entries(heap: &Heap, arguments: &[Value]) -> Result<Vec<(Value, Value)>, Refusal> {
    let wrong = || Refusal::new("an OrderedDict with unknown arguments");
    let items = match arguments {
        [] => return Ok(Vec::new()),
        [items] => match heap.dict(*items) {
            Some(entries) => return Ok(entries.to_vec()),
            None => heap.list(*items).ok_or_else(wrong)?,
        },
        _ => return Err(wrong()),
    };
    let pair = |item: &Value| match heap.list(*item).or_else(|| heap.tuple(*item)) {
        Some([key, value]) => Ok((*key, *value)),
        _ => Err(wrong()),
    };
    items.iter().map(pair).collect()
}

fn natural(value: Value) -> Result<usize, Refusal> {
    let number = match value {
        Value::Int(number) => usize::try_from(number).ok(),
        _ => None,
    };
    number.ok_or_else(|| Refusal::new("a size, stride or offset that is no natural number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage_of(length: usize) -> Storage {
        Storage {
            key: "0".into(),
            dtype: Dtype::F32,
            length,
        }
    }

    #[test]
    fn a_view_inside_its_storage_is_a_tensor_and_any_other_is_refused() {
        let storage = storage_of(24);
        assert!(view(&storage, 0, vec![6, 4], vec![4, 1]).is_ok());
        assert!(view(&storage, 23, vec![], vec![]).is_ok());
        assert!(view(&storage, 0, vec![1_000_000], vec![0]).is_ok());
        assert!(view(&storage, 99, vec![0, 4], vec![4, 1]).is_ok());
        assert!(view(&storage, 0, vec![1, 24], vec![usize::MAX, 1]).is_ok());
        for (offset, shape, stride) in [
            (1, vec![6, 4], vec![4, 1]),
            (24, vec![], vec![]),
            (0, vec![6, 4], vec![1]),
            (0, vec![2], vec![usize::MAX]),
            (usize::MAX, vec![2], vec![1]),
            (0, vec![usize::MAX, usize::MAX], vec![0, 0]),
        ] {
            let error = view(&storage, offset, shape.clone(), stride).unwrap_err();
            assert!(error.to_string().contains("tensor"), "{shape:?}: {error}");
        }
    }

    #[test]
    fn the_opened_list_form_of_an_ordered_dict_is_understood() {
        let mut heap = Heap::new(100);
        let pair = heap.add(Object::List(vec![Value::Int(1), Value::Int(2)]));
        let pair = pair.unwrap();
        let items = heap.add(Object::List(vec![pair])).unwrap();
        assert_eq!(
            entries(&heap, &[items]).unwrap(),
            [(Value::Int(1), Value::Int(2))]
        );
        assert!(entries(&heap, &[pair]).is_err());
    }
}
